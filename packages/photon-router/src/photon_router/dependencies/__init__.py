"""Dependencies: values that providers make for handlers.

========================  =====================================================================
``_providers``            `Providers`: the provider of an argument, by `Depends` or by type
``_application_values``   values that live as long as the application
``_entering``             providers that yield, as context managers
``_outside_requests``     `Provision`: provided values outside of requests
``_before_arguments``     functions with dependencies that are called before a handler
``_background``           `BackgroundTasks`: a value that every application provides
========================  =====================================================================
"""

from ._application_values import ApplicationValues as ApplicationValues
from ._background import BackgroundTasks as BackgroundTasks
from ._before_arguments import CURRENT_REQUEST as CURRENT_REQUEST
from ._before_arguments import with_dependencies as with_dependencies
from ._entering import as_context_manager as as_context_manager
from ._outside_requests import Provision as Provision
from ._providers import Owned as Owned
from ._providers import Providers as Providers
from ._providers import check_provided as check_provided
from ._providers import connection_argument as connection_argument
