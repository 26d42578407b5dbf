"""The hub of the main thread between two runs, with the threads that its tasks began.

Theory of operation. Under the patch a thread is a task, and a program expects of it what it expects
of a thread: that it outlives the function that has begun it, until the process ends. A run ends
when its main task has ended. Then the hub pauses with the threads that are left; they continue in
the next run of the main thread, which is at the latest the one in which the process ends
(`_process_end`), and while the main thread waits for a lock or sleeps outside of a run: it may join
one of them. Meanwhile `threading` does not list them.

A hub can pause only where it can be continued: on the main thread, outside of other greenlets.
Elsewhere the threads of a hub end with it, and those that are not daemons are named in the log.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from greenlet import getcurrent

if TYPE_CHECKING:
    from ._hub import Hub

_get_ident = threading.get_ident  # the original, read at import before any patch
_paused: list[Hub] = []  # of the main thread, one at the most
_of_parent: list[Hub] = []  # if one were dropped, its tasks would be unwound


def can_pause() -> bool:
    """Return whether a hub that is made here could pause at the end of its run."""
    return _get_ident() == threading.main_thread().ident and getcurrent().parent is None


def pause(hub: Hub) -> None:
    """Keep ``hub``, whose run has ended, for the next one."""
    hub.pause()
    _paused.append(hub)


def has_paused() -> bool:
    """Return whether `take_paused` would return a hub."""
    return bool(_paused) and _paused[0].greenlet is getcurrent()


def take_paused() -> Hub | None:
    """Return the hub that paused here, which the caller must run or close; ``None`` without one."""
    if not has_paused():
        return None
    hub = _paused.pop()
    hub.resume()
    return hub


def _forget() -> None:
    """Leave the hub to the parent of a forked process."""
    _of_parent.extend(_paused)
    _paused.clear()


os.register_at_fork(after_in_child=_forget)
