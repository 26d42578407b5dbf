"""The semaphores of `multiprocessing`, which wait in C, as tasks may wait for them.

Theory of operation. All locks of `multiprocessing` are made of ``_multiprocessing.SemLock``, a
semaphore of the operating system that processes share. The replacement has the same semaphore,
and only tries it in a task. Within the process, waiting tasks form a fair queue. Only its first
member tries the semaphore: when a release of this process wakes it, and, because other processes
cannot do that, at growing intervals: of 10 milliseconds at the most in the beginning, and later of
a twentieth of the time that it has waited, up to 50. A real thread that waits in C would be faster,
but could not be left: it would take the semaphore after its task was cancelled, and `Condition`
relies on attempts that fail only if the semaphore is zero.

The original takes the thread of the operating system for the owner of a recursive lock, so all
tasks would own it together. Here a task counts as a thread. The semaphore itself is made without
recursion; a pickle carries the kind of the lock to other processes.
"""

from __future__ import annotations

import functools
import time
from types import ModuleType, TracebackType
from typing import Any, Self

from .._scope import shield
from ._lock import Lock
from ._running import get_ident, running_task
from ._waiter import Waiter, new_waiter, wake_first

_RECURSIVE = 0
_SEMAPHORE = 1
_FIRST_PAUSE = 0.0005
_LONG_PAUSE = 0.01
_LONGEST_PAUSE = 0.05  # of a process that has been idle for a second
_PAUSES = 20


class SemLockBase:
    """The replacement of ``_multiprocessing.SemLock``; `replace_semaphores` makes the class.

    Attributes:
        kind: 0 for a recursive lock, 1 for all others.
        maxvalue: The largest value.
        name: Name of the semaphore in the operating system.
        handle: Its number there.
    """

    original: Any = None

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        """Make a semaphore of the operating system."""
        own_kind = _SEMAPHORE if kind == _RECURSIVE else kind
        self._begin(self.original(own_kind, value, maxvalue, name, unlink), kind)

    @classmethod
    def _rebuild(cls, handle: int, kind: int, maxvalue: int, name: str) -> Self:
        self = cls.__new__(cls)
        self._begin(cls.original._rebuild(handle, _SEMAPHORE, maxvalue, name), kind)
        return self

    def _begin(self, real: Any, kind: int) -> None:
        self._real = real
        self.kind = kind
        self.maxvalue: int = real.maxvalue
        self.name: str = real.name
        self.handle: int = real.handle
        self._after_fork()

    def _after_fork(self) -> None:
        self._holds = 0
        self._owner: int | None = None
        self._turn = Lock()
        self._first: list[Waiter] = []

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Lower the semaphore; see `multiprocessing.Lock.acquire`.

        Raises:
            Cancelled: A scope around the task was cancelled; the semaphore was not lowered.

        Blocks: the calling task, or a thread without a hub.
        """
        if self.kind == _RECURSIVE and self._is_mine():
            self._holds += 1
            return True
        if timeout is not None:
            timeout = max(0.0, float(timeout))
        if running_task() is None:
            is_acquired = self._real.acquire(block, timeout)
        elif self._turn.locked() and block:
            is_acquired = self._wait(timeout)
        else:
            is_acquired = self._real.acquire(False) or (bool(block) and self._wait(timeout))
        if is_acquired:
            self._owner = get_ident()
            self._holds += 1
        return bool(is_acquired)

    def release(self) -> None:
        """Raise the semaphore; see `multiprocessing.Lock.release`.

        Raises:
            AssertionError: It is a recursive lock of another task or thread.
            ValueError: It has its largest value already.
        """
        if self.kind == _RECURSIVE:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._holds > 1:
                self._holds -= 1
                return
            self._owner = None
            self._holds = 0
            self._real.release()
        else:
            self._real.release()
            self._holds -= 1
        wake_first(self._first)

    def __enter__(self) -> bool:
        """Lower the semaphore."""
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        _: TracebackType | None = None,
        /,
    ) -> None:
        """Raise the semaphore."""
        self.release()

    def _count(self) -> int:
        return self._holds

    def _is_mine(self) -> bool:
        return self._holds > 0 and self._owner == get_ident()

    def _get_value(self) -> int:
        return int(self._real._get_value())

    def _is_zero(self) -> bool:
        return bool(self._real._is_zero())

    def _wait(self, timeout: float | None) -> bool:
        """Wait for the turn of the caller, and then for the semaphore."""
        begun = time.monotonic()
        expires = None if timeout is None else begun + timeout
        if not self._turn.acquire(True, -1 if timeout is None else timeout):
            return False
        try:
            pause = _FIRST_PAUSE
            while not self._real.acquire(False):
                left = None if expires is None else expires - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._pause(pause if left is None else min(pause, left))
                longest = max(_LONG_PAUSE, (time.monotonic() - begun) / _PAUSES)
                pause = min(pause * 2, longest, _LONGEST_PAUSE)
            return True
        finally:
            self._turn.release()

    def _pause(self, seconds: float) -> None:
        waiter = new_waiter()
        self._first[:] = [waiter]
        try:
            waiter.wait(seconds)
        finally:
            waiter.claim()
            self._first.clear()


def replace_semaphores(module: ModuleType) -> None:
    """Replace ``SemLock`` of a module: of ``_multiprocessing``, or of billiard's copy of it."""
    original: Any = getattr(module, "SemLock", None)
    if original is None or issubclass(original, SemLockBase):
        return
    members = {
        "__module__": original.__module__,
        "__doc__": original.__doc__,
        "SEM_VALUE_MAX": original.SEM_VALUE_MAX,
        "original": original,
    }
    module.SemLock = type("SemLock", (SemLockBase,), members)  # type: ignore[attr-defined]


def let_conditions_be_cancelled(module: ModuleType) -> None:
    """Let a wait for a condition of `multiprocessing` take its lock again when it is cancelled."""
    condition: Any = module.Condition
    original = condition.wait
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def wait(self: Any, timeout: float | None = None) -> bool:
        if running_task() is None:
            return bool(original(self, timeout))
        if not self._lock._semlock._is_mine():
            raise AssertionError("must acquire() condition before using wait()")
        self._sleeping_count.release()
        count = self._lock._semlock._count()
        for _ in range(count):
            self._lock.release()
        try:
            return bool(self._wait_semaphore.acquire(True, timeout))
        finally:
            self._woken_count.release()
            # Even in a task that is being cancelled: the caller's ``with`` is going to release it.
            with shield():
                for _ in range(count):
                    self._lock.acquire()

    condition.wait = wait
