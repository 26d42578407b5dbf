"""What a start of the application does about migrations: `prepare_start`.

With ``auto_migrate`` it applies them, under the lock of `migrate`. Otherwise pending migrations are
reported: a start in production is refused, because new code on an old schema fails request by
request; elsewhere it is warned of. A database that is *ahead* of the files does not refuse a start:
the code was rolled back, which a deployment must be able to do.

In development the models are compared with the database, too: a forgotten migration shows at the
next start instead of in production.
"""

from __future__ import annotations

import logging

from ..database import Database
from ..errors import MigrationError, PendingMigrations
from ._applying import migrate
from ._generating import diff
from ._scripts import migrations_folder
from ._status import status

_log = logging.getLogger("photon.database")


def prepare_start(database: Database, *, is_production: bool, is_development: bool) -> None:
    """Apply, or report, the migrations of a database before the application serves.

    A project without a folder of migrations is left alone.

    Args:
        database: The database.
        is_production: True to refuse the start by default if migrations are pending.
        is_development: True to compare the models with the database.

    Raises:
        PendingMigrations: Migrations are pending, and the settings or the environment refuse that.
        MigrationError: The files are invalid, or a migration failed.

    Blocks: the thread.
    """
    folder = migrations_folder(database)
    if not any(folder.glob("*.py")):
        return
    settings = database.settings
    if settings.auto_migrate:
        migrate(database, report=_log.info)
    elif settings.pending_migrations != "ignore":
        policy = settings.pending_migrations or ("refuse" if is_production else "warn")
        _report_pending(database, must_refuse=policy == "refuse")
    if is_development and settings.models:
        _report_differences(database)


def _report_pending(database: Database, *, must_refuse: bool) -> None:
    found = status(database)
    names = [each.file or each.revision for each in found.pending]
    if not names:
        return
    text = f"migrations are pending: {', '.join(names)}; apply them by `photon db migrate`"
    if must_refuse:
        raise PendingMigrations(f"{text}, or set [database] auto_migrate = true")
    _log.warning("%s", text)


def _report_differences(database: Database) -> None:
    """Warn of models without a migration, unless migrations are pending anyway."""
    if status(database).pending:
        return
    try:
        changes = [each.description for each in diff(database) if each.description]
    except MigrationError as error:
        _log.warning("the models cannot be compared with the database: %s", error)
        return
    if changes:
        _log.warning(
            "the models differ from the database (%s); write a migration by `photon db revision -m "
            '"…"`',
            "; ".join(changes),
        )
