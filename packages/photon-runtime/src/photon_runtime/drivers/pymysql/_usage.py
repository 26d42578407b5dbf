"""`Usage`: which task or thread uses a connection now, and what for.

Theory of operation. A command and its result are one exchange of packets, so one caller at a time
has the connection, in the order in which they came. A task that reads an unbuffered result keeps
the connection until the result has ended: a command of another task would make PyMySQL read and
drop the rest of it. Any task may read the rows of that result, but one at a time. Outside of tasks
such a result does not keep the connection, as with plain PyMySQL; a forgotten one would block a
thread.

A command may call others, which find that their caller has the connection already.

A result whose packets have all arrived is read without a wait. So after `_SLICE` seconds the other
tasks run, between two packets.
"""

from __future__ import annotations

import time
from typing import Any

from greenlet import getcurrent

from ..._hub import Hub, current_hub
from ..._pooled_greenlet import running_task
from ..._run import sleep
from ...patch import Lock, get_ident

ATTRIBUTE = "_photon_usage"
"""Name of the attribute of a connection that holds its usage."""

_SLICE = 0.005
_PACKETS = 128  # between two looks at the clock
_TURN = 1e-9  # seconds after which a timer is due, so that the hub polls before the task continues


class Usage:
    """Which task or thread uses a connection.

    Attributes:
        caller: Number of the task or thread that has the connection, ``None`` if it is free.
        reader: Number of the task or thread that reads a row of an unbuffered result.
        is_in_command: True while a command runs, false between the rows of an unbuffered result.
        is_in_flight: True from the first byte of a command to the end of its result.
        packets_left: Number of packets until the next look at the clock, see `share_time`.
        cause: Exception that interrupted the command, until the command ends.
    """

    __slots__ = (
        "_hub",
        "_lock",
        "_rows",
        "_slice_ends",
        "caller",
        "cause",
        "is_in_command",
        "is_in_flight",
        "packets_left",
        "reader",
    )

    def __init__(self) -> None:
        """Describe a free connection."""
        self._lock = Lock()
        self._rows = Lock()
        self._hub: Hub | None = None
        self.packets_left = _PACKETS
        self._slice_ends = 0.0
        self.caller: int | None = None
        self.reader: int | None = None
        self.is_in_command = False
        self.is_in_flight = False
        self.cause: BaseException | None = None

    def begin(self) -> bool:
        """Take the connection for a command; return false in a command of the same caller.

        Raises:
            Cancelled: A scope around the task was cancelled; the connection was not taken.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        caller = get_ident()
        if self.caller != caller:
            self._lock.acquire()
            self.caller = caller
        elif self.is_in_command:
            return False
        self.is_in_command = True
        self.is_in_flight = False
        self._slice_ends = time.monotonic() + _SLICE
        return True

    def end(self, *, is_streaming: bool) -> None:
        """End a command; with an unbuffered result the task keeps the connection."""
        self.is_in_command = self.is_in_flight = False
        self.cause = None
        if is_streaming and running_task() is not None:
            self._hub = current_hub()
        else:
            self._free()

    def begin_row(self) -> None:
        """Take the connection for one packet of an unbuffered result. Blocks, as `begin`."""
        self._rows.acquire()
        self.reader = get_ident()
        self.is_in_flight = True

    def end_row(self) -> None:
        """Let the next caller read a packet of the unbuffered result."""
        self.reader = None
        self.is_in_flight = False
        self._rows.release()

    def end_stream(self) -> None:
        """Free the connection at the end of an unbuffered result, unless a command runs."""
        if not self.is_in_command and self.caller is not None:
            self._free()

    def is_busy_elsewhere(self) -> bool:
        """Return whether another task or thread waits for a packet."""
        caller = get_ident()
        return (self.is_in_command and self.caller != caller) or (
            self.reader is not None and self.reader != caller
        )

    def is_in_finaliser(self) -> bool:
        """Return whether the hub itself is about to read a result, where it cannot wait.

        A cursor that was not closed reads its result to the end when it is collected, anywhere.
        """
        return self._hub is not None and getcurrent() is self._hub.greenlet

    def share_time(self) -> None:
        """Let the other tasks run if this one has not waited for long: no packets are left.

        Raises:
            Cancelled: A scope around the task was cancelled.
        """
        self.packets_left = _PACKETS
        if time.monotonic() >= self._slice_ends and running_task() is not None:
            sleep(_TURN)
            self._slice_ends = time.monotonic() + _SLICE

    def _free(self) -> None:
        self.caller = self._hub = None
        self._lock.release()


def usage_of(connection: Any) -> Usage:
    """Return the usage of a connection of PyMySQL."""
    usage: Usage | None = connection.__dict__.get(ATTRIBUTE)
    if usage is None:
        usage = connection.__dict__.setdefault(ATTRIBUTE, Usage())
    return usage
