"""What of the migrations is applied: `status`, `pending`, `current`, `heads`."""

from __future__ import annotations

import datetime as dt
from typing import Literal, TypeAlias

import attrs

from ..database import Database
from ._engine import migration_engine
from ._environment import current_revisions
from ._log import read_log
from ._scripts import Revision, Scripts, migrations_folder

State: TypeAlias = Literal["applied", "edited", "pending", "unknown"]


@attrs.frozen
class MigrationState:
    """A migration and what the database knows of it.

    Attributes:
        revision: Its identifier.
        file: Name of its file; ``None`` if the database alone knows it.
        message: What it does.
        state: ``applied``; ``edited`` if its code was changed after that; ``pending``; ``unknown``
            if it was applied and has no file.
        applied_at: Time in UTC, as far as it is known.
    """

    revision: str
    file: str | None
    message: str
    state: State
    applied_at: dt.datetime | None = None


@attrs.frozen
class Status:
    """The migrations of a database.

    Attributes:
        migrations: All of them, each after those that it follows.
        current: Revisions that the database is at.
        heads: Revisions that no other follows; more than one must be merged.
    """

    migrations: tuple[MigrationState, ...]
    current: tuple[str, ...]
    heads: tuple[str, ...]

    @property
    def pending(self) -> tuple[MigrationState, ...]:
        """Those that are not applied."""
        return tuple(each for each in self.migrations if each.state == "pending")

    @property
    def is_up_to_date(self) -> bool:
        """True if every migration is applied and unchanged, and there is one head at most."""
        return len(self.heads) < 2 and all(each.state == "applied" for each in self.migrations)


def status(database: Database) -> Status:
    """Compare the files with the database.

    Raises:
        MigrationError: The files are invalid.

    Blocks: the thread, for a connection and a few round trips.
    """
    scripts = Scripts(migrations_folder(database))
    with migration_engine(database) as engine, engine.connect() as connection:
        now = current_revisions(connection)
        log = read_log(connection)
    known = tuple(each for each in now if scripts.get(each) is not None)
    applied = scripts.including(known)

    def state(one: Revision) -> MigrationState:
        entry = log.get(one.revision)
        what: State = "applied" if one.revision in applied else "pending"
        if what == "applied" and entry is not None and entry.checksum != one.checksum:
            what = "edited"
        time = entry.applied_at if entry is not None and what != "pending" else None
        return MigrationState(one.revision, one.name, one.message, what, time)

    states = [state(each) for each in scripts.all()]
    states += [MigrationState(each, None, "", "unknown") for each in now if each not in known]
    return Status(tuple(states), now, scripts.heads)


def pending(database: Database) -> list[Revision]:
    """Return the migrations that are not applied, in order.

    Raises:
        MigrationError: The files are invalid.

    Blocks: the thread, for a connection and a few round trips.
    """
    scripts = Scripts(migrations_folder(database))
    if not scripts.heads:
        return []
    missing = {each.revision for each in status(database).pending}
    return [each for each in scripts.all() if each.revision in missing]


def current(database: Database) -> tuple[str, ...]:
    """Return the revisions that the database is at; more than one after unmerged branches.

    Blocks: the thread, for a connection and a few round trips.
    """
    with migration_engine(database) as engine, engine.connect() as connection:
        return current_revisions(connection)


def heads(database: Database) -> tuple[str, ...]:
    """Return the revisions that no other follows: one, or none without migrations.

    Raises:
        MigrationError: The files are invalid.
    """
    return Scripts(migrations_folder(database)).heads


def history(database: Database) -> list[Revision]:
    """Return all migrations, the last one first.

    Raises:
        MigrationError: The files are invalid.
    """
    return Scripts(migrations_folder(database)).all()[::-1]
