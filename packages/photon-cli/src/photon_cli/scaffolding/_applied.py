"""Whether a migration is applied, and so cannot be destroyed.

The command line does not know the databases: ``photon db status`` does, in a process of its own,
with the environment of the command.
"""

from __future__ import annotations

import json
import subprocess
import sys

from photon_runtime.project import Project

from ._layout import Layout
from ._revisions import FoundRevision


def blockers_of(project: Project, layout: Layout, message: str) -> list[str]:
    """Return why the file of the migration with a message cannot be removed.

    Blocks: for a second, while another process asks the database.
    """
    migration = FoundRevision.of(layout, message)
    if migration.existing is None:
        return []
    name = migration.existing.path.name
    blockers = [
        f"{follower.name} follows {name}: destroy it first, or put it elsewhere by "
        "`photon db merge --rebase`"
        for follower in migration.followers
    ]
    states = _states(project, layout)
    if isinstance(states, str):
        return [*blockers, f"whether {name} is applied is unknown: {states}"]
    if states.get(name) not in (None, "pending"):
        blockers.append(f"{name} is applied: roll back first, by `photon db rollback`")
    return blockers


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
