"""Migrations of generators: the same name gives the same revision.

The revision is made from the message, so that a second run finds the file of the first and changes
nothing. Its time and its place in the chain are then those of the file.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Final, Self

import attrs

from photon_runtime.generators import CreateFile, GeneratorError
from photon_runtime.revision_files import (
    WrittenRevision,
    plan_revision,
    read_heads,
    read_revisions,
)

from ._layout import Layout
from ._migration_code import MigrationCode

_LENGTH: Final = 12


@attrs.frozen
class FoundRevision:
    """The migration with a message, as far as it exists.

    Attributes:
        existing: Its file; ``None`` if it does not exist.
        followers: The migrations that follow it.
        later: The files of all migrations that come after it.
    """

    existing: WrittenRevision | None
    followers: tuple[WrittenRevision, ...] = ()
    later: tuple[Path, ...] = ()

    @classmethod
    def of(cls, layout: Layout, message: str) -> Self:
        """Find the migration with a message."""
        revision, written = revision_of(message), read_revisions(layout.migrations)
        followers = tuple(each for each in written.values() if revision in each.parents)
        return cls(written.get(revision), followers, _descendants(written, revision))


def _descendants(written: dict[str, WrittenRevision], revision: str) -> tuple[Path, ...]:
    """Return the files of the migrations that come after a revision."""
    found = {revision}
    while True:
        further = {
            name for name, each in written.items() if name not in found and found & {*each.parents}
        }
        if not further:
            return tuple(written[name].path for name in sorted(found - {revision}))
        found |= further


def revision_of(message: str) -> str:
    """Return the identifier of the migration with a message."""
    return hashlib.sha256(message.encode()).hexdigest()[:_LENGTH]


def plan_migration(layout: Layout, message: str, code: MigrationCode) -> CreateFile:
    """Return the migration with a message: where its file exists, in the same file.

    Args:
        layout: The project.
        message: What it does, in a few words.
        code: Its statements.

    Raises:
        GeneratorError: Two migrations follow the same one.
    """
    revision = revision_of(message)
    written = read_revisions(layout.migrations)
    existing = written.get(revision)
    parents, created = _place(layout, written, existing)
    file = plan_revision(
        layout.migrations,
        message,
        parents=parents,
        upgrade=code.upgrade,
        downgrade=code.downgrade,
        imports=sorted(code.imports),
        revision=revision,
        now=created,
    )
    path = file.path if existing is None else existing.path
    return CreateFile(layout.name_of(path), file.source, once=True)


def _place(
    layout: Layout, written: dict[str, WrittenRevision], existing: WrittenRevision | None
) -> tuple[tuple[str, ...], dt.datetime | None]:
    """Return what a migration follows, and its time: at the end, unless its file exists."""
    if existing is not None:
        return existing.parents, existing.created
    heads = read_heads(layout.migrations)
    if len(heads) > 1:
        names = " and ".join(written[each].path.name for each in heads)
        raise GeneratorError(
            f"there are {len(heads)} last migrations, {names}: join them by `photon db merge` first"
        )
    now = dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)
    last = written[heads[0]].created if heads else None
    if last is not None and now <= last:
        now = last + dt.timedelta(seconds=1)
    return heads, now
