"""Streamed bodies: parts are sent as they are produced.

============  =================================================================================
``_stream``   `StreamBody`, `EventBody`: parts from iterators
``_held``     `HeldBody` holds dependencies open until the stream has ended
``_events``   items as events; `ServerSentEvent` belongs to photon_runtime.http
============  =================================================================================
"""

from ._events import ServerSentEvent as ServerSentEvent
from ._events import encode_event as encode_event
from ._held import SWALLOWED as SWALLOWED
from ._held import HeldBody as HeldBody
from ._held import Releasing as Releasing
from ._held import close_iterable as close_iterable
from ._held import release_after as release_after
from ._stream import EventBody as EventBody
from ._stream import StreamBody as StreamBody
