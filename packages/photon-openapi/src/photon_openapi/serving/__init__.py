"""The errors that prevent a document, or single operations of it, from being served.

====================  =========================================================================
``_errors``           `serving_errors`: what `lint` calls an error, and what a start refuses
``_operations``       rules for paths, parameters, bodies and security
``_schemas``          rules for schemas
``_limits``           rules for the extensions that limit an operation
====================  =========================================================================
"""

from ._errors import RULES as RULES
from ._errors import ServingError as ServingError
from ._errors import ServingErrors as ServingErrors
from ._errors import ServingRule as ServingRule
from ._errors import serving_errors as serving_errors
from ._limits import BODY_LIMIT as BODY_LIMIT
from ._limits import DEADLINE as DEADLINE
