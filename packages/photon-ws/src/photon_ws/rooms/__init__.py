"""Rooms: groups of WebSockets that messages are broadcast to, with presence and history.

====================  =========================================================================
``_room``             `Room`: the declaration, and what handlers do with it
``_membership``       `Membership`: one socket in one room
``_rooms``            `Rooms`: all rooms of a running application
``_current``          the rooms that the calling code belongs to
``_room_state``       one room: members, log, streams; the order of messages
``_members``          the sockets of a room, and the loop of a broadcast
``_log``              the newest messages; `_entries` are their positions and ids
``_reader``           what is behind an id, for sockets that resume and for event streams
``_contents``         a message as it is stored, and as it is sent
``_messages``         `RoomMessage`: a message as readers of the history get it
``_presence_calls``   the calls about users who join and leave
``_room_figures``     what is counted
``_store_link``       what a worker does with its store: sending, listening, reading
``_shared_presence``  the users of this worker in the store, and those of all workers from it
``_outbox``           the messages that the store does not have yet
``_store``            `RoomStore`: what connects the rooms of several workers; ``_stores`` chooses
``redis``             `RedisStore`; ``_redis_scripts`` are its scripts
``postgresql``        `PostgreSQLStore`
``sqlite``            `SQLiteStore`
``errors``            `RoomsMissing`, `RoomLimitReached`, `StoreUnavailable`, ...
====================  =========================================================================
"""

from ._entries import Entry as Entry
from ._entries import Kind as Kind
from ._entries import Record as Record
from ._membership import Membership as Membership
from ._messages import RoomMessage as RoomMessage
from ._room import Room as Room
from ._rooms import Rooms as Rooms
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
from .errors import StoreRefused as StoreRefused
from .errors import StoreUnavailable as StoreUnavailable
