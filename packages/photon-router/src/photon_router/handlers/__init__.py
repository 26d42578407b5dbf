"""Handlers and their operations: written from them (code first), or matched to them (spec first).

========================  =====================================================================
``_options``              the options of a decorator
``_registration_checks``  what can never work is refused: middleware, error handlers, lifespans
``_path_checks``          the same for paths
``_route_scope``          the middleware and so on that a handler inherits from its routers
``_entry``                `HandlerEntry`: one record for each handler, from decorator to compiler
``_operation``            a signature to an operation; `_request_body` and `_response_objects` write
                          its parts, `_writer_context` is the state that all operations share
``_parameter_matching``   spec first: the parameter of each argument
``_compilation``          the state that the compilation of all operations shares
``_arguments``            the binders of an operation's arguments; `_body_arguments` those of its
                          body
========================  =====================================================================
"""

from ._arguments import Arguments as Arguments
from ._compilation import CompilationContext as CompilationContext
from ._compilation import naming as naming
from ._entry import HandlerEntry as HandlerEntry
from ._entry import OperationNames as OperationNames
from ._entry import ParameterKeys as ParameterKeys
from ._entry import name_operation as name_operation
from ._operation import JSON as JSON
from ._operation import default_status as default_status
from ._operation import write_operation as write_operation
from ._options import DeclaredResponse as DeclaredResponse
from ._options import OperationOptions as OperationOptions
from ._options import RouteOptions as RouteOptions
from ._options import check_operation_options as check_operation_options
from ._options import check_options as check_options
from ._options import dependencies_of as dependencies_of
from ._options import dependency_of as dependency_of
from ._options import merge_options as merge_options
from ._options import scope_of as scope_of
from ._options import shared_options as shared_options
from ._path_checks import path_problem as path_problem
from ._registration_checks import check_error_classes as check_error_classes
from ._registration_checks import check_error_handler as check_error_handler
from ._registration_checks import check_handler as check_handler
from ._registration_checks import check_lifespan as check_lifespan
from ._registration_checks import check_list as check_list
from ._registration_checks import check_method as check_method
from ._registration_checks import check_middleware as check_middleware
from ._registration_checks import entered as entered
from ._registration_checks import is_wsgi as is_wsgi
from ._route_scope import ErrorHandler as ErrorHandler
from ._route_scope import Middleware as Middleware
from ._route_scope import RouteScope as RouteScope
from ._writer_context import WriterContext as WriterContext
