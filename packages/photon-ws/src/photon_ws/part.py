"""`WebSocketsPart`: the WebSockets of an application.

An application with a route of `WebSocketAdapter` adds the part by itself; add one for options of
your own.
"""

from __future__ import annotations

from photon_runtime.parts import Host

from ._sockets import Sockets
from ._websockets_settings import WebSocketsSettings
from .asyncapi import add_pages
from .rooms import Rooms


class WebSocketsPart:
    """Keeps the WebSockets of an application alive, counts and documents them; has its rooms."""

    settings = WebSocketsSettings

    def install(self, host: Host, settings: WebSocketsSettings) -> None:
        """Register the sweep, the rooms, the metrics and the documentation."""
        sockets = Sockets(settings, host.meter, checks_messages=host.validates_responses)
        host.lifespan(sockets.running)
        rooms = Rooms(settings, host.meter, host.readiness, root=host.root)
        host.lifespan(rooms.running)
        host.on_drain(rooms.drain)
        add_pages(host)
