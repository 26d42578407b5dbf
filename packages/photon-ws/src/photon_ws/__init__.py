"""WebSockets for applications: one coroutine for each socket, typed channels, rooms.

=========================  ====================================================================
``websocket``              `PhotonWebSocket`: what handlers receive and send messages with
``channels``               `WebSocket`: messages with types
``adapter``                `WebSocketAdapter`: a route whose handler is called with one
``asyncapi``               the AsyncAPI document of the WebSockets of an application
``part``                   `WebSocketsPart`: the WebSockets of an application
``rooms``                  `Room`: broadcasts, presence, history
``client``                 `connect`: a client for services
``testing``                WebSockets of applications in tests, for `photon.testing`
``errors``                 `WebSocketClosed`, `HandshakeRefused` and others
``protocol``               frames, compression and handshake, without sockets
``_connection``            receiving, and keeping alive while the handler is busy
``_closing``               the end of a connection
``_frame_writer``          sending; ``_outgoing``, frames that wait until the peer makes room
``_message_methods``       methods for text, bytes and JSON, of servers and clients
``_sockets``               the open WebSockets of an application, and the sweep over them
``_websockets_settings``   `WebSocketsSettings`: the ``[websockets]`` section of photon.toml
=========================  ====================================================================
"""

from ._websockets_settings import WebSocketsSettings as WebSocketsSettings
from .adapter import WebSocketAdapter as WebSocketAdapter
from .channels import WebSocket as WebSocket
from .errors import InvalidMessage as InvalidMessage
from .errors import WebSocketClosed as WebSocketClosed
from .part import WebSocketsPart as WebSocketsPart
from .rooms import Room as Room
from .websocket import PhotonWebSocket as PhotonWebSocket
