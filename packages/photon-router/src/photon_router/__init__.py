"""OpenAPI routing: from a request to a typed call, and from handlers to a document.

===================  ==========================================================================
``router``           `Router`: the document, and the start of an application
``_declarations``    decorators, views, includes, mounts; `photon_route`
``_types``           `Json`, `Query`, `Path`, `Header`, `Cookie`, `Form`, `Body`, `Param`
``_depends``         `Depends`
``_signature``       handler signatures, read once
``_operation``       a signature to an operation of the document
``_document``        the OpenAPI document: check, resolve
``_load``, ``_yaml``  documents from files; ``_bundle``: of several, ``_upgrade``: of 3.0
``_shape``           whether a document has the shape of OpenAPI
``_definitions``     what references in schemas lead to
``_servers``         servers to base paths; ``_extensions``: handlers that a document names
``_match``           paths to operations: the radix tree
``_fit``             spec first: which argument takes which parameter
``_compile``         document and handlers to plans, with what lies around them
``_plan``, ``_steps``  the plan of one operation: bind, call, encode
``_result``, ``_answers``  return annotations to outcomes; results to responses
``_outgoing``        what leaves of a result: the members that its annotation names
``responses``        kinds of responses: `Html`, `File`, `Redirect` ...
``_stream``, ``_events``  bodies that are sent as they come; server-sent events
``_answers_check``   whether answers are what the document says
``_options``, ``_response_objects``  what decorators say; responses in the document
``_provide``         who makes a dependency's value; values of the application
``_background``      calls for after the response
``_views``, ``_urls``  methods of a class as handlers; addresses of operations
``_limits``          limits that an operation states for itself
``security``         who sends a request, and what they may do; verifiers, passwords, tokens
``_dispatch``        a request to its plan, through the middleware
``_layers``          middleware, and answers for errors
``middleware``       layers that most applications want: CORS, compression, limits, sessions …
``_mount``           what is no operation: pages, files, other applications
``static``           `StaticFiles`: a folder, with ranges, validators and fingerprints
``_parameters``      parameters: where their text stands, how it becomes a value
``_styles``, ``_objects``  what stands in a request to texts; objects of such texts
``_arguments``       what binds arguments: parameters, bodies, fields of forms
``_spread``          classes spread over parameters and fields
``_mistakes``        mistakes in signatures; ``_strict_query``: unknown parameters
``_media``, ``_body``  bodies by media type; JSON: bytes to typed values and back
``_form``, ``_upload``  forms: bytes to texts and files; `UploadFile`
``_form_fields``     fields of forms for arguments; ``_form_body``: as a document has them
``_request_body``    bodies in the document
``_convert`` …       text to values; the one converter configuration
``_schema`` …        Python types to JSON Schema
``_check``, ``_faults``  verdicts, and the complete list of what is wrong; ``_unions``
``_docs``            /docs, /openapi.json, /openapi.yaml
``errors``           the error tree
===================  ==========================================================================
"""

from photon_runtime.http import Request as Request
from photon_runtime.http import Response as Response

from ._background import BackgroundTasks as BackgroundTasks
from ._depends import Depends as Depends
from ._events import ServerSentEvent as ServerSentEvent
from ._form import FormSettings as FormSettings
from ._layers import ErrorHandler as ErrorHandler
from ._layers import Middleware as Middleware
from ._options import RouteOptions as RouteOptions
from ._result import Status as Status
from ._router_settings import RouterSettings as RouterSettings
from ._types import Body as Body
from ._types import Cookie as Cookie
from ._types import Form as Form
from ._types import Header as Header
from ._types import Json as Json
from ._types import Param as Param
from ._types import Path as Path
from ._types import Query as Query
from ._upload import UploadFile as UploadFile
from .errors import DocumentError as DocumentError
from .errors import HttpError as HttpError
from .errors import SignatureError as SignatureError
from .errors import ValidationFailed as ValidationFailed
from .responses import Created as Created
from .responses import DescribedResponse as DescribedResponse
from .responses import EventStream as EventStream
from .responses import File as File
from .responses import Html as Html
from .responses import JsonLines as JsonLines
from .responses import NoContent as NoContent
from .responses import Redirect as Redirect
from .responses import Stream as Stream
from .responses import Text as Text
from .router import Router as Router
from .router import photon_route as photon_route
from .security import CurrentUser as CurrentUser
from .static import StaticFiles as StaticFiles
from .wsgi import Wsgi as Wsgi
