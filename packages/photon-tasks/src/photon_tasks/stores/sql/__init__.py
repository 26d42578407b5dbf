"""Jobs in SQLite and PostgreSQL, on an engine of SQLAlchemy.

====================  =========================================================================
``_store``            `SqlStore`: the methods of `JobStore`
``_delivering``       enqueueing within a transaction: jobs, groups, events
``_keys``             unique keys
``_claiming``         claims: a look, jobs that become due, shares of queues
``_finishing``        outcomes of attempts
``_people``           list, requeue, purge, tidy
``_listening``        wake-ups
``_schema``           the tables
``_statements``       the statements
``_transaction``      the statements of one transaction, and whom they wake
``_records``          rows as values
``_connections``      single statements and transactions on an engine; its errors
``_grammar``          one text of a statement for both databases
====================  =========================================================================
"""

from ._store import SqlStore as SqlStore
