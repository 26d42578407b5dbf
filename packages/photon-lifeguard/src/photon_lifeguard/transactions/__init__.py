"""Transactions: when they begin, how they nest, and what happens after them.

====================  =========================================================================
``_transaction``      `transaction`: a block that is committed whole, or a savepoint
``_on_demand``        `begin_on_demand`: no transaction for statements that only read
``_reading``          `reads_only`, `leaves_state`: what a statement may do
``_commit_hooks``     `on_commit`
====================  =========================================================================
"""

from ._commit_hooks import on_commit as on_commit
from ._on_demand import OPTIONS as OPTIONS
from ._on_demand import begin_on_demand as begin_on_demand
from ._reading import is_read as is_read
from ._reading import leaves_state as leaves_state
from ._reading import reads_only as reads_only
from ._transaction import BACKEND as BACKEND
from ._transaction import is_in_transaction as is_in_transaction
from ._transaction import transaction as transaction
