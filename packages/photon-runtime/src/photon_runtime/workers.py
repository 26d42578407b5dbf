"""A pre-fork supervisor: keep a number of worker processes alive, replace them, stop them.

Theory of operation
-------------------
The parent forks one worker for each *slot* and from then on only waits: for a signal, for a message
of a worker, or for the next due time. It does not serve, import an application or start a thread,
so little in it can fail, and forking it is safe at any time.

*Signals.* Handlers only wake the parent through ``signal.set_wakeup_fd``; all work is done in the
loop. Two stop signals within 50 ms are one, which a wrapper has passed on. Signals that would end
or stop the parent and mean nothing to it are ignored; workers do not inherit that.

*Sockets.* The supervisor has none. A caller that listens makes one ``SO_REUSEPORT`` socket for
each slot before it calls ``supervise``, and ``work`` uses the slot's own. The parent keeps all of
them open, so a connection that waits in the queue of a worker that died is served by its
replacement. One shared socket would wake all workers for each connection; sockets made in the
children would die with them, and the connections in their queues too.

*Readiness.* Each worker holds one end of a pipe and reports its state there in single bytes; the
first byte reports that it serves. The first worker starts alone: if the application cannot be
loaded, the error is shown once, and no other worker starts. A rolling restart (SIGHUP) continues
with the next slot only after the replacement is ready, and only then stops the old worker; if a
replacement fails, the old workers stay.

*Signs of life.* With a ``worker_timeout``, a worker that serves reports at intervals that it is
alive, from the scheduler that does its work. A worker that falls silent is stuck, in an endless
loop or in a call that does not return; it is killed and replaced. SIGTERM would not help, because
the worker could not handle it. The limit does not apply to starting and stopping.

*Retirement.* A worker that has reached a limit (of requests, of memory) asks to be replaced and
continues to serve. It is replaced as by SIGHUP, in its turn. If its successor fails, it stays, and
may ask again.

*Leaving.* A worker that must not be stopped in the middle of its work, and has reached a limit, can
leave instead: it takes no more work, is replaced at once, and ends by itself when its work is done,
without a time limit. Only a stop of the supervisor ends it earlier.

*Deaths.* A worker that dies is replaced at once. If its slot's workers keep dying within a second
of their birth, the replacement waits: 0.25 s after the second such death, then twice as long each
time, up to 5 s. A slot whose workers end five times in a row before they are ready ends the
supervisor: connections would wait in its queue for ever, and the operator should learn of it. While
the system lacks the resources for another process, the other workers continue, and the fork is
retried every 5 s.

*The parent's death.* On Linux the kernel sends SIGTERM to the workers when the parent has ended
(``PR_SET_PDEATHSIG``), even after SIGKILL. A pipe that each worker watches would work elsewhere
too, but needs a thread in each. On other systems workers outlive a parent that was killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from ._supervisor import CANNOT_LOAD as CANNOT_LOAD
from ._supervisor import GAVE_UP as GAVE_UP
from ._supervisor import IGNORED_SIGNALS, SIGNALS, Slot, Supervisor
from ._supervisor_log import SupervisorLog
from ._worker_process import Link as Link
from ._worker_process import Work
from ._worker_process import end_with_parent as end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

_COUNT = "PHOTON_WORKERS"


def worker_count() -> int:
    """Return how many workers `supervise` runs beside each other; 1 in a process of another kind.

    For what is shared only within one process, and should say so if there are several.
    """
    return int(os.environ.get(_COUNT, "1"))


def supervise(
    work: Work,
    *,
    count: int,
    shutdown_timeout: float = 30.0,
    worker_timeout: float | None = None,
    first_attempts: int = 5,
    first_ready: Callable[[], None] | None = None,
    stopping: Callable[[], Collection[int]] | None = None,
    report: Callable[[str], None] | None = None,
) -> int:
    """Run ``work`` in a number of child processes until a signal stops them.

    SIGTERM or SIGINT stops the workers, by SIGTERM first; a second one, or SIGQUIT, kills them.
    SIGHUP replaces them one by one without a gap. SIGUSR1 and SIGUSR2 log the state of the
    workers and are passed on to them, which show their stacks (SIGUSR1) or figures (SIGUSR2).

    Every child process of this one that ends meanwhile is reaped, and its exit code is lost.

    Args:
        work: Function that is called in each child as ``work(slot, link)``, with slots counted from
            0. It must call ``link()`` when it serves: until the first worker does, no other starts.
            It may call ``link.beat()``, ``link.retire()`` and ``link.leave()``, see `Link`. The
            child's exit code is 0 when it returns, 1 when it raises, and that of ``SystemExit``.
        count: Number of workers, at least 1.
        shutdown_timeout: Seconds that the workers have to end after SIGTERM before SIGKILL; zero
            kills at once.
        worker_timeout: Seconds for which a worker that is ready may be silent; then it is killed
            and replaced. With it, a worker must call ``link.beat()`` more often than that.
            ``None`` and zero switch the check off.
        first_attempts: Number of attempts to start the first worker of all. After one that failed
            and was the only one, the exit code is that of the worker.
        first_ready: Function that is called once in the parent when the first worker is ready,
            before the others start.
        stopping: Function that is called once in the parent before the workers are stopped, to
            close their listening sockets: refusing a connection is better than never accepting it.
            It returns the slots for whose workers clients wait already: one that still starts is
            stopped as soon as it is ready, so that it serves them.
        report: Function that receives one line of text for each event of interest to an operator,
            in place of the logger ``photon.workers``.

    Returns:
        The exit code: 0 after SIGTERM, SIGINT or SIGQUIT; ``CANNOT_LOAD`` when a worker ended with
        that code before any was ready; ``GAVE_UP`` when one slot's workers failed to start five
        times in a row.

    Raises:
        ValueError: ``count`` is below 1, or this is not the main thread.

    Blocks: the process, until the workers have ended.
    """
    if count < 1:
        raise ValueError(f"count must be 1 or more, not {count}")
    with _signal_pipe() as wakeup, _inherited_count(count):
        supervisor = Supervisor(
            work=work,
            slots=[Slot(number) for number in range(count)],
            shutdown_timeout=shutdown_timeout,
            worker_timeout=worker_timeout or float("inf"),
            first_attempts=first_attempts,
            first_ready=first_ready,
            stopping=stopping,
            log=SupervisorLog(report),
            wakeup=wakeup,
        )
        return supervisor.run()


@contextlib.contextmanager
def _inherited_count(count: int) -> Iterator[None]:
    """Let the children know their number."""
    outer = os.environ.get(_COUNT)
    os.environ[_COUNT] = str(count)
    try:
        yield
    finally:
        if outer is None:
            del os.environ[_COUNT]
        else:
            os.environ[_COUNT] = outer


@contextlib.contextmanager
def _signal_pipe() -> Iterator[int]:
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
