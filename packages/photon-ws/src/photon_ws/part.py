"""`WebSocketsPart`: the WebSockets of an application.

An application with a route of `WebSocketAdapter` adds the part by itself; add one for options of
your own.
"""

from __future__ import annotations

from photon_runtime.parts import Host

from ._sockets import Sockets
from ._websockets_settings import WebSocketsSettings


class WebSocketsPart:
    """Keeps the WebSockets of an application alive, and counts them."""

    settings = WebSocketsSettings

    def install(self, host: Host, settings: WebSocketsSettings) -> None:
        """Register the sweep and the metrics."""
        sockets = Sockets(settings, host.meter)
        host.lifespan(sockets.running)
