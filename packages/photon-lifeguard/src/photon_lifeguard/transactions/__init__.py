"""Transactions: when they begin, how they nest, and what happens after them.

====================  =========================================================================
``_transaction``      `transaction`, `commit_changes`: what is committed, and when
``_on_demand``        `begin_on_demand`: no transaction for statements that only read
``_ending``           no commit that the database would turn into a rollback
``_messages``         `complete_message`: one transaction for each message of a socket
``_reading``          `reads_only`, `may_leave_state`: what a statement may do
``_commit_hooks``     `on_commit`
``_advisory_lock``    `advisory_lock`: one transaction at a time, across processes
``_local_settings``   `set_local`: settings of PostgreSQL for one transaction
``_open_transactions``  those of the current context, for `photon_runtime.transactions`
``_server_transactions``  those that were begun on servers, and the calls after them
``_core_blocks``      ``with`` blocks of Core's transactions
``_joining``          transactions, for rows of other code that join them
``_retry``            `repeat_transaction`: after serialization failures and deadlocks
====================  =========================================================================
"""

from ._advisory_lock import advisory_lock as advisory_lock
from ._commit_hooks import awaits_commit as awaits_commit
from ._commit_hooks import on_commit as on_commit
from ._local_settings import set_local as set_local
from ._messages import complete_message as complete_message
from ._on_demand import begin_on_demand as begin_on_demand
from ._open_transactions import end_management as end_management
from ._open_transactions import find as find
from ._open_transactions import manage as manage
from ._open_transactions import note_session as note_session
from ._reading import is_read as is_read
from ._reading import leaves_state as leaves_state
from ._reading import may_leave_state as may_leave_state
from ._reading import reads_only as reads_only
from ._retry import is_transient as is_transient
from ._retry import repeat_transaction as repeat_transaction
from ._server_transactions import BACKEND as BACKEND
from ._server_transactions import OPTIONS as OPTIONS
from ._transaction import commit_changes as commit_changes
from ._transaction import is_in_transaction as is_in_transaction
from ._transaction import transaction as transaction
