"""Merging migrations that were made on separate branches: `merge`, `rebase`."""

from __future__ import annotations

from collections.abc import Mapping

from photon_runtime.revision_files import RevisionFile, plan_revision, with_parents

from ..database import Database
from ..errors import MigrationError
from ._scripts import Revision, Scripts, migrations_folder
from ._status import status


def merge(database: Database, message: str | None = None) -> RevisionFile:
    """Write a migration that follows all last ones, and does nothing else.

    Args:
        database: The database.
        message: Name of it; by default one that contains the names of the others.

    Raises:
        MigrationError: There are fewer than two last migrations.
    """
    scripts = Scripts(migrations_folder(database))
    if len(scripts.heads) < 2:
        raise MigrationError("there is one last migration: nothing has to be merged")
    names = " and ".join(each.message for each in map(scripts.find, scripts.heads))
    file = plan_revision(scripts.folder, message or f"merge {names}", parents=scripts.heads)
    file.write()
    return file


def rebase(database: Database) -> list[Revision]:
    """Put the last migrations that are not applied to ``database`` after the one that is.

    It changes the line ``down_revision`` of the first migration of each branch that moves. Right
    if they were applied nowhere else either; otherwise `merge` is.

    Returns:
        The migrations whose files were changed.

    Raises:
        MigrationError: There is one last migration, or several of them are applied.

    Blocks: the thread, for a connection.
    """
    scripts = Scripts(migrations_folder(database))
    if len(scripts.heads) < 2:
        raise MigrationError("there is one last migration: nothing has to be rebased")
    states = {each.revision: each.state for each in status(database).migrations}
    waiting = [each for each in scripts.heads if states[each] == "pending"]
    staying = [each for each in scripts.heads if each not in waiting]
    if not staying:  # none is applied: the oldest stays
        by_name = sorted(waiting, key=lambda each: scripts.find(each).name)
        staying, waiting = by_name[:1], by_name[1:]
    if len(staying) > 1:
        names = " and ".join(scripts.describe(staying))
        raise MigrationError(f"{names} are both applied here: join them by `photon db merge`")
    changed = []
    end = staying[0]
    for head in waiting:
        first = _first_of_branch(scripts, head, states)
        source = first.path.read_text(encoding="utf-8")
        first.path.write_text(with_parents(source, [end]), encoding="utf-8")
        changed.append(first)
        end = head
    Scripts(scripts.folder).require_one_head()
    return changed


def _first_of_branch(scripts: Scripts, head: str, states: Mapping[str, str]) -> Revision:
    """Return the oldest migration that only ``head`` and what it follows lead to."""
    others = set(scripts.heads) - {head}
    shared = {each.revision for other in others for each in _line(scripts, other)}
    branch = [each for each in _line(scripts, head) if each.revision not in shared]
    if any(len(each.parents) > 1 for each in branch):
        raise MigrationError(f"the branch of {branch[0].name} has a merge: use `photon db merge`")
    if any(states[each.revision] != "pending" for each in branch):
        raise MigrationError(
            f"a part of the branch of {branch[0].name} is applied here: use `photon db merge`"
        )
    return branch[-1]


def _line(scripts: Scripts, head: str) -> list[Revision]:
    """Return a migration and all that it follows, the newest first."""
    found = []
    for script in scripts.directory.iterate_revisions(head, "base"):
        one = scripts.get(script.revision)
        if one is not None:
            found.append(one)
    return found
