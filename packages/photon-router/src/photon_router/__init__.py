"""OpenAPI routing: from a request to a typed call, and from handlers to a document.

===================  ==========================================================================
``router``           `Router`: decorators, includes, start; `photon_route`
``_types``           `Json`, `Query`, `Path`, `Header`, `Cookie`, `Body`, `Param`
``_depends``         `Depends`
``_signature``       handler signatures, read once
``_operation``       a signature to an operation of the document
``_document``        the OpenAPI document: check, resolve
``_load``, ``_shape``  documents from files; whether one has the shape of OpenAPI
``_match``           paths to operations: the radix tree
``_fit``             spec first: which argument takes which parameter
``_compile``         document and handlers to plans
``_dispatch``        a request to its plan; errors that are answers
``_parameters``      parameters: where their text stands, how it becomes a value
``_media``, ``_body``  bodies by media type; JSON: bytes to typed values and back
``_convert`` …       text to values; the one converter configuration
``_schema`` …        Python types to JSON Schema
``_check``, ``_faults``  verdicts, and the complete list of what is wrong
``_docs``            /docs, /openapi.json, /openapi.yaml
``errors``           the error tree
===================  ==========================================================================
"""

from photon_runtime.http import Request as Request
from photon_runtime.http import Response as Response

from ._depends import Depends as Depends
from ._operation import RouteOptions as RouteOptions
from ._types import Body as Body
from ._types import Cookie as Cookie
from ._types import Header as Header
from ._types import Json as Json
from ._types import Param as Param
from ._types import Path as Path
from ._types import Query as Query
from .errors import DocumentError as DocumentError
from .errors import HttpError as HttpError
from .errors import SignatureError as SignatureError
from .errors import ValidationFailed as ValidationFailed
from .router import Router as Router
from .router import photon_route as photon_route
