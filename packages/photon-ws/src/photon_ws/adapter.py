"""The adapter: a route whose handler is called with a WebSocket.

The request is matched, authenticated and bound like any other, and passes the middleware; refusals
are ordinary responses. Then the handshake is checked, the connection changes its protocol, and the
handler is called with the WebSocket.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from attrs.validators import in_

from photon_openapi.document import WEBSOCKET
from photon_openapi.errors import ValidationError
from photon_runtime.errors import Cancelled
from photon_runtime.http import HttpError, Request, Response, UpgradedStream, upgrade
from photon_runtime.observability import span
from photon_runtime.units_of_work import message_failed, message_handled

from ._sockets import current_sockets
from .channels import Channel, OnInvalid, channel_of
from .errors import WebSocketClosed
from .protocol import Handshake, Origins, accept_handshake
from .websocket import PhotonWebSocket

_GOING_AWAY = 1001
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
        on_invalid: The reaction to an invalid message of a channel with types: ``answer`` sends the
            client a list of its errors, ``close`` closes the WebSocket.
    """

    subprotocols: Sequence[str] = attrs.field(default=(), converter=_subprotocols)
    origins: Origins | None = attrs.field(default=None, converter=_origins)
    on_invalid: OnInvalid = attrs.field(default="answer", validator=in_(("answer", "close")))
    argument: type = attrs.field(default=PhotonWebSocket, init=False)
    part: str = attrs.field(default="photon_ws.part:WebSocketsPart", init=False)
    _channel: Channel | None = attrs.field(default=None, alias="channel")

    def for_argument(self, annotation: Any) -> WebSocketAdapter:
        """Return the adapter for the messages of an annotation.

        Raises:
            TypeError: See `channel_of`.
        """
        channel = channel_of(annotation, self.on_invalid)
        return self if channel is None else attrs.evolve(self, channel=channel)

    def respond(self, request: Request, call: Callable[[Any], object]) -> Response:
        """Return the response that changes the protocol, and then calls the handler.

        Raises:
            HttpError: 426 for a request without an upgrade or with another version, 403 for a page
                of another origin, 400 for a malformed handshake.
        """
        sockets, channel = current_sockets(), self._channel
        open_websocket: Callable[..., PhotonWebSocket] = PhotonWebSocket
        if channel is not None:
            open_websocket = functools.partial(
                channel.open,
                is_checked=sockets.checks_messages,
                count_invalid=sockets.invalid.inc,
            )
        handshake = accept_handshake(
            request,
            subprotocols=self.subprotocols,
            origins=sockets.origins if self.origins is None else self.origins,
            deflate=sockets.settings.deflate,
        )

        def serve(stream: UpgradedStream) -> None:
            _serve(open_websocket, stream, request, handshake, call)

        return upgrade("websocket", serve, headers=handshake.headers)

    def describe(self, operation: dict[str, Any], schema: Callable[[Any], dict[str, Any]]) -> None:
        """Describe the upgrade, and what is answered in place of one."""
        description = {} if self._channel is None else self._channel.describe(schema)
        if self.subprotocols:
            description["subprotocols"] = list(self.subprotocols)
        operation[WEBSOCKET] = description
        responses = operation["responses"]
        responses["101"] = {"description": "The connection is a WebSocket from now on."}
        responses.setdefault("403", {"description": "Pages of this origin may not connect."})
        responses["426"] = {"description": "The request is not the handshake of a WebSocket."}
        ordered = sorted(responses.items())
        responses.clear()
        responses.update(ordered)


def _serve(
    open_websocket: Callable[..., PhotonWebSocket],
    stream: UpgradedStream,
    request: Request,
    handshake: Handshake,
    call: Callable[[Any], object],
) -> None:
    """Call the handler with a WebSocket, and close it as the handler has ended.

    Every error is raised again, so that dependencies undo what was not completed; those that the
    client has caused become `WebSocketClosed`, which the server does not log.
    """
    sockets = current_sockets()
    with sockets.opened(stream, handshake) as connection, span("websocket") as recorded:
        stream.on_stop(connection.stop)
        ws = open_websocket(connection, request, subprotocol=handshake.subprotocol)
        try:
            _handle(call, ws)
        except WebSocketClosed:
            raise
        except Cancelled:
            connection.abort(_GOING_AWAY, "the server is stopping")
            raise
        except Exception as error:
            code, reason = _close_of(error)
            connection.close(code, reason)
            if code != _INTERNAL_ERROR:
                raise connection.closed_error() from error
            raise
        finally:
            connection.finish()
            recorded.set_attribute("websocket.close_code", connection.close_code or 0)


def _close_of(error: Exception) -> tuple[int, str]:
    """Return the code and the reason of the close frame after an error of the handler."""
    if isinstance(error, ValidationError):
        return _INVALID_DATA, str(error)
    if isinstance(error, HttpError):
        code = _INTERNAL_ERROR if error.status >= 500 else _POLICY_VIOLATION
        return code, error.detail or ""
    return _INTERNAL_ERROR, "the server failed"


def _handle(call: Callable[[Any], object], ws: PhotonWebSocket) -> None:
    """Call the handler, and complete or undo its last unit of work.

    Nothing is held while the client answers the close frame.
    """
    try:
        call(ws)
        message_handled()
    except BaseException:
        message_failed()
        raise
