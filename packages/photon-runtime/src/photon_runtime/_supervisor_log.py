"""The log records of a supervisor.

They go through ``logging``, as all others do, so the settings of `photon_runtime.logs` apply. But
the supervisor must not wait: with standard error a pipe that is full, because its reader stands
still and a worker writes a lot, it would be deaf to signals. So a record is dropped while nothing
can be written, and the next one says how many are missing.
"""

from __future__ import annotations

import contextlib
import logging
import select
import sys
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("photon.workers")
_PATIENCE_MS = 100


@attrs.define(eq=False)
class SupervisorLog:
    """Writes what an operator should learn.

    Attributes:
        report: Function that receives each line in place of ``logging``.
        dropped: Number of records that could not be written since the last one.
    """

    report: Callable[[str], None] | None = None
    dropped: int = 0

    def info(self, line: str) -> None:
        """Note what happens as intended."""
        self._write(logging.INFO, line)

    def warning(self, line: str) -> None:
        """Note what an operator should look at."""
        self._write(logging.WARNING, line)

    def error(self, line: str) -> None:
        """Note why the service ends."""
        self._write(logging.ERROR, line)

    def answer(self, line: str) -> None:
        """Note what was asked for by a signal, whatever the level of the settings is."""
        self._write(max(logging.INFO, _log.getEffectiveLevel()), line)

    def _write(self, level: int, line: str) -> None:
        if self.report is not None:
            self.report(line)
            return
        if not _log.isEnabledFor(level):
            return
        if not _accepts_text():
            self.dropped += 1
            return
        if self.dropped:
            line += f" ({self.dropped} records before this one could not be written)"
            self.dropped = 0
        with contextlib.suppress(OSError, ValueError):
            _log.log(level, "%s", line)


def _accepts_text() -> bool:
    """Return whether a line can be written to standard error without waiting."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # not a file: it is replaced, or closed
        return sys.stderr is not None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    # A pipe that is ready has room for PIPE_BUF bytes, which is more than a line of ours.
    return bool(poll.poll(_PATIENCE_MS))
