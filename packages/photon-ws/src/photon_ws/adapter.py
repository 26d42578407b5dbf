"""The adapter: a route whose handler is called with a WebSocket.

The request is matched, authenticated and bound like any other, and passes the middleware; refusals
are ordinary responses. Then the handshake is checked, the connection changes its protocol, and the
handler is called with the WebSocket.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from attrs.validators import in_, optional

from photon_openapi.document import WEBSOCKET
from photon_openapi.errors import ValidationError
from photon_runtime.errors import Cancelled
from photon_runtime.escapes import as_failure
from photon_runtime.http import (
    HttpError,
    Request,
    Response,
    UpgradedStream,
    is_token,
    upgrade,
)
from photon_runtime.observability import span
from photon_runtime.units_of_work import message_failed, message_handled

from ._connection import Connection
from ._frame_writer import ABNORMAL
from ._sockets import current_sockets
from .channels import Channel, OnInvalid, channel_of
from .errors import WebSocketClosed
from .protocol import Handshake, Origins, accept_handshake
from .websocket import PhotonWebSocket

_log = logging.getLogger("photon.websockets")
_GOING_AWAY = 1001
_INTERNAL_ERROR = 1011
_INVALID_DATA = 1007
_POLICY_VIOLATION = 1008


def _subprotocols(subprotocols: Sequence[str]) -> Sequence[str]:
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols are a list of names, not the string {subprotocols!r}")
    names = tuple(subprotocols)
    for name in names:
        if not isinstance(name, str) or not is_token(name) or names.count(name) > 1:
            raise ValueError(f"the names of subprotocols are different tokens, not {name!r}")
    return names


def _origins(origins: Sequence[str] | None) -> Origins | None:
    if isinstance(origins, str):
        raise TypeError(f"origins are a list, as in [{origins!r}], not the string {origins!r}")
    return None if origins is None else Origins(origins)


@attrs.define
class WebSocketAdapter:
    """Calls a handler with a `PhotonWebSocket`; see `photon_runtime.http.CallAdapter`.

    Args:
        subprotocols: The subprotocols of the handler, the preferred one first. A client that offers
            none of them gets none.
        origins: Origins whose pages may connect, besides that of the application; ``None`` for
            those of the settings.
        on_invalid: The reaction to an invalid message of a channel with types: ``answer``, the
            default, sends the client a list of its errors, ``close`` closes the WebSocket. ``None``
            for messages without types.
    """

    subprotocols: Sequence[str] = attrs.field(default=(), converter=_subprotocols)
    origins: Origins | None = attrs.field(default=None, converter=_origins)
    on_invalid: OnInvalid | None = attrs.field(
        default=None, validator=optional(in_(("answer", "close")))
    )
    argument: type = attrs.field(default=PhotonWebSocket, init=False)
    part: str = attrs.field(default="photon_ws.part:WebSocketsPart", init=False)
    _channel: Channel | None = attrs.field(default=None, alias="channel")

    def for_argument(self, annotation: Any) -> WebSocketAdapter:
        """Return the adapter for the messages of an annotation.

        Raises:
            TypeError: See `channel_of`; or `on_invalid` is set for messages without types.
        """
        channel = channel_of(annotation, self.on_invalid or "answer")
        if channel is not None:
            return attrs.evolve(self, channel=channel)
        if self.on_invalid is not None:
            raise TypeError(
                "on_invalid is for messages with types: annotate the argument with "
                "WebSocket[Received, Sent], or leave on_invalid out"
            )
        return self

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
        session = _Session(request, handshake, open_websocket, call)
        return upgrade("websocket", session.serve, headers=handshake.headers)

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


@attrs.define
class _Session:
    """A WebSocket from its handshake to its end.

    An idle WebSocket holds the stack of its handler, so there are few calls around the handler.
    """

    _request: Request
    _handshake: Handshake
    _open_websocket: Callable[..., PhotonWebSocket]
    _call: Callable[[Any], object]

    def serve(self, stream: UpgradedStream) -> None:
        """Call the handler with a WebSocket, and close it as the handler has ended.

        Every error is raised again, so that dependencies undo what was not completed; those that
        the client has caused become `WebSocketClosed`, which the server does not log. It is raised
        for a connection that broke, too, after which the iteration over the messages has ended
        without an error. The last unit of work is completed or undone before, so that nothing is
        held while the client answers the close frame.
        """
        sockets = current_sockets()
        connection = sockets.open(stream, self._handshake)
        try:
            with span("websocket") as recorded:
                stream.on_stop(connection.stop)
                subprotocol = self._handshake.subprotocol
                ws = self._open_websocket(connection, self._request, subprotocol=subprotocol)
                try:
                    self._call(ws)
                    message_handled()
                except BaseException as error:
                    message_failed()
                    _close_after(connection, error, self._request)
                    raise
                finally:
                    connection.finish()
                    recorded.set_attribute("websocket.close_code", connection.close_code or 0)
            if connection.close_code == ABNORMAL:
                raise connection.closed_error()
        finally:
            sockets.release(connection)


def _close_after(connection: Connection, error: BaseException, request: Request) -> None:
    """Close the WebSocket of a handler that has failed.

    Raises:
        WebSocketClosed: The client has caused the error.
    """
    if isinstance(error, Cancelled):
        connection.abort(_GOING_AWAY, "the server is stopping")
        return
    try:
        failure = as_failure(error)
    except BaseException:  # the process ends
        connection.abort(_INTERNAL_ERROR, "the server failed")
        raise
    if connection.is_open or not isinstance(failure, WebSocketClosed):
        code, reason = _close_of(failure)
        connection.close(code, reason)
        if code != _INTERNAL_ERROR:
            raise connection.closed_error() from failure
        if isinstance(failure, ConnectionError):  # of another connection; the server logs none
            _log.exception("%r failed as a WebSocket", request)


def _close_of(error: Exception) -> tuple[int, str]:
    """Return the code and the reason of the close frame after an error of the handler."""
    if isinstance(error, ValidationError):
        return _INVALID_DATA, str(error)
    if isinstance(error, HttpError):
        code = _INTERNAL_ERROR if error.status >= 500 else _POLICY_VIOLATION
        return code, error.detail or ""
    return _INTERNAL_ERROR, "the server failed"
