"""Comparing models with a database, and writing the migration: `diff`, `plan_migration`."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch

import attrs
from sqlalchemy import Connection, MetaData

from photon_runtime.revision_files import RevisionFile, plan_revision

from ..database import Database
from ..errors import MigrationError
from ._changes import Change, in_order
from ._comparison import Comparison
from ._engine import migration_engine
from ._environment import current_revisions
from ._models import load_models
from ._renames import Decisions, rename
from ._rendering import render
from ._scratch import schemas_of, snapshot_of_models
from ._scripts import Scripts, migrations_folder
from ._snapshot import take_snapshot

_OF_PHOTON = "photon_*"
"""Tables that stores of other packages make and change themselves, such as those of jobs."""


@attrs.frozen
class PlannedMigration:
    """A migration that was made from the models.

    Attributes:
        file: File to write; ``None`` if the models and the database are the same.
        changes: What it changes.
    """

    file: RevisionFile | None
    changes: tuple[Change, ...]

    @property
    def losses(self) -> list[str]:
        """The tables and columns that are dropped with their data."""
        return [change.loses for change in self.changes if change.loses is not None]

    @property
    def warnings(self) -> list[str]:
        """What the author has to know."""
        return [change.warning for change in self.changes if change.warning is not None]


class KnownRenames:
    """Takes for renamed what is in ``renames``, and nothing else.

    Args:
        renames: New names by the old ones, as ``{"posts.title": "posts.headline"}``.

    Attributes:
        candidates: Pairs that may be renames and were taken for a drop and an addition.
    """

    def __init__(self, renames: Mapping[str, str] | None = None) -> None:
        """Note the renames."""
        self._renames = dict(renames or {})
        self.candidates: list[tuple[str, str]] = []

    def is_rename(self, kind: str, old: str, new: str) -> bool:
        """Return whether it is in ``renames``."""
        if self._renames.get(old) == new:
            return True
        self.candidates.append((old, new))
        return False


def diff(
    database: Database, models: MetaData | None = None, *, decisions: Decisions | None = None
) -> list[Change]:
    """Compare the models with a database.

    Args:
        database: The database.
        models: Models; by default those of the settings.
        decisions: Decides about renames; by default nothing is one.

    Returns:
        The changes that bring the database to the models.

    Raises:
        MigrationError: The models cannot be loaded or created.

    Blocks: the thread, while the models are created in an empty place and both are read.
    """
    with migration_engine(database) as engine, engine.connect() as connection:
        return _compare(database, connection, models, decisions)


def plan_migration(
    database: Database,
    message: str,
    models: MetaData | None = None,
    *,
    decisions: Decisions | None = None,
) -> PlannedMigration:
    """Plan the migration that brings a database to the models, without writing it.

    Args:
        database: The database; all migrations must be applied to it.
        message: What the migration does, in a few words.
        models: Models; by default those of the settings.
        decisions: Decides about renames; by default nothing is one.

    Raises:
        MigrationError: Migrations are pending, or the models cannot be loaded or created.

    Blocks: the thread.
    """
    scripts = Scripts(migrations_folder(database))
    head = scripts.require_one_head()
    with migration_engine(database) as engine, engine.connect() as connection:
        now = current_revisions(connection)
        scripts.require_known(now)
        if now != ((head,) if head else ()):
            raise MigrationError(
                "migrations are pending: apply them first by `photon db migrate`, because the "
                "models are compared with the database"
            )
        changes = _compare(database, connection, models, decisions)
        if not changes:
            return PlannedMigration(None, ())
        up, imports = render(connection, [each for one in changes for each in one.upgrade])
        back = [each for one in reversed(changes) for each in one.downgrade]
        down, more = render(connection, back)
    file = plan_revision(
        scripts.folder,
        message,
        parents=now,
        upgrade=up,
        downgrade=down,
        imports=sorted(imports | more),
    )
    return PlannedMigration(file, tuple(changes))


def plan_empty(database: Database, message: str) -> RevisionFile:
    """Plan a migration that does nothing yet, after the last one.

    Args:
        database: The database; it is not opened.
        message: What the migration will do, in a few words.

    Raises:
        MultipleHeads: Two migrations follow the same one.
    """
    scripts = Scripts(migrations_folder(database))
    head = scripts.require_one_head()
    return plan_revision(scripts.folder, message, parents=(head,) if head else ())


def _compare(
    database: Database,
    connection: Connection,
    models: MetaData | None,
    decisions: Decisions | None,
) -> list[Change]:
    metadata = load_models(database) if models is None else models
    after = snapshot_of_models(connection.engine, metadata)
    before = take_snapshot(connection, {each: each for each in schemas_of(metadata)})
    ignored = (_OF_PHOTON, *database.settings.ignored_tables)
    for key in list(before.tables):
        if key not in after.tables and any(fnmatch(key[1], each) for each in ignored):
            del before.tables[key]
    renames = rename(before, after, decisions or KnownRenames())
    comparison = Comparison(connection, metadata, before, after)
    comparison.complete(renames)
    return in_order([*renames, *comparison.changes()])
