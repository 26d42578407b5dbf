"""HTTP/1.1: requests, responses, and a server that runs handlers as coroutines.

=================  ============================================================================
``_messages``      `Request`, `Response`, `Headers`, `MultiDict`
``_parser``        bytes to requests, without input or output
``_framing``       the rules of RFC 9110 and 9112 that the parser leaves to the server
``_encode``        responses to bytes
``_connection``    one connection: receive, handle, send
``_server``        `listen`, `serve`, `Server`: accepting, time limits, graceful stop
``_settings``      `ServerSettings`: the ``[server]`` section of photon.toml
``_problem``       an error as a problem document
``errors``         `HttpError`
=================  ============================================================================
"""

from ._connection import Handler as Handler
from ._messages import Headers as Headers
from ._messages import MultiDict as MultiDict
from ._messages import Request as Request
from ._messages import Response as Response
from ._messages import decode_percent as decode_percent
from ._problem import problem_response as problem_response
from ._server import Application as Application
from ._server import Server as Server
from ._server import listen as listen
from ._server import serve as serve
from ._settings import ServerSettings as ServerSettings
from .errors import HttpError as HttpError
