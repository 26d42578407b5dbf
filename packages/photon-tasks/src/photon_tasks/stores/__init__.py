"""Stores of jobs.

====================  =========================================================================
``_store``            `JobStore`: the interface, and its promises
``_opening``          the store that the settings name
``sql``               SQLite and PostgreSQL, by SQLAlchemy
``redis``             Redis
====================  =========================================================================
"""

from ._opening import DatabaseSource as DatabaseSource
from ._opening import opened_store as opened_store
from ._store import JobStore as JobStore
