"""What a hub is doing: numbers for dashboards, and the stacks of all tasks for people."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import attrs

from ._hub import Hub, current_hub
from ._inspection_signals import log_state, showing
from ._report import describe_tasks
from ._resident_memory import resident_memory as resident_memory
from ._watchdog import Watchdog


@attrs.frozen
class Stats:
    """A snapshot of one hub.

    Attributes:
        tasks: Tasks that have not ended.
        runnable: Tasks that wait for their turn.
        timers: Wake-ups to come.
        awaited_descriptors: Sockets and pipes that tasks wait for.
        idle_greenlets: Greenlets kept for the next tasks.
        turns: How often the scheduler went round.
        pending_external: Number of calls on other threads that have not reported back.
        blocked: Number of times a task blocked the scheduler for too long; 0 without a watchdog.
    """

    tasks: int
    runnable: int
    timers: int
    awaited_descriptors: int
    idle_greenlets: int
    turns: int
    pending_external: int
    blocked: int


def stats() -> Stats:
    """Return a snapshot of the hub that runs the calling task.

    Raises:
        NotRunning: The caller does not run in a task.
    """
    return _stats_of(current_hub())


def _stats_of(hub: Hub) -> Stats:
    watchdog = hub.resources.get(Watchdog)
    return Stats(
        tasks=len(hub.tasks),
        runnable=len(hub.ready),
        timers=len(hub.timers),
        awaited_descriptors=hub.poller.awaited,
        idle_greenlets=hub.idle_greenlets,
        turns=hub.turns,
        pending_external=hub.pending_external,
        blocked=watchdog.blocked if isinstance(watchdog, Watchdog) else 0,
    )


def dump_tasks() -> str:
    """Return name, state, spawn site and stack of every task of the calling task's hub.

    Raises:
        NotRunning: The caller does not run in a task.
    """
    return describe_tasks(current_hub().tasks)


def watch_hub(*, threshold: float = 0.1) -> Watchdog:
    """Start a watchdog on the calling task's hub, in place of an earlier one; it ends with the hub.

    Args:
        threshold: Seconds for which a task may block the scheduler.

    Raises:
        NotRunning: The caller does not run in a task.
    """
    hub = current_hub()
    before = hub.resources.get(Watchdog)
    if isinstance(before, Watchdog):
        before.close()
    watchdog = Watchdog(hub, threshold=threshold)
    hub.resources[Watchdog] = watchdog
    watchdog.start()
    return watchdog


@contextmanager
def dumping_on_signal() -> Iterator[None]:
    """Let SIGUSR1 and SIGUSR2 show what the calling task's hub does, while the block runs.

    SIGUSR1 prints every task's stack to standard error. What the main thread executes is printed
    before, at once, also while a task blocks the scheduler. SIGUSR2 logs the numbers of `Stats`,
    the CPU time and the memory.

    Does nothing outside of the main thread and where there is no such signal.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGUSR1"):
        yield
        return
    hub: Hub = current_hub()

    def print_tasks() -> None:
        text = f"coroutines of process {os.getpid()}:\n{describe_tasks(hub.tasks)}"
        print(text, file=sys.stderr, flush=True)

    def dump(number: int, frame: FrameType | None) -> None:
        hub.post(print_tasks)  # in the hub, between two turns: the stacks are at rest there

    def state(number: int, frame: FrameType | None) -> None:
        hub.post(lambda: log_state(**attrs.asdict(_stats_of(hub))))

    with showing(dump, state):
        yield
