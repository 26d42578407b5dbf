"""A database layer on SQLAlchemy that waits in the scheduler.

====================  =========================================================================
``database``          `Database`: engine, pool and sessions of one database
``part``              `DatabasePart`: the databases of an application
``replicas``          reads on servers that follow the primary
``pool``              the connection pool: fair, bounded, safe under cancellation
``observability``     metrics, spans, slow and repeated statements, readiness
``pagination``        pages of queries, by number and by cursor
``models``            types, a mixin and names for models
``input``             values that clients send, assigned and checked before they are stored
``results``           results of handlers that are objects of a session
``transactions``      when transactions begin, how they nest, and what happens after them
``backends``          PostgreSQL, SQLite and MySQL: what differs between them
``_value_errors``     values that a driver cannot send
``_database_settings``  the section ``[database]`` of photon.toml
``errors``            the error tree
====================  =========================================================================

Models, queries and sessions are SQLAlchemy's own, unchanged.
"""

from ._database_settings import DatabaseSettings as DatabaseSettings
from .database import Database as Database
from .errors import DatabaseConfigurationError as DatabaseConfigurationError
from .errors import DatabaseUnavailable as DatabaseUnavailable
from .errors import MigrationError as MigrationError
from .errors import PoolExhausted as PoolExhausted
from .errors import StatementRefused as StatementRefused
from .errors import TransactionError as TransactionError
from .input import ValueConflict as ValueConflict
from .input import assign as assign
from .input import find_conflicts as find_conflicts
from .input import refuse_conflicts as refuse_conflicts
from .observability import QueryCount as QueryCount
from .observability import Repetition as Repetition
from .observability import assert_queries as assert_queries
from .observability import count_queries as count_queries
from .observability import uncounted as uncounted
from .part import DatabasePart as DatabasePart
from .part import Databases as Databases
from .replicas import use_primary as use_primary
from .transactions import advisory_lock as advisory_lock
from .transactions import on_commit as on_commit
from .transactions import set_local as set_local
from .transactions import transaction as transaction
