"""For tests of coroutine code, of handlers and of servers.

=================  ============================================================================
``_decorators``    `in_hub`, `in_virtual_time`: test functions as tasks of a hub
``_live_server``   `live_server`: an application on a real socket, for any client
``_in_memory``     `make_request`, `send_request`: requests to a handler without a socket
``_received``      `ReceivedResponse`: the responses of both
=================  ============================================================================

Besides: `run` runs a function in the time of a `VirtualClock` and, with a seed, its tasks in a
repeatable random order; `memory_pair` makes two connected streams, and `hub_thread` a hub for code
outside of one.
"""

from .._hub_thread import HubThread as HubThread
from .._hub_thread import PendingCall as PendingCall
from .._hub_thread import hub_thread as hub_thread
from .._memory import MemoryStream as MemoryStream
from .._memory import memory_pair as memory_pair
from .._memory_upgrade import serve_upgrade as serve_upgrade
from .._virtual import VirtualClock as VirtualClock
from .._virtual import run as run
from ._decorators import in_hub as in_hub
from ._decorators import in_virtual_time as in_virtual_time
from ._in_memory import HandlerResponse as HandlerResponse
from ._in_memory import make_request as make_request
from ._in_memory import send_request as send_request
from ._in_memory import sent_fields as sent_fields
from ._live_server import LiveServer as LiveServer
from ._live_server import live_server as live_server
from ._received import ReceivedResponse as ReceivedResponse
