"""The adapter: a route whose handler is called with a WebSocket.

The request is matched, authenticated and bound like any other, and passes the middleware; refusals
are ordinary responses. Then the handshake is checked, the connection changes its protocol, and the
handler is called with the WebSocket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from photon_openapi.errors import ValidationError
from photon_runtime.errors import Cancelled
from photon_runtime.http import HttpError, Request, Response, UpgradedStream, upgrade
from photon_runtime.units_of_work import message_failed, message_handled

from ._sockets import current_sockets
from .errors import WebSocketClosed
from .protocol import Handshake, Origins, accept_handshake
from .websocket import PhotonWebSocket

_INTERNAL_ERROR = 1011
_INVALID_DATA = 1007
_POLICY_VIOLATION = 1008


def _subprotocols(subprotocols: Sequence[str]) -> Sequence[str]:
    return tuple(subprotocols)


def _origins(origins: Sequence[str] | None) -> Origins | None:
    return None if origins is None else Origins(origins)


@attrs.define
class WebSocketAdapter:
    """Calls a handler with a `PhotonWebSocket`; see `photon_runtime.http.CallAdapter`.

    Args:
        subprotocols: The subprotocols of the handler, the preferred one first. A client that offers
            none of them gets none.
        origins: Origins whose pages may connect, besides that of the application; ``None`` for
            those of the settings.
    """

    subprotocols: Sequence[str] = attrs.field(default=(), converter=_subprotocols)
    origins: Origins | None = attrs.field(default=None, converter=_origins)
    argument: type = attrs.field(default=PhotonWebSocket, init=False)
    part: str = attrs.field(default="photon_ws.part:WebSocketsPart", init=False)

    def respond(self, request: Request, call: Callable[[Any], object]) -> Response:
        """Return the response that changes the protocol, and then calls the handler.

        Raises:
            HttpError: 426 for a request without an upgrade or with another version, 403 for a page
                of another origin, 400 for a malformed handshake.
        """
        sockets = current_sockets()
        handshake = accept_handshake(
            request,
            subprotocols=self.subprotocols,
            origins=sockets.origins if self.origins is None else self.origins,
            deflate=sockets.settings.deflate,
        )

        def serve(stream: UpgradedStream) -> None:
            _serve(PhotonWebSocket, stream, request, handshake, call)

        return upgrade("websocket", serve, headers=handshake.headers)

    def describe(self, operation: dict[str, Any]) -> None:
        """Describe the upgrade, and what is answered in place of one."""
        operation["x-websocket"] = True
        responses = operation["responses"]
        responses["101"] = {"description": "The connection is a WebSocket from now on."}
        responses["403"] = {"description": "Pages of this origin may not connect."}
        responses["426"] = {"description": "The request is not the handshake of a WebSocket."}


def _serve(
    kind: Callable[..., PhotonWebSocket],
    stream: UpgradedStream,
    request: Request,
    handshake: Handshake,
    call: Callable[[Any], object],
) -> None:
    """Call the handler with a WebSocket, and close it as the handler has ended."""
    sockets = current_sockets()
    with sockets.opened(stream, handshake) as connection:
        stream.on_stop(connection.stop)
        ws = kind(connection, request, subprotocol=handshake.subprotocol)
        try:
            _handle(call, ws)
        except WebSocketClosed:
            connection.finish()
            raise  # what depends on the handler's end learns that it did not come to one
        except HttpError as error:
            is_own = error.status >= 500
            code = _INTERNAL_ERROR if is_own else _POLICY_VIOLATION
            connection.finish(code, error.detail or "")
            if is_own:
                raise
        except ValidationError as error:
            connection.finish(_INVALID_DATA, str(error))
        except Cancelled:
            connection.abort(1001, "the server is stopping")
            raise
        except Exception:
            connection.finish(_INTERNAL_ERROR, "the server failed")
            raise
        else:
            connection.finish()


def _handle(call: Callable[[Any], object], ws: PhotonWebSocket) -> None:
    """Call the handler, and complete or undo its last unit of work before the client learns it."""
    try:
        call(ws)
        message_handled()
    except BaseException:
        message_failed()
        raise
