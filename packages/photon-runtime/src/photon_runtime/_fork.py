"""The end of a process that was forked in a task."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn


def leave_forked_child(error: BaseException | None) -> NoReturn:
    """End this process, whose only task has ended, with ``error`` if there was one.

    The frames below the hub belong to the parent, and returning into them would run the rest of the
    parent's program a second time. A thread that forks and then returns also ends its process.
    """
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if not isinstance(error.code, int | None):
            print(error.code, file=sys.stderr)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
