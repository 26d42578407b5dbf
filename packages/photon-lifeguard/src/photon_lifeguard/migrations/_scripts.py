"""The revision files of a database, read by Alembic."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import attrs
from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError

from photon_runtime.tracebacks import readable

from ..database import Database
from ..errors import MigrationError, MultipleHeads, UnknownRevision
from ._checksums import checksum


@attrs.frozen
class Revision:
    """One migration.

    Attributes:
        revision: Its identifier.
        message: First line of its docstring.
        path: Its file.
        parents: Identifiers of the revisions that it follows.
        requirements: The same, with those that it depends on.
        is_transactional: False if its module sets ``transactional = False``.
    """

    revision: str
    message: str
    path: Path
    parents: tuple[str, ...]
    requirements: tuple[str, ...]
    is_transactional: bool = True

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.path.name

    @functools.cached_property
    def checksum(self) -> str:
        """The checksum of its code."""
        return checksum(self.path.read_text(encoding="utf-8"))


class Scripts:
    """The revision files of a folder.

    Args:
        folder: Folder; it need not exist.

    Attributes:
        folder: The same.
        directory: Alembic's view of it.

    Raises:
        MigrationError: A file cannot be loaded, or two have the same revision.
    """

    def __init__(self, folder: Path) -> None:
        """Load all files."""
        self.folder = folder
        self.directory = ScriptDirectory(folder.anchor or ".", version_locations=[str(folder)])
        try:
            self._check_names()
            heads = self.directory.get_heads()
        except CommandError as error:
            raise MigrationError(
                f"the migrations in {folder} do not fit together: {error}"
            ) from error
        except MigrationError:
            raise
        except Exception as error:
            raise MigrationError(
                f"a migration in {folder} cannot be loaded:\n{readable(error)}"
            ) from error
        self.heads: tuple[str, ...] = tuple(sorted(heads))

    def all(self) -> list[Revision]:
        """Return all migrations, each after those that it follows."""
        return [_revision(script) for script in self.directory.walk_revisions()][::-1]

    def get(self, revision: str) -> Revision | None:
        """Return a migration by its identifier."""
        try:
            script = self.directory.get_revision(revision)
        except CommandError:
            return None
        return None if script is None or script.revision != revision else _revision(script)

    def including(self, revisions: Sequence[str]) -> set[str]:
        """Return revisions and all that they follow or depend on."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            one = self.get(waiting.pop())
            if one is not None and one.revision not in found:
                found.add(one.revision)
                waiting += one.requirements
        return found

    def find(self, name: str) -> Revision:
        """Return a migration by its identifier, the beginning of it, or a part of its file's name.

        Raises:
            UnknownRevision: Not exactly one matches.
        """
        known = self.all()
        exact = [each for each in known if name in (each.revision, each.name, each.path.stem)]
        matches = exact or [
            each for each in known if each.revision.startswith(name) or name in each.path.stem
        ]
        if len(matches) == 1:
            return matches[0]
        if not matches:
            raise UnknownRevision(f"no migration in {self.folder} is called {name!r}")
        names = ", ".join(each.name for each in matches)
        raise UnknownRevision(f"{name!r} may be any of {names}: write more of it")

    def require_one_head(self) -> str | None:
        """Return the last migration; ``None`` without any.

        Raises:
            MultipleHeads: There are several.
        """
        if len(self.heads) > 1:
            names = " and ".join(self.describe(self.heads))
            raise MultipleHeads(
                f"there are {len(self.heads)} last migrations: {names}. They were made on separate "
                "branches; join them by `photon db merge`, or put the one that is not applied "
                "anywhere after the other by `photon db merge --rebase`"
            )
        return self.heads[0] if self.heads else None

    def require_known(self, applied: Sequence[str]) -> None:
        """Check that each revision of the database has a file.

        Raises:
            UnknownRevision: One has none.
        """
        unknown = [each for each in applied if self.get(each) is None]
        if unknown:
            raise UnknownRevision(
                f"the database is at revision {', '.join(unknown)}, which no file in {self.folder} "
                "has: a migration of another branch or of a newer version was applied. Check out "
                "the version that has the file and roll it back there, or restore the file"
            )

    def describe(self, revisions: Sequence[str]) -> list[str]:
        """Return the file names of revisions."""
        found = [self.get(each) for each in revisions]
        return [
            each if one is None else one.name for each, one in zip(revisions, found, strict=True)
        ]

    def _check_names(self) -> None:
        by_revision: dict[str, list[str]] = defaultdict(list)
        for script in self.directory._load_revisions():
            by_revision[script.revision].append(Path(script.path).name)
        for revision, names in by_revision.items():
            if len(names) > 1:
                raise MigrationError(
                    f"{' and '.join(sorted(names))} both have the revision {revision}: give one of "
                    "them another"
                )


def migrations_folder(database: Database) -> Path:
    """Return the folder of the migrations of ``database``."""
    return (database.folder or Path.cwd()) / database.settings.migrations


def _revision(script: Script) -> Revision:
    return Revision(
        revision=script.revision,
        message=script.doc,
        path=Path(script.path),
        parents=tuple(script._versioned_down_revisions),
        requirements=tuple(script._all_down_revisions),
        is_transactional=bool(getattr(script.module, "transactional", True)),
    )
