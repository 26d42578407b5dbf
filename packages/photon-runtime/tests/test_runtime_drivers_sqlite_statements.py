"""What the first word of a statement says about it."""

from __future__ import annotations

import pytest

from photon_runtime.drivers.sqlite import _statements
from photon_runtime.drivers.sqlite._statements import Statement, classify


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", _statements.READ),
        ("  \n-- INSERT\n/* DELETE */ ; select 1", _statements.READ),
        ("EXPLAIN INSERT INTO t VALUES (1)", _statements.READ),
        ("WITH a AS (SELECT 1) SELECT * FROM a", _statements.READ),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", _statements.WRITE),
        ("INSERT INTO t VALUES (1) RETURNING x", _statements.WRITE),
        ("replace into t values (1)", _statements.WRITE),
        ("CREATE TABLE t (x)", _statements.WRITE),
        ("VACUUM", _statements.WRITE),
        ("BEGIN", _statements.BEGIN),
        ("BEGIN DEFERRED TRANSACTION", _statements.BEGIN),
        ("begin  immediate", _statements.BEGIN_WRITE),
        ("BEGIN EXCLUSIVE TRANSACTION", _statements.BEGIN_WRITE),
        ("SAVEPOINT a", _statements.BEGIN),
        ("RELEASE a", _statements.RELEASE),
        ("COMMIT", _statements.END),
        ("END TRANSACTION", _statements.END),
        ("ROLLBACK", _statements.ROLLBACK),
        ("ROLLBACK TRANSACTION", _statements.ROLLBACK),
        ("ROLLBACK TO a", _statements.NEUTRAL),
        ("ROLLBACK TRANSACTION TO SAVEPOINT a", _statements.NEUTRAL),
        ("PRAGMA foreign_keys = ON", _statements.NEUTRAL),
        ("PRAGMA user_version", _statements.NEUTRAL),
        ("PRAGMA user_version = 5", _statements.WRITE),
        ("PRAGMA main.busy_timeout = 5", _statements.TIMEOUT),
        ("PRAGMA wal_checkpoint", _statements.NEUTRAL),
        ("PRAGMA wal_checkpoint(TRUNCATE)", _statements.SCRIPT),
        ("PRAGMA wal_checkpoint(PASSIVE)", _statements.NEUTRAL),
        ("", _statements.OTHER),
        ("-- nothing", _statements.OTHER),
        ("/* open", _statements.OTHER),
        ("ATTACH 'a' AS b", _statements.OTHER),
        ("SELECT '" + "a" * 5000 + "'", _statements.READ),
        (b"SELECT 1", _statements.OTHER),
        (None, _statements.OTHER),
        ([], _statements.OTHER),
    ],
)
def test_a_statement_has_the_kind_of_its_first_words(sql: object, kind: Statement) -> None:
    assert classify(sql) == kind
