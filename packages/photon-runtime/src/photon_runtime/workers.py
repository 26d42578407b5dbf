"""A pre-fork supervisor: keep a number of worker processes alive, replace them, stop them.

Theory of operation
-------------------
The parent forks one worker for each *slot* and from then on only waits: for a signal, for a message
of a worker, or for the next due time. It does not serve, import an application or start a thread,
so little in it can fail, and forking it is safe at any time.

*Signals.* Handlers only wake the parent (`_supervisor_events`). Two stop signals within 50 ms are
one, which a wrapper has passed on.

*Sockets.* The supervisor has none. A caller that listens makes one ``SO_REUSEPORT`` socket for
each slot before it calls ``supervise``, and ``work`` uses the slot's own. The parent keeps all of
them open, so a connection that waits in the queue of a worker that died is served by its
replacement. One shared socket would wake all workers for each connection; sockets made in the
children would die with them, and the connections in their queues too.

*Readiness.* Each worker holds one end of a pipe and reports its state there in single bytes; the
first byte reports that it serves. The first worker starts alone: if the application cannot be
loaded, the error is shown once, and no other worker starts. A rolling restart goes on after its
replacement is ready, and a worker that asks to be replaced has its turn in it
(`_rolling_restart`).

*Limits.* A worker that does not end in time, or gives no sign of life, is killed
(`_worker_limits`).

*Leaving.* A worker that must not be stopped in the middle of its work, and has reached a limit, can
leave instead: it takes no more work, is replaced at once, and ends by itself when its work is done,
without a time limit. Only a stop of the supervisor ends it earlier.

*Deaths.* A worker that dies is replaced, with pauses if that happens often (`_worker_slot`). A slot
whose workers end five times in a row before they are ready ends the supervisor: connections would
wait in its queue for ever, and the operator should learn of it.

*The parent's death.* On Linux the kernel sends SIGTERM to the workers when the parent has ended
(``PR_SET_PDEATHSIG``), even after SIGKILL. A pipe that each worker watches would work elsewhere
too, but needs a thread in each. On other systems workers outlive a parent that was killed.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ._supervisor import CANNOT_LOAD as CANNOT_LOAD
from ._supervisor import GAVE_UP as GAVE_UP
from ._supervisor import Supervisor
from ._supervisor_events import signal_pipe
from ._supervisor_log import SupervisorLog
from ._worker_limits import WorkerLimits
from ._worker_process import Link as Link
from ._worker_process import Work
from ._worker_process import end_with_parent as end_with_parent
from ._worker_slot import Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

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
    with signal_pipe() as wakeup, _inherited_count(count):
        slots, log = [Slot(number) for number in range(count)], SupervisorLog(report)
        supervisor = Supervisor(
            work=work,
            slots=slots,
            limits=WorkerLimits(slots, shutdown_timeout, worker_timeout or float("inf"), log),
            first_attempts=first_attempts,
            first_ready=first_ready,
            stopping=stopping,
            log=log,
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
