"""The hub: the scheduler of one thread.

Theory of operation. The greenlet that calls `run` becomes the hub and does three things in
turn: it asks the operating system for events (waiting as long as the next timer allows, and not
at all while a task is runnable), fires the timers that are due, and switches to the first of the
runnable tasks. From there on the tasks hand the thread to each other: one that waits or gives up
its turn takes the next from the queue and switches to it, which is one switch instead of the two
by way of the hub, and a carrier whose task has ended goes on with the next one, without a switch
if that has not begun yet. The hub runs again when the queue is empty or a bounded number of
switches was made. Then it looks at sockets and timers again, so tasks that keep each other
runnable cannot keep the rest waiting. There is no priority and no preemption.

All choices go through one queue in one order, whoever makes them; only events, timers, posts and
the search for deadlocks are the affair of the hub's own greenlet. So is starting a fresh carrier,
which must begin with an empty stack (`_fresh_carrier`).

Other threads and signal handlers reach the hub by `post` alone: it queues a callback and rings
the poller's bell. Everything else belongs to the hub's own thread.

An unhandled error ends its task and is logged, once, unless somebody waits for the task (then
it is theirs). KeyboardInterrupt and SystemExit end the run. An exception of a signal handler may
come between any two steps of the scheduler, after a task was taken from the queue, say, and
before it runs: `Hub.recover` finds what it has left undone. One that comes while the hub itself
runs is raised out of the main task's wait, which may handle it or end, and everything with it; if
the main task does not wait, the run ends. A RecursionError comes where a task that is deep in
calls waits; `Hub.choose_next` makes no call of its own, so by then nobody was taken from the queue.

When no task is runnable, no timer is set, no descriptor is awaited, nothing outside (a thread of
the offload pool, say) will report back and no signal handler could, then nothing can ever run
again: the main task gets `Deadlock`, which lists who waits where.
"""

from __future__ import annotations

import _thread
import logging
import signal
import time
from collections import deque
from collections.abc import Callable

from greenlet import getcurrent, greenlet

from ._carrier import Carrier, current_task
from ._fork import leave_forked_child
from ._poll import Poller, make_poller
from ._report import describe_tasks
from ._task import Task
from ._timer import TimerHeap
from .errors import Deadlock, NotRunning

_log = logging.getLogger("photon.runtime")
# Taken at import, whatever is patched later. Reentrant: a signal handler may post while its own
# thread is just posting.
_RLock = _thread.RLock
_MAX_IDLE_CARRIERS = 1024
# Between two looks at sockets and timers. Large enough that tasks which hand work to each other
# pay little for the system call, small enough that nobody notices the wait.
_SWITCHES_PER_TURN = 128


class Hub:
    """The scheduler of one thread; made by `run`.

    Attributes:
        ready: The runnable tasks, in the order in which they will run.
        timers: The wake-ups to come.
        poller: Readiness of descriptors.
        greenlet: The greenlet that the scheduler itself runs on.
        tasks: Every task that has not ended, in the order in which they were spawned.
        running: The task that runs now, ``None`` while the hub itself does.
        turns: How often the scheduler went round.
        outside: How many reports from other threads are still to come.
        resources: What other modules keep for each hub, by type. ``leave()``, if it has that, is
            called when the main task has ended, before the others are cancelled, and ``close()``
            at the very end.
        main: The task that the run ends with: the first one, or the one that forked this process.
        first: The first task, ``None`` before the run.
        is_ending: Whether the main task has ended, and the others are cancelled.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        poller: Poller | None = None,
        ready: deque[Task[object]] | None = None,
    ) -> None:
        """Make a hub on the calling greenlet.

        Args:
            clock: Gives seconds that never go back.
            poller: Readiness of descriptors; by default the best of the operating system.
            ready: The queue of runnable tasks; by default first come, first served.
        """
        self.ready: deque[Task[object]] = deque() if ready is None else ready
        self.timers = TimerHeap()
        self.poller: Poller = make_poller() if poller is None else poller
        self.greenlet: greenlet = getcurrent()
        self.tasks: dict[Task[object], None] = {}
        self.running: Task[object] | None = None
        self.turns = 0
        self.outside = 0
        self.time = clock
        self.resources: dict[type, object] = {}
        self.main: Task[object] | None = None
        self.first: Task[object] | None = None
        self.is_ending = False
        self._switches_left = 0
        self._unstarted: Task[object] | None = None
        self._lost: list[object] = []
        self._idle: list[Carrier] = []
        self._posted: deque[Callable[[], object]] = deque()
        self._fatal: BaseException | None = None
        self._is_closed = False
        self._post_lock = _RLock()

    def spawn(self, task: Task[object]) -> None:
        """Queue a new task to be started."""
        self.tasks[task] = None
        self.ready.append(task)
        if self.is_ending and task.root.parent is None:
            task.cancel()

    def post(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the hub soon. The one call that any thread may make.

        After the end of the hub it does nothing: nobody is left to be told.
        """
        with self._post_lock:  # the bell's descriptor must not be closed, and reused, meanwhile
            if not self._is_closed:
                self._posted.append(callback)
                self.poller.wake()

    def run_until(self, main: Task[object]) -> None:
        """Schedule until ``main`` has ended, then cancel what is left and wait for its end.

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
            task.cancel()
        while self.tasks:
            self._turn()  # Ctrl-C once more gives up what will not end

    def end(self) -> None:
        """End the run, as `SystemExit` in a task would. To be posted."""
        if self._fatal is None:
            self._fatal = SystemExit()

    def close(self) -> None:
        """Release the idle carriers and the poller's descriptors."""
        for resource in self.resources.values():
            close = getattr(resource, "close", None)
            if close is not None:
                close()
        idle, self._idle = self._idle, []
        for carrier in idle:
            carrier.switch()  # without a task, it ends
        with self._post_lock:
            self._is_closed = True
            self.poller.close()

    def continue_after_fork(self, task: Task[object]) -> None:
        """Go on in the child of a fork with ``task`` alone, the one that called it.

        The other tasks stay where they are: they are never run again, and kept, so that nothing
        unwinds them (their clean-up is the parent's affair). The descriptors of the poller were
        shared with the parent, and the threads of the resources are gone, so both begin anew.
        """
        others = [other for other in self.tasks if other is not task]
        for other in others:
            other.abandon()
        self._lost += [others, list(self.ready), self._idle, dict(self.resources), self.poller]
        self.ready.clear()
        self._posted.clear()
        self.resources.clear()
        self._idle = []
        self.tasks = {task: None}
        self.outside = 0
        self._post_lock = _RLock()  # another thread may have held it
        self.poller.close()
        self.poller = make_poller()
        if signal.set_wakeup_fd(-1) >= 0:
            signal.set_wakeup_fd(self.poller.bell.rope, warn_on_full_buffer=False)
        self.main = task

    @property
    def idle_carriers(self) -> int:
        """How many greenlets are kept for the next tasks."""
        return len(self._idle)

    def task_ended(self, task: Task[object]) -> None:
        """Note that ``task`` is done: tell whoever supervises it, or report its error."""
        self.tasks.pop(task, None)
        error = task.error
        if error is not None and isinstance(error, KeyboardInterrupt | SystemExit):
            self._fatal = error
        if task.on_end is not None:
            task.on_end(task)
        elif error is not None and self._fatal is None and not task.is_awaited:
            _log.error("%r failed, spawned at %s", task, task.site, exc_info=error)

    def carry_on(self, carrier: Carrier) -> None:
        """Let others run after the task of ``carrier``, the running one, has ended.

        Returns when the carrier has another task, or is to end.
        """
        idle = self._idle
        if len(idle) >= _MAX_IDLE_CARRIERS:
            return
        carrier.gr_context = None  # it may hold much
        idle.append(carrier)
        self.choose_next().switch()  # perhaps to this very carrier

    def choose_next(self) -> greenlet:
        """Take a task from the queue, if it is time for one; return whom to switch to.

        To be called by who has been parked or queued before, and switched by at once.
        """
        if self.ready and self._switches_left:
            self._switches_left -= 1
            self.running = task = self.ready.popleft()
            carrier = task.carrier
            if carrier is not None:
                return carrier
            if self._idle:
                carrier = self._idle.pop()
                carrier.gr_context = task.context
                carrier.task = task
                task.carrier = carrier
                return carrier
            self._unstarted = task
        return self.greenlet

    def recover(self, running: Task[object] | None, error: BaseException) -> None:
        """Put right what an exception of a signal handler has interrupted.

        Args:
            running: The task that runs now, ``None`` for the hub.
            error: The exception. It ends the tasks whose carriers it has ended.
        """
        self.running = running
        self._unstarted = None
        self._idle = [carrier for carrier in self._idle if not carrier.dead]
        if running is not None and running in self.ready:
            self.ready.remove(running)
        queued = {*self.ready, running}
        for task in list(self.tasks):
            if task.done:
                task.end()
            elif task.carrier is not None and task.carrier.dead:
                task.end(error)
            elif task.state == "runnable" and task not in queued:
                self.ready.appendleft(task)

    def _run_main(self) -> None:
        """Schedule until the main task has ended, or something has ended the run."""
        while self._goes_on:
            try:
                while self._goes_on:
                    self._turn()
            except BaseException as error:
                # Ctrl-C or another signal's exception came while the hub itself ran, or the hub
                # has found a deadlock: it is the main task's to handle.
                self.recover(None, error)
                if self.main is None or not self.main.interrupt(error):
                    self._fatal = error

    @property
    def _goes_on(self) -> bool:
        return self._fatal is None and self.main is not None and not self.main.done

    def _turn(self) -> None:
        self._poll()
        self.turns += 1
        self._switches_left = _SWITCHES_PER_TURN
        while self.ready and self._switches_left:
            self.choose_next().switch()
            while self._unstarted is not None:
                self._fresh_carrier(self._unstarted).switch()
        self.running = None

    def _fresh_carrier(self, task: Task[object]) -> Carrier:
        """Return a fresh carrier with ``task`` on it, which only the hub itself may start.

        A greenlet begins as deep in the stack as the one that starts it, and stays there: tasks
        that start each other would come to the recursion limit.
        """
        self._unstarted = None
        carrier = Carrier(self.greenlet, self.carry_on)
        carrier.gr_context = task.context
        carrier.task = task
        task.carrier = carrier
        return carrier

    def _poll(self) -> None:
        timers = self.timers
        due = timers.next_due()
        if self.ready or self._posted:
            timeout: float | None = 0.0
        elif due is None:
            timeout = None
            if not self.outside and not self.poller.has_waiters():
                self._refuse_deadlock()
        else:
            timeout = max(0.0, due - self.time())
        self.poller.poll(timeout)
        if due is not None:
            timers.fire_due(self.time())
        if self._posted:
            self._call_posted()

    def _refuse_deadlock(self) -> None:
        if self.tasks and not _could_be_signalled():
            raise Deadlock(
                "nothing can ever run again, all tasks wait for each other:\n\n"
                + describe_tasks(self.tasks)
            )

    def _call_posted(self) -> None:
        posted = self._posted
        for _ in range(len(posted)):  # what they post themselves has its turn after the tasks
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
    raise NotRunning("the running task belongs to no hub")


def _could_be_signalled() -> bool:
    """Say whether a signal handler of the program's own could wake somebody."""
    usual = (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler, None)
    return any(signal.getsignal(number) not in usual for number in signal.valid_signals())
