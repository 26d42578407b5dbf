"""Streamed bodies: parts are sent as they are produced.

============  =================================================================================
``_stream``   `StreamBody`, `EventBody`: parts from iterators; `HeldBody` holds dependencies open
``_events``   items as events; `ServerSentEvent` belongs to photon_runtime.http
============  =================================================================================
"""

from ._events import ServerSentEvent as ServerSentEvent
from ._events import encode_event as encode_event
from ._stream import SWALLOWED as SWALLOWED
from ._stream import EventBody as EventBody
from ._stream import HeldBody as HeldBody
from ._stream import StreamBody as StreamBody
from ._stream import close_iterable as close_iterable
