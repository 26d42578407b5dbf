"""Forking while other tasks hold locks of the standard library.

Theory of operation. The child has only the task that has forked, so what another task holds at that
moment is held for ever there. The interpreter and `logging` look after some of their locks by
hooks, for threads. The rest is done here, for what any child uses: before the fork the task waits
until no other one is importing a module or inside a standard stream, for a limited time. A fork
stops all tasks for some milliseconds, more in a large process, so tasks that fork at once take
turns: one in each turn of the scheduler, between which the others run. In the
child, the locks that modules of the standard library keep are free again, and modules that were
being imported are imported anew.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from .._run import sleep
from .._scope import shield
from ._lock import Lock, RLock
from ._running import get_ident, hub_of, running_task
from ._standard_streams import turns_of_standard_streams

_LONGEST = 5.0
_PAUSE = 0.005
_SOONER = 0.0005


class ForkGuard:
    """The hooks of one process for its forks."""

    def __init__(self) -> None:
        """Begin before the first fork."""
        self._latest: tuple[int, int] | None = None  # the hub and its turn

    def before(self) -> None:
        """Wait until the fork does no harm. Blocks: the calling task, for a limited time."""
        task = running_task()
        if task is None:
            return
        hub = hub_of(task)
        threading.current_thread()  # in the child it becomes the main thread, so it must exist
        expires = time.monotonic() + _LONGEST
        with shield():
            while True:
                if self._latest == (id(hub), hub.turns):
                    sleep(_SOONER)
                elif time.monotonic() < expires and self._is_disturbed():
                    sleep(_PAUSE)
                else:
                    break
        self._latest = id(hub), hub.turns

    def in_child(self) -> None:
        """Free what tasks hold that do not exist here."""
        if running_task() is None:
            return
        for turns in turns_of_standard_streams():
            turns.forget_others()
        for name in _imports_of_others():
            _module_locks().pop(name, None)
            sys.modules.pop(name, None)
        for lock in _locks_of_standard_library():
            is_held = lock.locked() if isinstance(lock, Lock) else lock._is_held_by_another()
            if is_held:
                lock._at_fork_reinit()

    def _is_disturbed(self) -> bool:
        return any(_imports_of_others()) or any(
            turns.is_used_by_another for turns in turns_of_standard_streams()
        )


def _module_locks() -> dict[str, Any]:
    locks: dict[str, Any] = importlib._bootstrap._module_locks  # type: ignore[attr-defined]  # private
    return locks


def _imports_of_others() -> list[str]:
    """Return the names of the modules that other tasks are importing."""
    me = get_ident()
    found = []
    for name, reference in list(_module_locks().items()):
        owner = getattr(reference(), "owner", None)
        if owner is not None and owner != me:
            found.append(name)
    return found


def _locks_of_standard_library() -> Iterator[Lock | RLock]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and name.partition(".")[0] in sys.stdlib_module_names:
            for value in list(vars(module).values()):
                if isinstance(value, Lock | RLock):
                    yield value
