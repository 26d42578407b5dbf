"""The connection pool: fair, bounded, safe under cancellation.

====================  =========================================================================
``_pool``             `WaitingPool`: what SQLAlchemy uses
``_slots``            `Slots`: the fair queue
``_connecting``       `ConnectGate`: opening connections while a server is down
``_holders``          `Holder`, `purpose`: the code that holds a connection
``_limits``           `PoolLimits`
``_observer``         `PoolObserver`: what a pool reports
``_maintenance``      `maintain`: idle connections, minimum size, leaks
====================  =========================================================================
"""

from ._holders import Holder as Holder
from ._holders import current_holder as current_holder
from ._holders import current_purpose as current_purpose
from ._holders import purpose as purpose
from ._holders import set_purpose as set_purpose
from ._limits import PoolLimits as PoolLimits
from ._maintenance import maintain as maintain
from ._observer import CloseReason as CloseReason
from ._observer import PoolObserver as PoolObserver
from ._pool import DIRTY as DIRTY
from ._pool import WaitingPool as WaitingPool
