"""Noting migrations as applied without running them: `stamp`."""

from __future__ import annotations

from ..database import Database
from ..errors import MigrationError
from ._engine import migration_engine, writing
from ._environment import environment
from ._lock import migration_lock
from ._log import create_log, note, read_log
from ._scripts import Revision, Scripts, migrations_folder


def stamp(database: Database, revision: str = "head") -> Revision:
    """Note a migration, and all that it follows, as applied; the tables are not changed.

    For a database whose tables were there before its first migration.

    Args:
        database: The database.
        revision: The migration: its revision, the beginning of it or of its file's name, or
            ``head`` for the last one.

    Returns:
        The migration.

    Raises:
        MigrationError: It does not exist, or another process migrates the database.

    Blocks: the thread, for a connection.
    """
    scripts = Scripts(migrations_folder(database))
    target = scripts.require_one_head() if revision == "head" else revision
    if target is None:
        raise MigrationError(f"there are no migrations in {scripts.folder}")
    found = scripts.find(target)
    wait = database.settings.migration_wait
    with (
        migration_engine(database) as engine,
        migration_lock(engine, wait=wait),
        engine.connect() as connection,
    ):
        writing(connection)
        with environment(scripts, connection=connection) as env:
            env.get_context().stamp(scripts.directory, found.revision)
        create_log(connection)
        known = read_log(connection)
        applied = scripts.including([found.revision])
        for each in scripts.all():
            if each.revision in applied and each.revision not in known:
                note(connection, each, 0.0)
        connection.commit()
    return found
