"""One worker process: its fork, its life and its end.

The supervisor's signals are blocked during the fork until the child has restored the default
handlers, so a signal for the child is never lost in the parent's pipe, nor the reverse. From then
on SIGUSR1 and SIGUSR2 show what it does, and SIGHUP requests its replacement, also before the
application is imported. The child
ends by ``os._exit``: it must not unwind into the frames of the parent that it was forked from. What
the interpreter would do at its end is done explicitly (`_process_end`): threads, exit hooks without
those of the parent (`_inherited_hooks`), and flushing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from ._end_limit import limit_end
from ._inherited_hooks import forget_inherited_hooks
from ._inspection_signals import handle_signals_of_workers
from ._process_end import end_process

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

READY = b"r"
ALIVE = b"."
RETIRING = b"x"
LEAVING = b"l"

_END_TIME = 30.0
"""Seconds that threads and exit hooks have at the end of a worker that has not set a limit."""

_PR_SET_PDEATHSIG = 1


@attrs.define(eq=False)
class Worker:
    """One child process.

    Attributes:
        born: Time of the fork, on the monotonic clock.
        channel: Readable end of the pipe of its messages; -1 once it is closed.
        is_ready: True once it has reported that it serves.
        heard: Time of its last message, on the monotonic clock.
        kill_at: Time at which it will be killed, if it is stopping.
        must_serve: True if it is to be stopped only once it is ready: clients wait for it.
        condemned: Time at which it will be killed for another reason, and that reason.
    """

    pid: int
    born: float
    channel: int
    is_ready: bool = False
    heard: float = 0.0
    kill_at: float | None = None
    must_serve: bool = False
    condemned: tuple[float, str] | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether it is being stopped."""
        return self.kill_at is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; the pid cannot be another process's, because it is not reaped yet."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def fork_worker(
    work: Work, slot: int, *, signals: Collection[signal.Signals], inherited: Iterable[int]
) -> Worker:
    """Fork a worker.

    Args:
        work: Function that the worker runs.
        slot: Slot of the worker.
        signals: Signals that this process handles or ignores, which the worker does not inherit.
        inherited: Descriptors that are only for this process; the worker closes them.

    Returns:
        The worker, in the parent. The child does not return.

    Raises:
        OSError: The system lacks the resources for another process.
    """
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    os.set_blocking(theirs, False)
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        try:
            pid = os.fork()
        except OSError:
            os.close(ours)
            os.close(theirs)
            raise
        if pid == 0:
            code = 1
            try:
                link = Link(theirs)
                _forget_parent(signals, (ours, *inherited))
                handle_signals_of_workers(link.retire)
                end_with_parent()
                if os.getppid() != parent:  # the parent died before the call took effect
                    os._exit(1)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                code = _exit_code(work, slot, link)
            except BaseException:
                traceback.print_exc()
            finally:
                try:
                    limit_end(_END_TIME)  # unless its work has set one
                finally:
                    end_process(code)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(theirs)
    return Worker(pid, time.monotonic(), ours)


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent's main thread ends.

    Does nothing on systems other than Linux.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _forget_parent(signals: Iterable[signal.Signals], inherited: Iterable[int]) -> None:
    """Undo what only the parent needs: its signal handlers, its pipes, its exit hooks."""
    signal.set_wakeup_fd(-1)
    for number in signals:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor in inherited:
        os.close(descriptor)
    forget_inherited_hooks()


@attrs.define
class Link:
    """A worker's connection to its supervisor: call it when the worker is ready.

    Its methods neither wait nor fail: a message that the supervisor does not read is dropped, and
    a supervisor that has ended takes its workers along.
    """

    channel: int

    def __call__(self) -> None:
        """Report that the worker serves."""
        self._say(READY)

    def beat(self) -> None:
        """Report that the worker is alive; call it about once a second."""
        self._say(ALIVE)

    def retire(self) -> None:
        """Ask to be replaced; the supervisor stops the worker when its successor is ready."""
        self._say(RETIRING)

    def leave(self) -> None:
        """Report that the worker takes no more work and ends by itself; it is replaced now."""
        self._say(LEAVING)

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self.channel, word)


Work = Callable[[int, Link], None]
"""Function that a worker runs, with its slot and its link to the supervisor."""


def _exit_code(work: Work, slot: int, link: Link) -> int:
    try:
        work(slot, link)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0
