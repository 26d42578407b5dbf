"""The kinds of databases, and what differs between them.

====================  =========================================================================
``_backend``          `Backend`, `TransactionOptions`: what the other modules use
``_postgresql``       PostgreSQL by psycopg 3
``_sqlite``           SQLite
``_mysql``            MySQL and MariaDB by PyMySQL
``_urls``             `database_url`, `backend_for`: from an address to a kind
====================  =========================================================================
"""

from ._backend import Backend as Backend
from ._backend import Isolation as Isolation
from ._backend import TransactionOptions as TransactionOptions
from ._urls import backend_for as backend_for
from ._urls import database_url as database_url
from ._urls import is_in_memory as is_in_memory
