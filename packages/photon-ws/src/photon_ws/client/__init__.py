"""A WebSocket client for services.

=======================  ======================================================================
``_connecting``          `connect`: URL, TLS, handshake
``_client_socket``       `ClientWebSocket`: an open socket
``_client_connection``   `ClientConnection`: what is below it
``_reconnecting``        `reconnecting`: connections one after the other, with a backoff
=======================  ======================================================================
"""

from ._client_connection import Limits as Limits
from ._client_socket import ClientWebSocket as ClientWebSocket
from ._connecting import client_protocol as client_protocol
from ._connecting import connect as connect
from ._connecting import open_socket as open_socket
from ._reconnecting import reconnecting as reconnecting
