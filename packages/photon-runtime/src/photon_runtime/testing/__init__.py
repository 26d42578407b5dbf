"""For tests of coroutine code, of handlers and of servers.

=================  ============================================================================
``_decorators``    `in_hub`, `in_virtual_time`: test functions as tasks of a hub
``_live_server``   `live_server`: an application on a real socket, for any client
=================  ============================================================================

Beside them: `run` runs a function in the time of a `VirtualClock` and, with a seed, in a random
order that can be repeated; `memory_pair` makes two connected streams, and `hub_thread` a hub for
code that has none.
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
from ._live_server import LiveAnswer as LiveAnswer
from ._live_server import LiveServer as LiveServer
from ._live_server import live_server as live_server
