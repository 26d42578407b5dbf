"""Threads that are tasks.

Theory of operation. All threads of the standard library begin in ``_thread.start_new_thread``.
Called in a task it spawns a task of the same hub; called elsewhere it starts a real thread, as
without the patch. `threading` itself is not replaced: identity, names, joining and the list of
living threads depend on ``get_ident``, which numbers tasks, and on ``_set_sentinel``, a lock that
is released when the thread has ended. Both kinds of thread release theirs here, so either kind can
join the other.

A thread starts without context variables, as a standard one does; a task that is spawned explicitly
inherits those of its spawner.

A task that calls `threading.current_thread` without being a `threading.Thread` (a connection that
logs, for example) gets a dummy thread, as real foreign threads do, under the task's name. Dummies
of real threads are kept for ever; those of tasks end with the task.

Cancellation is not a failure of a thread: it does not reach ``threading.excepthook``.

At the end of a run the remaining threads are not cancelled, as other tasks are: code that was
written for threads does not expect an exception out of every wait. They are lasting tasks of the
hub, which pauses with them if it can be continued (`_paused_hub`); when the process ends, those
that are not daemons are joined and exit hooks run while the daemons do (`_process_end`).

A hub that cannot pause, on another thread than the main one, abandons its threads: they never run
again and count as ended, so they are not waited for; those that are not daemons are named in the
log. A thread that clean-up code of such a hub starts even later is a real thread.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from .._hub import Hub
from .._process_end import finish_process
from .._run import new_task
from .._task import Task
from ..errors import Cancelled
from . import _saved
from ._handle import Gate, Sentinel, ThreadHandle
from ._lock import Lock
from ._running import get_ident, hub_of, running_task

_make_invoke_excepthook: Callable[[], Callable[[Any], None]] = threading._make_invoke_excepthook  # type: ignore[attr-defined]  # private, and what Thread calls


_log = logging.getLogger("photon.runtime")


class HubThreads:
    """The threads of one hub at the end of its run."""

    def __init__(self, threads: Threads, hub: Hub) -> None:
        """Note whose threads they are."""
        self._threads = threads
        self._hub = hub
        self._unlisted: dict[int, threading.Thread] = {}

    def pause(self) -> None:
        """Take them from the list of living threads while they do not run."""
        active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # private
        for task in self._hub.lasting:
            if id(task) in active:
                self._unlisted[id(task)] = active.pop(id(task))

    def resume(self) -> None:
        """List them again."""
        active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # private
        active.update(self._unlisted)
        self._unlisted = {}

    def leave(self) -> None:
        """Abandon them, because the run ends and its hub cannot pause."""
        if not self._hub.can_pause:
            self.close()

    def close(self) -> None:
        """Abandon those that are left, because the hub ends."""
        living = list(self._hub.lasting)
        names = [name for task in living if (name := _unfinished(task)) is not None]
        if names and not self._hub.is_final:  # which has named them
            _log.warning(
                "threads that have not finished end with the run that began them: %s",
                ", ".join(names),
            )
        for task in living:
            self._threads.abandon(task)


class Threads:
    """The threads that were started under the patch.

    Attributes:
        count: Number of them that run.
    """

    def __init__(self) -> None:
        """Begin without threads."""
        self.count = 0
        self._sentinels: dict[int, Lock] = {}
        self._abandoned: list[Task[object]] = []
        self._joined_at_end: weakref.WeakSet[ThreadHandle] = weakref.WeakSet()

    def start_new_thread(
        self,
        function: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        /,
    ) -> int:
        """Start a task, or a real thread outside of tasks; see `_thread.start_new_thread`.

        It is also a real thread when the hub is ending and cannot pause.
        """
        if not callable(function):
            raise TypeError("first arg must be callable")
        if not isinstance(args, tuple):
            raise TypeError("2nd arg must be a tuple")
        if kwargs is not None and not isinstance(kwargs, dict):
            raise TypeError("optional 3rd arg must be a dictionary")
        starter = running_task()
        self.count += 1
        thunk = functools.partial(self._live, function, args, kwargs or {})
        hub = None if starter is None else hub_of(starter)
        if hub is None or (hub.is_ending and not hub.can_pause):
            return _saved.start_new_thread(thunk, ())
        task = new_task(hub, thunk, function)
        task.name = _name_of(function)
        task.context = contextvars.Context()
        if HubThreads not in hub.resources:
            hub.resources[HubThreads] = HubThreads(self, hub)
        hub.lasting[task] = None
        hub.spawn(task)
        return id(task)

    def abandon(self, task: Task[object]) -> None:
        """Never run the thread ``task`` again; it counts as ended."""
        hub = hub_of(task)
        task.abandon()
        hub.tasks.pop(task, None)
        hub.lasting.pop(task, None)
        if task in hub.ready:
            hub.ready.remove(task)
        self._abandoned.append(task)  # if it were dropped, it would be unwound
        active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # private
        active.pop(id(task), None)
        self._end(id(task))

    def _end(self, ident: int) -> None:
        self.count -= 1
        sentinel = self._sentinels.pop(ident, None)
        if sentinel is not None and sentinel.locked():
            sentinel.release()

    def set_sentinel(self) -> Lock:
        """Return a lock that is released when the running thread has ended."""
        lock = self._sentinels[get_ident()] = Sentinel()
        return lock

    def start_joinable_thread(
        self,
        function: Callable[[], object],
        handle: ThreadHandle | None = None,
        daemon: bool = True,
    ) -> ThreadHandle:
        """Start a thread that ``handle`` joins; see `_thread.start_joinable_thread`."""
        handle = ThreadHandle() if handle is None else handle
        handle.begin()
        if not daemon:
            self._joined_at_end.add(handle)
        handle.ident = self.start_new_thread(functools.partial(self._join_to, handle, function), ())
        return handle

    def _join_to(self, handle: ThreadHandle, function: Callable[[], object]) -> None:
        handle.ident = get_ident()
        self._sentinels[handle.ident] = handle.life
        function()

    def join_all(self, and_then: Callable[[], None]) -> None:
        """Wait for the threads that are not daemons; see `_thread._shutdown`."""
        while self._joined_at_end:
            handle = self._joined_at_end.pop()
            if handle.ident != get_ident():
                handle.join()
        and_then()

    def forget_others(self) -> None:
        """Keep only the state of the running thread; the others did not survive a fork."""
        mine = self._sentinels.pop(get_ident(), None)
        for life in self._sentinels.values():
            life._at_fork_reinit()
        self._sentinels = {} if mine is None else {get_ident(): mine}
        self.count = len(self._sentinels)

    def _live(
        self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            function(*args, **kwargs)
        except (SystemExit, Cancelled):
            pass
        except BaseException as error:
            _report(error, function)
        finally:
            del function, args, kwargs  # release them before the thread counts as ended
            task = running_task()
            if task is not None:
                hub_of(task).lasting.pop(task, None)
            self._end(get_ident())


def _unfinished(task: Task[object]) -> str | None:
    """Return the name of a thread that the program would wait for, ``None`` for a daemon."""
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # private
    thread = active.get(id(task))
    if thread is None or thread.daemon or _is_idle_worker(thread):
        return None
    return thread.name


def _is_idle_worker(thread: threading.Thread) -> bool:
    """Return whether a thread waits for work of a `ThreadPoolExecutor`."""
    module = sys.modules.get("concurrent.futures.thread")
    queue = None if module is None else module._threads_queues.get(thread)
    waiters = list(getattr(queue, "_waiters", ()))
    return any(id(getattr(waiter, "_task", None)) == thread.ident for waiter in waiters)


def _name_of(function: Callable[..., object]) -> str:
    if isinstance(function, functools.partial):
        function = function.args[-1]  # of a joinable thread
    owner = getattr(function, "__self__", None)
    if isinstance(owner, threading.Thread):
        return owner.name
    return getattr(function, "__qualname__", None) or repr(function)


def _report(error: BaseException, function: Callable[..., object]) -> None:
    message = "Exception ignored in thread started by"
    arguments = (type(error), error, error.__traceback__, message, function)
    sys.unraisablehook(_unraisable_args()(arguments))


@functools.cache
def _unraisable_args() -> Callable[[tuple[object, ...]], Any]:
    """Return the type of the argument of ``sys.unraisablehook``, which has no public name."""
    seen: list[Any] = []

    class Failing:
        def __del__(self) -> None:
            raise RuntimeError("to see the argument of the hook")

    before, sys.unraisablehook = sys.unraisablehook, lambda args: seen.append(type(args))
    try:
        Failing()
    finally:
        sys.unraisablehook = before
    kind: Callable[[tuple[object, ...]], Any] = seen[0]
    return kind


def shut_down() -> None:
    """Do what the interpreter wants to be done about threads at its end: ``threading._shutdown``.

    Only the interpreter itself calls it without a caller; `multiprocessing` does at the end of its
    children, which do not run exit hooks.
    """
    if running_task() is None and sys._getframe().f_back is None:
        finish_process()
    else:
        _saved.shut_down_threads()


def exit_thread() -> NoReturn:
    """End the running thread; see `_thread.exit`."""
    raise SystemExit


class TaskThread(_saved.DummyThread):
    """The thread object of a task that was not started as a thread."""

    def __init__(self) -> None:
        """Make the object for the running task, or for a real thread."""
        super().__init__()
        task = running_task()
        if task is not None and hub_of(task).first is not task:
            self._name = task.name
            self._daemonic = False  # threads inherit it: what a handler begins is waited for
            self._task = weakref.ref(task, functools.partial(_forget, id(task)))

    def _reset_internal_locks(self, is_alive: bool) -> None:
        """Become the main thread of the child, if it is the thread that has forked.

        Called before Python 3.13, which does the same itself. Without it the child could not end as
        the interpreter does: that needs a main thread whose end can be signalled.
        """
        if is_alive:
            self.__class__ = threading._MainThread  # type: ignore[attr-defined]  # private
            self._name = "MainThread"
            self._daemonic = False
            self._set_tstate_lock()  # type: ignore[attr-defined]  # private
        reset: Callable[[threading.Thread, bool], None] = threading.Thread._reset_internal_locks  # type: ignore[attr-defined]  # private
        reset(self, is_alive)


def _forget(ident: int, ended: weakref.ref[Task[object]]) -> None:
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # private
    thread = active.get(ident)
    if isinstance(thread, TaskThread) and getattr(thread, "_task", None) is ended:
        active.pop(ident, None)


def wait_for_end(thread: Any, block: bool = True, timeout: float = -1) -> None:
    """Wait until ``thread`` has ended; see `threading.Thread._wait_for_tstate_lock`.

    The original frees the lock also when its wait is interrupted (by a deadline, for example) while
    the thread holds it, and so declares a thread ended that still runs; and it fails when another
    thread takes the lock before it has looked at it again.

    Blocks: the calling task or thread.
    """
    lock = thread._tstate_lock
    if lock is not None and lock.acquire(block, timeout):
        lock.release()
        thread._is_stopped = True
        thread._tstate_lock = None
        thread._stop()


def make_invoke_excepthook() -> Callable[[Any], None]:
    """Return the function that a `threading.Thread` calls with its error.

    See `threading.excepthook`.
    """
    invoke = _make_invoke_excepthook()

    def invoke_unless_cancelled(thread: Any) -> None:
        if not isinstance(sys.exception(), Cancelled):
            invoke(thread)

    return invoke_unless_cancelled


def let_main_be_joined() -> None:
    """Let tasks join the main thread: replace the lock that signals its end."""
    main: Any = threading.main_thread()
    if hasattr(main, "_handle"):
        main._handle = ThreadHandle.of_running(main.ident)
        return
    old = main._tstate_lock
    if old is None or isinstance(old, Gate):
        return
    main._tstate_lock = new = Gate()
    new.acquire()
    locks: set[object] = threading._shutdown_locks  # type: ignore[attr-defined]  # private
    if old in locks:
        locks.discard(old)
        locks.add(new)
