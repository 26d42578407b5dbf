"""Stores of jobs.

====================  =========================================================================
``_store``            `JobStore`: the interface, and its promises
``_job_text``         jobs that follow a group, and errors, as texts that stores keep
``_opening``          the store that the settings name
``sql``               SQLite and PostgreSQL, by SQLAlchemy
``redis``             Redis and Valkey
``rabbitmq``          a database whose jobs RabbitMQ announces
====================  =========================================================================
"""

from ._job_text import decode_jobs as decode_jobs
from ._job_text import encode_jobs as encode_jobs
from ._opening import DatabaseSource as DatabaseSource
from ._opening import opened_store as opened_store
from ._store import InspectedStore as InspectedStore
from ._store import JobStore as JobStore
