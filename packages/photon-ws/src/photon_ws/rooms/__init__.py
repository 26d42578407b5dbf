"""Rooms: groups of WebSockets that messages are broadcast to, with presence and history.

====================  =========================================================================
``_store``            `RoomStore`: what connects the rooms of several workers
``_entries``          what the log of a room consists of
``errors``            `RoomsMissing`, `RoomLimitReached`, `StoreUnavailable`
====================  =========================================================================
"""

from ._entries import Entry as Entry
from ._entries import Kind as Kind
from ._entries import Record as Record
from ._store import Appended as Appended
from ._store import Batch as Batch
from ._store import LogPage as LogPage
from ._store import PresenceChange as PresenceChange
from ._store import PresenceTotals as PresenceTotals
from ._store import Retention as Retention
from ._store import RoomStore as RoomStore
from ._store import StoreListener as StoreListener
from .errors import RoomLimitReached as RoomLimitReached
from .errors import RoomsMissing as RoomsMissing
from .errors import StoreUnavailable as StoreUnavailable
