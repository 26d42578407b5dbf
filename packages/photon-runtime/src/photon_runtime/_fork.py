"""The end of a process that was forked in a task."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn, Protocol


class Ended(Protocol):
    """What is looked at of the task that ended."""

    @property
    def error(self) -> BaseException | None:
        """The exception that ended the task, ``None`` where there was none."""


def leave_forked_child(task: Ended) -> NoReturn:
    """End this process, whose only task has ended.

    The frames below the hub are the parent's, and returning into them would run the rest of the
    parent's program a second time. A thread that forks and then returns ends its process too.
    """
    error = task.error
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
