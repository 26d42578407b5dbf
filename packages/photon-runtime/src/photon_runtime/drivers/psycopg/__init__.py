"""psycopg 3 whose calls pause one coroutine, obey deadlines and clean up after interruptions.

====================  =========================================================================
``_waiting``          `wait` and `wait_conn`: run psycopg's generators, waiting in the hub
``_drive``            runs the generators of a connection, and hands interrupted ones over
``_interruption``     `is_interrupted`, `when_settled`: the clean-up of interrupted connections
``_socket_watch``     the socket of a connection, registered with the hub
``_lock``             `ConnectionLock`: for the tasks and threads that share a connection
``_cancel_request``   cancels a query on the server
``_command``          `execute_command`: BEGIN and the like, without a cursor
``_notifications``    `receive_notifications`: what other connections send by NOTIFY
``_connection``       `Connection`: one class that cooperates
``installation``      `install`: all connections of the process cooperate
====================  =========================================================================

Outside of coroutines everything behaves as plain psycopg does, so scripts and migrations work.
"""

from psycopg import OperationalError as OperationalError
from psycopg.errors import InsufficientPrivilege as InsufficientPrivilege

from .._clean_up import CLEANUP_TIMEOUT as CLEANUP_TIMEOUT
from .._pending_input import has_pending_input as has_pending_input
from ._command import execute_command as execute_command
from ._connection import Connection as Connection
from ._interruption import is_interrupted as is_interrupted
from ._interruption import when_settled as when_settled
from ._lock import ConnectionLock as ConnectionLock
from ._notifications import receive_notifications as receive_notifications
from ._waiting import wait as wait
from ._waiting import wait_conn as wait_conn
from .installation import install as install
