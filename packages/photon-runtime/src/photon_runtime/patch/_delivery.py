"""Calling a signal handler of the program in the coroutine that it is meant for.

Theory of operation. The interpreter runs a handler wherever the main thread happens to be: in any
task, or in the hub itself, where waiting is impossible and an exception would reach unrelated code.
Under the patch a handler is called at once only in the task that it is meant for. Elsewhere it gets
a task of its own, and an exception that it raises (a KeyboardInterrupt, a timeout of the program's
own) is raised in the task that it is meant for, out of its current wait, as a blocking call would
have been interrupted.

In a program that is the main task, which is the program's main thread. A second Ctrl-C that arrives
while the first has not been delivered is raised in the running code: a task does not let the others
run, and the user wants to stop it.

In a service it is the task that has set the handler, for as long as that task runs the same
request: the main task waits for the end of the service, and no exception of a handler may end that.
An exception that is meant for no task any longer is logged.
"""

from __future__ import annotations

import logging
import signal
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from greenlet import getcurrent

from .._at_exit import hub_of_this_thread
from .._hub import Hub
from .._pooled_greenlet import PooledGreenlet
from .._run import new_task
from .._task import Task
from ..errors import Cancelled
from ._running import hub_of

Handler = Callable[[int, FrameType | None], Any]
_log = logging.getLogger("photon.runtime")


class Count:
    """Number of signals that were handled in a hub, for `signal.pause`."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.handled = 0


def count_of(hub: Hub) -> Count:
    """Return the count of ``hub``."""
    found = hub.resources.get(Count)
    if not isinstance(found, Count):
        found = hub.resources[Count] = Count()
    return found


class Delivery:
    """A handler, and the way it is called.

    Attributes:
        handler: The function of the program.
    """

    def __init__(self, handler: Handler, setter: Task[object] | None = None) -> None:
        """Keep a handler that ``setter`` has set; ``None`` outside of tasks."""
        self.handler = handler
        self._setter = None if setter is None else weakref.ref(setter)
        self._context = None if setter is None else setter.context
        self._undelivered = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Call the handler, or have it called."""
        hub, current = hub_of_this_thread(), getcurrent()
        if hub is None or hub.main is None or hub.main.done:
            self.handler(number, frame)
            return
        target = self._target(hub)
        is_here = current is hub.greenlet or isinstance(current, PooledGreenlet)
        if not is_here or (target is not None and current is target.greenlet):
            count_of(hub).handled += 1
            self.handler(number, frame)
        elif (
            self._undelivered
            and not hub.is_service
            and current is not hub.greenlet
            and number == signal.SIGINT
        ):
            self.handler(number, frame)
        else:
            self._undelivered += 1
            hub.post(lambda: self._spawn(hub, number, frame))

    def _target(self, hub: Hub) -> Task[object] | None:
        """Return the task that an exception is raised in; ``None``: it is logged."""
        if not hub.is_service:
            return hub.main
        setter = None if self._setter is None else self._setter()
        if setter is None or setter.done or setter.context is not self._context:
            return None
        return None if setter is hub.main else setter

    def _spawn(self, hub: Hub, number: int, frame: FrameType | None) -> None:
        def run() -> None:
            self._undelivered -= 1
            try:
                self.handler(number, frame)
            except BaseException as error:
                target = self._target(hub)
                if target is None:
                    report(self.handler, number, error)
                else:
                    raise_in(target, error)
            finally:
                count_of(hub).handled += 1

        spawn_handler(hub, run, number)


class Beside:
    """A handler of the program for a signal by which the service itself is stopped.

    It does not replace the handler of the service, which is called first: code in an application
    must not make the service deaf.

    Attributes:
        own: The handler of the service.
        added: The one of the program.
    """

    def __init__(self, own: Handler, added: Delivery | signal.Handlers) -> None:
        """Keep both."""
        self.own = own
        self.added = added

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Call both."""
        self.own(number, frame)
        if callable(self.added):
            self.added(number, frame)


def spawn_handler(hub: Hub, run: Callable[[], None], number: int) -> None:
    """Run ``run``, which calls a handler, in a task of its own."""
    task = new_task(hub, run, run)
    task.name = f"handler of {signal.Signals(number).name}"
    hub.spawn(task)


def raise_in(task: Task[object], error: BaseException) -> None:
    """Raise ``error`` out of the wait of ``task``, at its next one if it runs."""
    hub = hub_of(task)
    if not task.done and not task.interrupt(error):
        hub.post(lambda: raise_in(task, error))


def report(handler: object, number: int, error: BaseException) -> None:
    """Log an exception of a handler that is not meant for a task any longer."""
    name = signal.Signals(number).name
    if isinstance(error, KeyboardInterrupt | SystemExit | Cancelled):
        _log.info("the handler of %s has raised %r, which ends nothing here", name, error)
        return
    _log.error("%r, the handler of %s, has failed", handler, name, exc_info=error)


def unwrapped(handler: Any) -> Any:
    """Return the handler as the program knows it."""
    if isinstance(handler, Beside):
        handler = handler.added
    return handler.handler if isinstance(handler, Delivery) else handler
