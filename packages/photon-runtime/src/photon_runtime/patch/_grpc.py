"""`grpc.aio` in tasks: the threads in which grpc waits in C are real ones.

Theory of operation. `grpc.aio` waits for its event loops in one thread for the process, in C, and
wakes a loop by a socket. Under the patch a thread is a task, and a task that waits in C holds up
all others, the loop that it waits for included: for ever. So the module of grpc that starts such
threads gets a `threading` of its own, in which threads are real. Everything else in it is the
patched one: locks and events that real threads and tasks share.
"""

from __future__ import annotations

import threading
from types import ModuleType

from . import _saved


class RealThread(threading.Thread):
    """A thread of the operating system, even if a task starts it."""

    def start(self) -> None:
        """Start the thread; see `threading.Thread.start`."""
        if self.ident is not None:
            raise RuntimeError("threads can only be started once")
        # Only tasks start threads that are tasks.
        _saved.start_new_thread(super().start, ())
        self._started.wait()  # type: ignore[attr-defined]  # private


def cooperate(module: ModuleType) -> None:
    """Let the threads of ``grpc._cython.cygrpc`` be real. A second call does nothing."""
    if vars(module).get("threading") is threading:
        own = ModuleType("threading", threading.__doc__)
        vars(own).update(vars(threading), Thread=RealThread)
        vars(module)["threading"] = own
