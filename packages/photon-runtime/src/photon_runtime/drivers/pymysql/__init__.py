"""PyMySQL whose calls pause one coroutine, obey deadlines and leave nothing half-read behind.

====================  =========================================================================
``_cooperation``      `Cooperation`: the methods that wait in the hub, one caller at a time
``_usage``            which task uses a connection now
``_broken_result``    the rows of a connection that was closed before their end
``_interruption``     `is_interrupted`, `when_settled`: ends interrupted queries on the server
``_kill``             the connection that ends them
``_socket``           the sockets of connections
``_session``          `is_in_transaction`, `reset_session`: for pools
``_connection``       `Connection`: one class that cooperates
``installation``      `install`: all connections of the process cooperate
====================  =========================================================================

Outside of coroutines everything behaves as plain PyMySQL does, so scripts and migrations work.
"""

from pymysql import OperationalError as OperationalError

from .._clean_up import CLEANUP_TIMEOUT as CLEANUP_TIMEOUT
from .._pending_input import has_pending_input as has_pending_input
from ._connection import Connection as Connection
from ._interruption import is_interrupted as is_interrupted
from ._interruption import when_settled as when_settled
from ._session import is_in_transaction as is_in_transaction
from ._session import reset_session as reset_session
from .installation import install as install
