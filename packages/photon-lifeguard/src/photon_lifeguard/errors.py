"""The errors of the database layer.

::

    PhotonError
    ├─ DatabaseConfigurationError  the settings of a database cannot be used
    ├─ PoolExhausted               every connection is in use (also sqlalchemy.exc.TimeoutError)
    ├─ DatabaseUnavailable         no connection to the server can be opened
    ├─ StatementRefused            a statement is executed while a result is encoded
    ├─ TransactionError            a transaction is used wrongly
    └─ MigrationError              migrations cannot be read, applied or generated
       ├─ MultipleHeads            two migrations follow the same one
       ├─ UnknownRevision          the database has a revision that no file has
       ├─ MigrationFailed          a migration failed
       └─ PendingMigrations        the application was started before its migrations

Errors of the database itself are SQLAlchemy's (`sqlalchemy.exc`).
"""

from __future__ import annotations

from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.exc import TimeoutError as SqlAlchemyTimeoutError

from photon_runtime.errors import PhotonError

__all__ = [
    "ROLLED_BACK",
    "DatabaseConfigurationError",
    "DatabaseUnavailable",
    "MigrationError",
    "MigrationFailed",
    "MultipleHeads",
    "PendingMigrations",
    "PoolExhausted",
    "StatementRefused",
    "TransactionError",
    "UnknownRevision",
]


class DatabaseConfigurationError(PhotonError):
    """The settings of a database cannot be used; the message names the setting."""


class PoolExhausted(PhotonError, SqlAlchemyTimeoutError):
    """No connection became free in time, because all of them are in use.

    The message names the holders: route, line and age. Requests are answered with 503.
    """


class DatabaseUnavailable(PhotonError):
    """No connection could be opened in time; the cause is the error of the last attempt.

    Requests are answered with 503.
    """


class StatementRefused(PhotonError, DontWrapMixin):
    """A statement is executed while the result of a handler is encoded.

    The message names the attribute that it loads, if it can be known, and the remedy.
    """


class TransactionError(PhotonError, DontWrapMixin):
    """A transaction is used wrongly, such as by an isolation level inside of another."""


class MigrationError(PhotonError):
    """Migrations cannot be read, applied or generated; nothing was changed."""


class MultipleHeads(MigrationError):
    """Two or more migrations follow the same one; the message names their files."""


class UnknownRevision(MigrationError):
    """A revision has no file; the message names the revision and the folder."""


class MigrationFailed(MigrationError):
    """A migration failed; the message names its file and what remains of it in the database.

    The cause is the error of the database, or of the code of the migration.
    """


class PendingMigrations(MigrationError):
    """The application was started before its migrations were applied; the message names them."""


ROLLED_BACK = (
    "the transaction cannot be committed: a statement in it failed or was cancelled, the error was "
    "caught, and the database has undone all changes. Execute a statement that may fail in a block "
    "of its own, `with transaction(session):`, or call session.rollback() after the error"
)
"""The message of a `TransactionError` in place of a commit that would be a rollback."""
