"""The request path: match, middleware, endpoint.

===============  ==============================================================================
``_match``       paths to endpoints: the radix tree
``_dispatch``    a request to its endpoint, through the middleware of the application
``_middleware``  middleware, and the responses to errors
``_compile``     a document and its handlers to endpoints, at start-up
``_endpoint``    the endpoint of one operation; `_calls` calls dependencies and handler
``_extensions``  ``x-handler``, ``x-photon-middleware``: code that the document names
``_limits``      the limits of a single operation
``_mount``       handlers of paths that are not operations: pages, files, other applications
``_running``     an application between its start and its end
``_urls``        from an operation to its URL
===============  ==============================================================================
"""

from ._compile import compile_routes as compile_routes
from ._dispatch import ANY_METHOD as ANY_METHOD
from ._dispatch import Dispatch as Dispatch
from ._dispatch import Endpoint as Endpoint
from ._extensions import HANDLER as HANDLER
from ._extensions import MIDDLEWARE as MIDDLEWARE
from ._extensions import import_object as import_object
from ._limits import with_deadline as with_deadline
from ._match import PathTree as PathTree
from ._middleware import ErrorResponses as ErrorResponses
from ._mount import REST as REST
from ._mount import Mount as Mount
from ._mount import mounts_below as mounts_below
from ._running import Running as Running
from ._urls import build_url as build_url
