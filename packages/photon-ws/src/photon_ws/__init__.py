"""WebSockets for applications: one coroutine for each socket, typed channels, rooms."""

from ._websockets_settings import WebSocketsSettings as WebSocketsSettings
