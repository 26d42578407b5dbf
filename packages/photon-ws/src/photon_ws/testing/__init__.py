"""WebSockets of applications in tests; `photon.testing.Client.websocket` opens them.

Theory of operation. The client is the one of `photon_ws.client`, in a hub on another thread; each
method of a session is a call there, so the test is ordinary blocking code. `open_in_process` calls
the application's handler, in a task of that hub, and connects it to the client by a pair of streams
in memory: the bytes are those of a real connection, without a socket. `open_live` connects to a
server.

No call of a session waits without a limit: what a handler does not send is an error that says what
was waited for, and what had arrived.

==================  ===========================================================================
``_opening``        `open_in_process`, `open_live`
``_session``        `WebSocketTestSession`: what a test sends and receives messages with
``_typed_session``  `TypedWebSocketTestSession`: the same for typed channels
``_exchange``       the side of the application, in process
==================  ===========================================================================
"""

from ._opening import open_in_process as open_in_process
from ._opening import open_live as open_live
from ._session import WebSocketTestSession as WebSocketTestSession
from ._typed_session import TypedWebSocketTestSession as TypedWebSocketTestSession
