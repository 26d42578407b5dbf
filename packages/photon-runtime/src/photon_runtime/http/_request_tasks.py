"""Tasks that handlers have spawned, and that live longer than their requests.

Theory of operation. `photon_runtime.spawn` makes a task without an owner. When the server stops,
those that requests have spawned are waited for while the application still works, in the time that
requests have; then they are cancelled and named in the log. They are found by the context that they
have inherited from their request, so nothing is noted when they are spawned. Tasks that the
application has spawned while it started are its own: they are services rather than work, and its
end ends them.

Tasks that Photon's own packages spawn for a request, such as the reader of a connection, are
services, too: what has spawned them ends them.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Callable

from .._hub import current_hub
from .._report import describe_tasks
from .._scope import deadline
from .._task import Task
from ..errors import DeadlineExceeded

_log = logging.getLogger("photon.http")
_OWN_PACKAGE = re.compile(r"photon(_\w+)?")
_END_TIME = 0.5
"""Seconds that the cancelled tasks have to clean up."""


def await_request_tasks(is_of_request: Callable[[Task[object]], bool], seconds: float) -> None:
    """Wait for the end of the tasks that requests have spawned; cancel and name what is left.

    Args:
        is_of_request: Returns whether a task has the context of a request.
        seconds: Time to wait.

    Blocks: the calling task, for ``seconds`` and a moment at most.
    """
    begun = time.monotonic()
    folders = _own_folders()

    def running() -> list[Task[object]]:
        tasks = list(current_hub().tasks)
        return [task for task in tasks if is_of_request(task) and not _is_own(task, folders)]

    try:
        with deadline(seconds):
            while left := running():
                left[0].join()
    except DeadlineExceeded:
        pass
    if left := running():
        _log.error(
            "tasks that requests have spawned are cancelled: they have not ended within %.1f s of "
            "the last request:\n%s",
            time.monotonic() - begun,
            describe_tasks(left),
        )
        for task in left:
            task.cancel()
        try:
            with deadline(_END_TIME):
                for task in left:
                    task.join()
        except DeadlineExceeded:
            pass


def _own_folders() -> tuple[str, ...]:
    """Return the folders of Photon's packages that are imported."""
    return tuple(
        str(folder) + os.sep
        for name, module in list(sys.modules.items())
        if _OWN_PACKAGE.fullmatch(name)
        for folder in getattr(module, "__path__", ())
    )


def _is_own(task: Task[object], folders: tuple[str, ...]) -> bool:
    return task.site.startswith(folders)
