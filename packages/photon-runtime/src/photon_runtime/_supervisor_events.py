"""What a supervisor waits for: signals, messages of workers, ends of processes, and a time.

*Signals.* Handlers only wake the supervisor through ``signal.set_wakeup_fd``; all work is done in
its loop. Signals that would end or stop it and mean nothing to it are ignored; workers do not
inherit that. The end of a child is a signal too.

*Messages* are single bytes in a pipe for each worker. Its end is the end of the worker, or of its
use of the pipe.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import FrameType

SIGNALS = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
"""The signals that the supervisor handles."""

IGNORED_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGTTIN", "SIGTTOU", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR")
    if hasattr(signal, name)
)
"""The signals that would end or stop a supervisor, and mean nothing to it."""


@contextlib.contextmanager
def signal_pipe() -> Iterator[int]:
    """Turn the supervisor's signals into bytes in a pipe while the block runs."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    handlers = {number: signal.signal(number, _ignore) for number in SIGNALS}
    handlers |= {number: signal.signal(number, signal.SIG_IGN) for number in IGNORED_SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # whatever the parent has blocked
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(previous)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Ignore a signal here; the wake-up pipe has its number."""


def wait_for(wakeup: int, channels: Collection[int], *, until: float) -> tuple[list[int], float]:
    """Wait for a signal, for a message, or for a time.

    Args:
        wakeup: Descriptor of `signal_pipe`.
        channels: Descriptors of the pipes of workers.
        until: Time on the monotonic clock; infinite for no time.

    Returns:
        The channels with something to read, and the seconds by which this process was late.
    """
    poll = select.poll()
    for descriptor in (wakeup, *channels):
        poll.register(descriptor, select.POLLIN)
    if until == float("inf"):
        return _of(channels, poll.poll()), 0.0
    began = time.monotonic()
    seconds = max(0.0, until - began + 0.001)  # poll() may be a little early
    ready = poll.poll(seconds * 1000)
    return _of(channels, ready), time.monotonic() - began - seconds


def _of(channels: Collection[int], ready: list[tuple[int, int]]) -> list[int]:
    return [descriptor for descriptor, _ in ready if descriptor in channels]


def read(descriptor: int) -> bytes:
    """Return what is in a pipe, without waiting; nothing if its other end is closed."""
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""


def ended_children() -> Iterator[tuple[int, int]]:
    """Reap all processes that have ended; yield the pid and the exit code of each.

    Also those that were left to this process by others that have ended, if it is process 1 of a
    container or a subreaper.
    """
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            yield pid, os.waitstatus_to_exitcode(status)
