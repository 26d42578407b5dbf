"""The tasks of an application: added by themselves, with its databases."""

from __future__ import annotations

from collections.abc import Sequence

from photon_runtime.parts import Part
from photon_tasks import TasksPart

from ._databases_of_jobs import JobDatabases


def with_tasks(parts: Sequence[Part], module: str) -> list[Part]:
    """Return the parts of an application with its tasks, which come last.

    Args:
        parts: The parts.
        module: Name of the module that has made the application.
    """
    own = [each for each in parts if isinstance(each, TasksPart)]
    own = own or [TasksPart(is_automatic=True)]
    for part in own:
        part.home = part.home or module
        part.databases = part.databases or JobDatabases
    return [*(each for each in parts if not isinstance(each, TasksPart)), *own]
