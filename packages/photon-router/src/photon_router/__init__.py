"""OpenAPI routing: from a request to a typed call, and from handlers to a document.

===================  ==========================================================================
``application``      `Application`: the document, the parts, and the start
``router``           `Router`: the declaration of handlers; `_views`: classes of handlers
``annotations``      the markers of arguments: `Query`, `Json`, `Depends` ...
``signatures``       signatures of handlers and dependencies, read once
``handlers``         handlers, and the operations that are written from them
``dispatch``         the request path: match, middleware, endpoint
``arguments``        from a request to arguments
``dependencies``     values that providers make for handlers
``responses``        from a result to a response; its kinds: `Html`, `File`, `Redirect` ...
``streaming``        streamed bodies and server-sent events
``files``            responses with files: validators, preconditions, ranges
``security``         authentication and authorisation: verifiers, passwords, tokens
``middleware``       middleware for most applications: CORS, compression, limits, sessions ...
``observability``    health, metrics, traces, a log event per request
``static``           `StaticFiles`: a folder, with ranges, validators and fingerprints
``wsgi``             WSGI applications inside Photon, and Photon inside WSGI servers
``mock``             a mock server for a document
``generators``       code for documents: `photon generate handlers`, `photon generate openapi`
``_docs``            /docs, /openapi.json, /openapi.yaml
``errors``           the error tree
===================  ==========================================================================
"""

from photon_openapi.annotations import Param as Param
from photon_openapi.annotations import closed as closed
from photon_openapi.annotations import rename as rename
from photon_openapi.errors import DocumentError as DocumentError
from photon_runtime.http import DescribedResponse as DescribedResponse
from photon_runtime.http import Html as Html
from photon_runtime.http import Request as Request
from photon_runtime.http import Response as Response
from photon_runtime.http import SetCookie as SetCookie

from ._router_settings import RouterSettings as RouterSettings
from ._submitted import Submitted as Submitted
from ._upload import UploadFile as UploadFile
from .annotations import Body as Body
from .annotations import Cookie as Cookie
from .annotations import Depends as Depends
from .annotations import Form as Form
from .annotations import Header as Header
from .annotations import Json as Json
from .annotations import Path as Path
from .annotations import Query as Query
from .application import Application as Application
from .arguments import FormSettings as FormSettings
from .dependencies import BackgroundTasks as BackgroundTasks
from .errors import HttpError as HttpError
from .errors import NotAcceptable as NotAcceptable
from .errors import SignatureError as SignatureError
from .errors import ValidationError as ValidationError
from .handlers import ErrorHandler as ErrorHandler
from .handlers import Middleware as Middleware
from .handlers import RouteOptions as RouteOptions
from .responses import Created as Created
from .responses import EventStream as EventStream
from .responses import File as File
from .responses import JsonLines as JsonLines
from .responses import NoContent as NoContent
from .responses import Redirect as Redirect
from .responses import Status as Status
from .responses import Stream as Stream
from .responses import Text as Text
from .router import Router as Router
from .router import photon_route as photon_route
from .security import CurrentUser as CurrentUser
from .static import StaticFiles as StaticFiles
from .streaming import ServerSentEvent as ServerSentEvent
from .wsgi import Wsgi as Wsgi
