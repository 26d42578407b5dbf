"""Databases for the tests of applications, without pytest.

======================  =======================================================================
``temporary``           `TemporaryDatabases`: the databases of one run of tests
``_sqlite``             a copy of an image for each test
``_postgresql``         databases made from a template, on the server of the settings
``_server_databases``   names, locks and the removal of databases of earlier runs
``_mysql``              a database of the process, emptied after each test
``_turns``              `Turns`: which transaction may use a shared connection
``_lock_waits``         errors of sessions that wait for each other
``_shared_connection``  `SharedConnection`: one connection whose transaction is rolled back
``_shared_backend``     its views, which sessions use as connections of their own
``_schema``             `Schema`: what makes the tables
``_refusal``            servers on which tests make no databases
======================  =======================================================================

The fixtures for pytest are in `photon.pytest_plugin`.
"""

from ._schema import Schema as Schema
from ._schema import declared_metadata as declared_metadata
from .temporary import Mode as Mode
from .temporary import TemporaryDatabaseFactory as TemporaryDatabaseFactory
from .temporary import TemporaryDatabases as TemporaryDatabases
