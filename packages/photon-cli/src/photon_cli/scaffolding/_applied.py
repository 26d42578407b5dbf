"""Whether a migration can be destroyed: it is not applied, and no later one builds on it.

The command line does not know the databases: ``photon db status`` does, in a process of its own,
with the environment of the command. Migrations that only come later are joined to what the
destroyed one followed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from photon_runtime.generators import UpdateFile
from photon_runtime.project import Project
from photon_runtime.revision_files import with_parents

from ._layout import Layout
from ._revisions import FoundRevision, revision_of


def blockers_of(project: Project, layout: Layout, message: str) -> list[str]:
    """Return why the file of the migration with a message cannot be removed.

    Blocks: for a second, while another process asks the database.
    """
    migration = FoundRevision.of(layout, message)
    if migration.existing is None:
        return []
    name = migration.existing.path.name
    source = migration.existing.path.read_text(encoding="utf-8")
    blockers = [
        f"{later.name} builds on {name}: destroy it first"
        for later in migration.later
        if _builds_on(later.read_text(encoding="utf-8"), source)
    ]
    states = _states(project, layout)
    if isinstance(states, str):
        return [*blockers, f"whether {name} is applied is unknown: {states}"]
    if states.get(name) not in (None, "pending"):
        blockers.append(f"{name} is applied: roll back first, by `photon db rollback`")
    return blockers


def join_followers(layout: Layout, message: str) -> list[UpdateFile]:
    """Return the changes that let the followers of a migration follow what it followed."""
    migration = FoundRevision.of(layout, message)
    if migration.existing is None:
        return []
    changes = []
    for follower in migration.followers:
        before = follower.path.read_bytes().decode()
        parents = [
            each
            for parent in follower.parents
            for each in (
                migration.existing.parents if parent == revision_of(message) else (parent,)
            )
        ]
        text = with_parents(before, list(dict.fromkeys(parents)))
        changes.append(UpdateFile(layout.name_of(follower.path), text, before=before))
    return changes


def _builds_on(later: str, source: str) -> bool:
    """Return whether a migration names a table that another creates, or a column that it adds."""
    upgrade = source.split("def downgrade")[0]
    tables = _CREATED_TABLE.findall(upgrade)
    if any(f'"{table}"' in later or f'"{table}.' in later for table in tables):
        return True
    return any(f'"{column}"' in later for column in _ADDED_COLUMN.findall(upgrade))


_CREATED_TABLE = re.compile(r'create_table\(\s*"([^"]+)"')
_ADDED_COLUMN = re.compile(r'add_column\(\s*(?:"[^"]+",\s*)?sa\.Column\(\s*"([^"]+)"')


def _states(project: Project, layout: Layout) -> dict[str, str] | str:
    """Return the state of each migration by its file, or why it is unknown."""
    command = [sys.executable, "-m", "photon_cli"]
    if project.chosen_environment is not None:
        command += ["-e", project.chosen_environment]
    done = subprocess.run(
        [*command, "db", "status", "--json"],
        cwd=layout.root,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return {each["file"]: each["state"] for each in json.loads(done.stdout)["migrations"]}
    except (ValueError, KeyError, TypeError):
        return (done.stderr.strip() or f"`photon db status` ended with {done.returncode}").strip()
