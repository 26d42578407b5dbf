"""`signal.set_wakeup_fd`: the hub's own descriptor is not taken away.

Every signal must wake the hub, so the interpreter writes signals to the hub's waker, and it can
write to one descriptor only. An event loop that handles signals in the program's main thread, which
is the first task, may set its own meanwhile: its selector is waited for by the hub, so the hub
wakes as well. When it removes its own, the hub's is set again. In all other tasks the call is
refused with the error that it raises in a thread, which `asyncio` turns into a ``RuntimeError`` of
``loop.add_signal_handler``: signals belong to the server.
"""

from __future__ import annotations

import threading

from . import _saved
from ._running import get_ident, hub_of, running_task


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """Set the descriptor that signals are written to; see `signal.set_wakeup_fd`.

    Raises:
        ValueError: The caller is not the main thread, as a task other than the first is not.
    """
    task = running_task()
    if task is None:
        return _saved.set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    own = hub_of(task).poller.waker.wakeup_fd
    if fd in (-1, own):
        before = _saved.set_wakeup_fd(own, warn_on_full_buffer=False)
    elif get_ident() == threading.main_thread().ident:
        before = _saved.set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    else:
        raise ValueError("set_wakeup_fd only works in main thread of the main interpreter")
    return -1 if before == own else before
