"""The router of the whole framework: that of photon_router, with routes for WebSockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, Unpack

import photon_router
from photon_router import RouteOptions, SignatureError

F = TypeVar("F", bound=Callable[..., object])


class Router(photon_router.Router):
    """A collection of handlers, to be included in an application or in another router.

    It is a `photon_router.Router`; see there for the arguments.
    """

    def websocket(
        self,
        path: str,
        *,
        subprotocols: Sequence[str] = (),
        origins: Sequence[str] | None = None,
        on_invalid: Literal["answer", "close"] | None = None,
        **options: Unpack[RouteOptions],
    ) -> Callable[[F], F]:
        """Make the decorated function the handler of WebSockets on ``path``.

        The handler takes the socket as an argument annotated with `photon_ws.PhotonWebSocket`, or
        with `photon_ws.WebSocket` for messages with types. Its other arguments, dependencies,
        security and middleware are those of any handler; they come before the upgrade, and what
        they refuse is an ordinary response.

        Args:
            path: Template, as in `Router.route`.
            subprotocols: Subprotocols of the handler, the preferred one first.
            origins: Origins whose pages may connect, besides that of the application; ``None`` for
                those of the section ``[websockets]``. ``["*"]`` for all.
            on_invalid: The reaction to an invalid message of a `photon_ws.WebSocket` with types:
                ``answer``, the default, sends the client a list of its errors, ``close`` closes the
                WebSocket. Messages without types have none.
            options: See `RouteOptions`.

        Raises:
            SignatureError: The function cannot be such a handler, or an option is unknown.
            ValueError: An origin has another form than ``https://shop.example``.
        """
        from photon_ws import WebSocketAdapter  # only applications with WebSockets load it

        if "adapter" in options:
            raise SignatureError("'adapter' is not an option of a WebSocket: it has its own")
        options["adapter"] = WebSocketAdapter(subprotocols, origins, on_invalid)
        return self.get(path, **options)
