"""SQLite whose statements pause one coroutine, obey deadlines and queue fairly for writing.

This package is also a DB-API module with the names of `sqlite3`, for libraries that take one.

====================  =========================================================================
``_connection``       `connect`, `Connection`
``_cursor``, ``_blob``  `Cursor`, `Blob`
``_calls``            one call: in a thread, on time, again while the database is locked
``_statements``       the kinds of statements
``_write_lock``       `WriteLock`: the fair queue of the writers of one database
``_interruption``     `is_interrupted`, `when_settled`: the clean-up of interrupted connections
``_rows``             reading rows in the thread
``_state``            what the driver knows of one connection
``_threads``          the threads of one hub
``_constants``        the constants of `sqlite3`, which differ between versions
``installation``      `install`: all connections of the process cooperate
====================  =========================================================================

Outside of coroutines everything behaves as plain `sqlite3` does, so scripts and migrations work.
"""

from sqlite3.dbapi2 import PARSE_COLNAMES as PARSE_COLNAMES
from sqlite3.dbapi2 import PARSE_DECLTYPES as PARSE_DECLTYPES
from sqlite3.dbapi2 import Binary as Binary
from sqlite3.dbapi2 import DatabaseError as DatabaseError
from sqlite3.dbapi2 import DataError as DataError
from sqlite3.dbapi2 import Date as Date
from sqlite3.dbapi2 import DateFromTicks as DateFromTicks
from sqlite3.dbapi2 import Error as Error
from sqlite3.dbapi2 import IntegrityError as IntegrityError
from sqlite3.dbapi2 import InterfaceError as InterfaceError
from sqlite3.dbapi2 import InternalError as InternalError
from sqlite3.dbapi2 import NotSupportedError as NotSupportedError
from sqlite3.dbapi2 import OperationalError as OperationalError
from sqlite3.dbapi2 import PrepareProtocol as PrepareProtocol
from sqlite3.dbapi2 import ProgrammingError as ProgrammingError
from sqlite3.dbapi2 import Row as Row
from sqlite3.dbapi2 import Time as Time
from sqlite3.dbapi2 import TimeFromTicks as TimeFromTicks
from sqlite3.dbapi2 import Timestamp as Timestamp
from sqlite3.dbapi2 import TimestampFromTicks as TimestampFromTicks
from sqlite3.dbapi2 import Warning as Warning
from sqlite3.dbapi2 import adapt as adapt
from sqlite3.dbapi2 import apilevel as apilevel
from sqlite3.dbapi2 import complete_statement as complete_statement
from sqlite3.dbapi2 import enable_callback_tracebacks as enable_callback_tracebacks
from sqlite3.dbapi2 import paramstyle as paramstyle
from sqlite3.dbapi2 import register_adapter as register_adapter
from sqlite3.dbapi2 import register_converter as register_converter
from sqlite3.dbapi2 import sqlite_version as sqlite_version
from sqlite3.dbapi2 import sqlite_version_info as sqlite_version_info
from sqlite3.dbapi2 import threadsafety as threadsafety

from ._blob import Blob as Blob
from ._connection import Connection as Connection
from ._connection import connect as connect
from ._connection import write_lock_of as write_lock_of
from ._constants import __getattr__ as __getattr__
from ._cursor import Cursor as Cursor
from ._interruption import CLEANUP_TIMEOUT as CLEANUP_TIMEOUT
from ._interruption import is_interrupted as is_interrupted
from ._interruption import when_settled as when_settled
from ._write_lock import WriteLock as WriteLock
from ._write_lock import WriteLockStatus as WriteLockStatus
from ._write_lock import write_locks as write_locks
