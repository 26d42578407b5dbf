"""The hub: the scheduler of one thread.

Theory of operation. The greenlet that calls `run` becomes the hub and repeats three steps: it polls
the operating system for events (waiting until the next timer at most, and not at all while a task
is runnable), fires the timers that are due (after a hold a little later, see `_postponement`), and
switches to the first runnable task. From then on
the tasks switch to each other: a task that waits or yields its turn takes the next one from the
queue and switches to it, which is one switch instead of two through the hub, and a pooled greenlet
whose task has ended continues with the next task, without a switch if that one has not begun. The
hub runs again when the queue is empty or after a bounded number of switches. Then it polls sockets
and timers again, so tasks that keep each other runnable cannot keep the others waiting. There is no
priority and no preemption.

All choices use one queue in one order, in every greenlet; only events, timers, posts and deadlock
detection are done by the hub's own greenlet. So is starting a new pooled greenlet, which must begin
with an empty stack (`_new_greenlet`).

Other threads and signal handlers use only `post`: it queues a callback and wakes the poller.
Everything else belongs to the hub's own thread.

An unhandled error ends its task and is logged, once, unless another task waits for it (then the
error is raised there). KeyboardInterrupt and SystemExit end the run, except in a service (a server,
a worker): there they end their task only, see `escapes`. An exception of a signal handler may be
raised between any two steps of the scheduler, for example after a task was taken from the queue and
before it runs: `Hub.recover` completes the interrupted steps. One that is raised while the hub
itself runs is raised out of the main task's wait; if the main task does not handle it, the run
ends, and also if the main task does not wait. In a service it is logged, and nothing ends. A
RecursionError is raised where a task with a deep call stack waits; `Hub.choose_next` makes no
calls, so at that point no task was taken from the queue.

When no task is runnable, no timer is set, no descriptor is awaited, no external report is pending
(from a thread of the offload pool, for example) and no signal handler could wake a task, then no
task can ever run again: `Deadlock` is raised in the main task, with a list of all tasks and where
they wait. In a forked child no thread is left that could report: it ends in that way if it waits
for a lock that another task of its parent holds.
"""

from __future__ import annotations

import _thread
import logging
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from greenlet import getcurrent, greenlet

from . import speedups
from ._fork import is_alone, leave_forked_child
from ._poll import EpollPoller, Poller, make_poller
from ._pooled_greenlet import PooledGreenlet, current_task
from ._postponement import Postponement
from ._report import describe_tasks
from ._task import Task
from ._timer import Timer, TimerHeap
from ._watcher import Watcher
from .errors import Deadlock, NotRunning
from .escapes import is_interrupt

_log = logging.getLogger("photon.runtime")
# The original, read at import before any patch. Reentrant: a signal handler may post while its own
# thread is posting.
_RLock = _thread.RLock
_MAX_IDLE_GREENLETS = 1024
# Between two polls of sockets and timers. Large enough that the system call costs little per
# switch, small enough that the delay is not noticeable.
_SWITCHES_PER_TURN = 128
_MOST_FAILURES_IN_A_ROW = 100


class Hub:
    """The scheduler of one thread; made by `run`.

    Attributes:
        ready: The runnable tasks, in the order in which they will run.
        timers: The wake-ups to come.
        poller: Readiness of descriptors.
        greenlet: The greenlet that the scheduler itself runs on.
        tasks: Every task that has not ended, in the order in which they were spawned.
        running: The task that runs now, ``None`` while the hub itself does.
        turns: Number of turns of the scheduler.
        pending_external: Number of reports expected from other threads.
        resources: Objects of other modules, one per hub and type. Their ``leave()`` method, if any,
            is called when the main task has ended, before the others are cancelled, and ``close()``
            at the very end. One that has ``pause()`` and ``resume()`` outlasts a run if its hub
            pauses.
        main: The task whose end ends the run: the first one, or the one that forked this process.
        first: The first task, ``None`` before the run.
        is_ending: True after the main task has ended, when the others are cancelled.
        lasting: The tasks that a run neither cancels nor awaits at its end: threads of a patched
            standard library. The tasks of their scopes are left alone, too.
        can_pause: True if the lasting tasks can continue in a later run, see `_paused_hub`;
            otherwise they end with the run.
        is_final: True in the run in which the process ends, see `_process_end`.
    """

    __slots__ = (
        "__weakref__",
        "_failed_turn",
        "_failures_in_a_row",
        "_fatal",
        "_idle",
        "_is_closed",
        "_is_forked",
        "_lost",
        "_post_lock",
        "_posted",
        "_postponement",
        "_services",
        "_switches_left",
        "_unstarted",
        "can_pause",
        "first",
        "greenlet",
        "is_ending",
        "is_final",
        "lasting",
        "main",
        "pending_external",
        "poller",
        "ready",
        "resources",
        "running",
        "tasks",
        "time",
        "timers",
        "turns",
    )

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        poller: Poller | None = None,
        ready: deque[Task[object]] | None = None,
    ) -> None:
        """Make a hub on the calling greenlet.

        Args:
            clock: Monotonic clock, in seconds.
            poller: Source of readiness events; by default the best one of the operating system.
            ready: Queue of runnable tasks; by default first in, first out.
        """
        self.ready: deque[Task[object]] = deque() if ready is None else ready
        self.timers = TimerHeap()
        self.poller: Poller = make_poller() if poller is None else poller
        self.greenlet: greenlet = getcurrent()
        self.tasks: dict[Task[object], None] = {}
        self.running: Task[object] | None = None
        self.turns = 0
        self.pending_external = 0
        self.time = clock
        self.resources: dict[type, object] = {}
        self.main: Task[object] | None = None
        self.first: Task[object] | None = None
        self.is_ending = False
        self.lasting: dict[Task[object], None] = {}
        self.can_pause = False
        self.is_final = False
        self._is_forked = False
        self._services = 0
        self._failures_in_a_row = 0
        self._failed_turn = 0
        self._switches_left = 0
        self._postponement = Postponement()
        self._unstarted: Task[object] | None = None
        # A second reference: when the thread has ended, greenlet takes a single one to its main
        # greenlet for a leak if `gc` finds no owner, and drops it. It finds none while the hub is
        # itself being collected, and the hub would be left with a freed greenlet.
        self._lost: list[object] = [self.greenlet]
        self._idle: list[PooledGreenlet] = []
        self._posted: deque[Callable[[], object]] = deque()
        self._fatal: BaseException | None = None
        self._is_closed = False
        self._post_lock = _RLock()

    def spawn(self, task: Task[object]) -> None:
        """Queue a new task to be started."""
        self.tasks[task] = None
        self.ready.append(task)
        if self.is_ending and task.root.parent is None and task not in self.lasting:
            task.cancel()

    def post(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the hub soon. The only method that any thread may call.

        Does nothing after the end of the hub.
        """
        with self._post_lock:  # the waker's descriptor must not be closed and reused meanwhile
            if not self._is_closed:
                self._posted.append(callback)
                self.poller.wake()

    def run_until(self, main: Task[object]) -> None:
        """Schedule until ``main`` has ended, then cancel the other tasks and wait for their end.

        Lasting tasks continue meanwhile, and stay.

        Raises:
            KeyboardInterrupt, SystemExit: As raised in a task, after the others have ended.
        """
        self.main = self.first = main
        try:
            self._run_main()
            if self.main is main:
                self._end_others()
        finally:
            if self.main is not main:
                leave_forked_child(self._fatal or self.main.error)
        if self._fatal is not None:
            raise self._fatal

    def _end_others(self) -> None:
        for resource in list(self.resources.values()):
            leave = getattr(resource, "leave", None)
            if leave is not None:
                leave()
        self.is_ending = True
        for task in list(self.tasks):
            if not self._outlasts(task):
                task.cancel()
        while not all(map(self._outlasts, self.tasks)):
            self._turn()  # another Ctrl-C abandons tasks that do not end

    def _outlasts(self, task: Task[object]) -> bool:
        """Return whether a task, or one whose scope it was spawned in, is a lasting one."""
        owner: object = task if self.lasting else None
        while isinstance(owner, Task):
            if owner in self.lasting:
                return True
            scope = owner.root.parent
            owner = None if scope is None else scope.owner
        return False

    @property
    def is_paused(self) -> bool:
        """Whether the run has ended, and only lasting tasks are left, which may continue."""
        return bool(self.can_pause and self.tasks and all(map(self._outlasts, self.tasks)))

    def pause(self) -> None:
        """Release what a run needs, and keep the lasting tasks for a later one."""
        self.is_ending = False
        self._fatal = None
        self._release_idle()
        for kind, resource in list(self.resources.items()):
            pause, close = getattr(resource, "pause", None), getattr(resource, "close", None)
            if pause is not None:
                pause()
            elif close is not None:
                del self.resources[kind]
                close()

    def resume(self) -> None:
        """Prepare a paused hub for its next run."""
        for resource in list(self.resources.values()):
            resume = getattr(resource, "resume", None)
            if resume is not None:
                resume()

    def end(self) -> None:
        """End the run, like `SystemExit` in a task. To be called through `post`."""
        if self._fatal is None:
            self._fatal = SystemExit()

    @contextmanager
    def in_service(self) -> Iterator[None]:
        """Let the run be a service while the block, of the main task, runs."""
        self._services += 1
        try:
            yield
        finally:
            self._services -= 1

    @property
    def is_alone(self) -> bool:
        """Whether this is a forked child without another thread, which could end a wait."""
        return self._is_forked and is_alone()

    @property
    def is_service(self) -> bool:
        """Whether an exception that ends programs ends only the task that raised it."""
        return self._services > 0

    def close(self) -> None:
        """Release the idle greenlets and the poller's descriptors."""
        for resource in self.resources.values():
            close = getattr(resource, "close", None)
            if close is not None:
                close()
        self._release_idle()
        with self._post_lock:
            self._is_closed = True
            self.poller.close()

    def _release_idle(self) -> None:
        idle, self._idle = self._idle, []
        for pooled in idle:
            pooled.switch()  # without a task, it ends

    def continue_after_fork(self, task: Task[object]) -> None:
        """Continue in the child of a fork with only ``task``, which called fork.

        The other tasks are never run again, but stay referenced, so that they are not unwound
        (their clean-up belongs to the parent). The descriptors of the poller were shared with the
        parent, and the threads of the resources do not exist in the child, so both are replaced.
        """
        others = [other for other in self.tasks if other is not task]
        for other in others:
            other.abandon()
        self.timers.cancel_those_of(set(others))
        self._lost += [others, list(self.ready), self._idle, dict(self.resources), self.poller]
        self.ready.clear()
        self._posted.clear()
        self.resources.clear()
        self._idle = []
        self.tasks = {task: None}
        self.lasting = {}
        self.can_pause = False
        self.pending_external = 0
        self._post_lock = _RLock()  # another thread may have held it
        self.poller.close()
        self.poller = make_poller()
        if signal.set_wakeup_fd(-1) >= 0:
            signal.set_wakeup_fd(self.poller.waker.wakeup_fd, warn_on_full_buffer=False)
        self.main = task
        self._is_forked = True
        self._services = 0  # the child is a program of its own

    @property
    def is_closed(self) -> bool:
        """Whether the hub has ended, and `post` does nothing."""
        return self._is_closed

    @property
    def idle_greenlets(self) -> int:
        """Number of pooled greenlets without a task."""
        return len(self._idle)

    def task_ended(self, task: Task[object]) -> None:
        """Handle the end of ``task``: call its supervisor, or log its error."""
        self.tasks.pop(task, None)
        if self.lasting:
            self.lasting.pop(task, None)
        error = task.error
        if (
            error is not None
            and isinstance(error, KeyboardInterrupt | SystemExit)
            and not (self.is_service and task is not self.main and not is_interrupt(error))
        ):
            self._fatal = error
        if task.on_end is not None:
            task.on_end(task)
        elif (
            error is not None
            and self._fatal is None
            and not task.is_awaited
            and task is not self.main
        ):
            _log.error("%r failed, spawned at %s", task, task.site, exc_info=error)

    def run_next(self, pooled: PooledGreenlet) -> None:
        """Run other tasks after the task of ``pooled``, the running greenlet, has ended.

        Returns when the greenlet has another task, or is to end.
        """
        idle = self._idle
        if len(idle) >= _MAX_IDLE_GREENLETS:
            return
        pooled.gr_context = None  # it may refer to large objects
        idle.append(pooled)
        self.choose_next().switch()  # possibly to this greenlet itself

    def end_turn(self) -> None:
        """Poll sockets and timers before the next task runs; for tasks that have run for long."""
        if self._postponement.switches:
            self._postponement.switches += self._switches_left  # they are not made
        self._switches_left = 0

    def choose_next(self) -> greenlet:
        """Take a task from the queue, unless the hub's turn has come; return the greenlet to run.

        The caller must have been parked or queued before, and must switch to the result at once.
        """
        if self.ready and self._switches_left:
            self._switches_left -= 1
            self.running = task = self.ready.popleft()
            pooled = task.greenlet
            if pooled is not None:
                return pooled
            if self._idle:
                pooled = self._idle.pop()
                pooled.gr_context = task.context
                pooled.task = task
                task.greenlet = pooled
                return pooled
            self._unstarted = task
        return self.greenlet

    def recover(self, running: Task[object] | None, error: BaseException) -> None:
        """Restore the invariants after an exception of a signal handler.

        Args:
            running: The task that runs now, ``None`` for the hub.
            error: The exception. It ends the tasks whose greenlets it has ended.
        """
        self.running = running
        self._unstarted = None
        self._idle = [pooled for pooled in self._idle if not pooled.dead]
        if running is not None and running in self.ready:
            self.ready.remove(running)
        queued = {*self.ready, running}
        for task in list(self.tasks):
            if task.done:
                task.end()
            elif task.greenlet is not None and task.greenlet.dead:
                task.end(error)
            elif task.state == "runnable" and task not in queued:
                self.ready.appendleft(task)

    def _run_main(self) -> None:
        """Schedule until the main task has ended, or something has ended the run."""
        turn = self._turn if _plain_turns is None else self._turn_after_plain_ones
        while self._should_continue:
            try:
                while self._should_continue:
                    turn()
            except BaseException as error:
                # Ctrl-C or another signal's exception was raised while the hub itself ran, or the
                # hub has found a deadlock: the main task may handle it.
                self.recover(None, error)
                if self._may_continue(error):
                    _log.error(
                        "an exception was raised while the scheduler ran, by a signal handler for "
                        "example; nothing was ended by it",
                        exc_info=error,
                    )
                elif self.main is None or not self.main.interrupt(error):
                    self._fatal = error

    def _may_continue(self, error: BaseException) -> bool:
        """Return whether a service goes on after an error in the hub itself."""
        if self.turns > self._failed_turn + 1:
            self._failures_in_a_row = 0
        self._failed_turn = self.turns
        self._failures_in_a_row += 1
        return (
            self.is_service
            and not isinstance(error, Deadlock)
            and not is_interrupt(error)
            and self._failures_in_a_row < _MOST_FAILURES_IN_A_ROW
        )

    @property
    def _should_continue(self) -> bool:
        return self._fatal is None and self.main is not None and not self.main.done

    def _turn_after_plain_ones(self) -> None:
        """Let C run turns, and run the first that is not plain."""
        if _plain_turns is not None:
            _plain_turns(self)
        if self._should_continue:
            self._turn()

    def _turn(self) -> None:
        self._poll()
        self.turns += 1
        self._switches_left = _SWITCHES_PER_TURN
        while self.ready and self._switches_left:
            self.choose_next().switch()
            while self._unstarted is not None:
                self._new_greenlet(self._unstarted).switch()
        if self._postponement.switches:
            self._count_switches()
        self.running = None

    def _count_switches(self) -> None:
        self._postponement.switches -= _SWITCHES_PER_TURN - self._switches_left

    def _new_greenlet(self, task: Task[object]) -> PooledGreenlet:
        """Return a new pooled greenlet for ``task``, which only the hub itself may start.

        A greenlet begins at the stack depth of the one that starts it, and keeps it: tasks that
        start each other would reach the recursion limit.
        """
        self._unstarted = None
        pooled = PooledGreenlet(self.greenlet, self.run_next)
        pooled.gr_context = task.context
        pooled.task = task
        task.greenlet = pooled
        return pooled

    def _poll(self) -> None:
        timers = self.timers
        due = timers.next_due()
        if self.ready or self._posted:
            timeout: float | None = 0.0
        elif due is None:
            timeout = None
            if not self.pending_external and not self.poller.has_waiters():
                self._refuse_deadlock()
        else:
            timeout = max(0.0, due - self.time())
        self.poller.poll(timeout)
        self._finish_poll(due)

    def _finish_poll(self, due: float | None) -> None:
        """Call what was posted, and fire the timers if the first one, at ``due``, is due."""
        if self._posted:
            self._call_posted()
        if due is not None:
            now = self.time()
            if now >= due and not self._postponement.applies(
                due=due, now=now, runnable=len(self.ready)
            ):
                self.timers.fire_due(now)

    def _refuse_deadlock(self) -> None:
        if self.tasks and not _could_be_signalled():
            raise Deadlock(
                "no task can ever run again, all tasks wait for each other:\n\n"
                + describe_tasks(self.tasks)
            )

    def _call_posted(self) -> None:
        posted = self._posted
        for _ in range(len(posted)):  # callbacks that they post run after the tasks
            callback = posted.popleft()
            try:
                callback()
            except Exception:
                _log.exception("a callback posted to the hub failed: %r", callback)


def current_hub() -> Hub:
    """Return the hub that runs the calling task.

    Raises:
        NotRunning: The caller does not run in a task.
    """
    hub = current_task().hub
    if isinstance(hub, Hub):
        return hub
    raise NotRunning("the running task does not belong to a hub")


def _could_be_signalled() -> bool:
    """Return whether a signal handler of the program could wake a task."""
    usual = (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler, None)
    return any(signal.getsignal(number) not in usual for number in signal.valid_signals())


_plain_turns = speedups.turns_of_hubs(
    {
        "EpollPoller": EpollPoller,
        "Hub": Hub,
        "Postponement": Postponement,
        "Task": Task,
        "Timer": Timer,
        "TimerHeap": TimerHeap,
        "Watcher": Watcher,
        "deque": deque,
        "monotonic": time.monotonic,
    }
)
