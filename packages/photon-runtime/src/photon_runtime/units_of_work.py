"""Units of work of a connection that outlives its request: one for each message.

Theory of operation. What a request uses, such as a session of a database, is released when the
request ends. A handler of a WebSocket may take hours, and most of the time it waits. So whatever
provides such resources registers calls by `after_each_message`, in the context of the request; the
connection calls `message_handled` when the handler asks for its next message, before it waits.

The calls belong to the task that serves the connection, which runs the handler. A task that the
handler has started may receive messages as well, but it must not end what the handler is doing at
that moment: there `message_handled` does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, final

from ._pooled_greenlet import running_task
from ._task import Task

if TYPE_CHECKING:
    from .http import Request

_log = logging.getLogger("photon.units_of_work")


def outlives_request(request: Request) -> bool:
    """Return whether the client offers to change the protocol, so that messages may follow."""
    return request.raw_header(b"upgrade") is not None and bool(request.upgrades)


def after_each_message(
    complete: Callable[[], object], *, undo: Callable[[], object] | None = None
) -> None:
    """Call ``complete`` whenever the handler has dealt with a message. Does not wait.

    It is called before the first message, too, for what dependencies have done, and not at the end
    of the connection, when dependencies are released. The calls are made in the order in which they
    were registered. They end with the context of the request.

    Args:
        complete: Function to call; it may wait. An error in it is raised in the handler, by the
            call that asks for the next message.
        undo: Function to call instead if the ``complete`` of another one, or the handler, has
            failed.
    """
    units = _UNITS.get()
    if units is None:
        units = _Units()
        _UNITS.set(units)
    units.calls.append((complete, undo))


def begin_messages() -> None:
    """Note that the running task serves the connection of this context; for servers."""
    units = _UNITS.get()
    if units is not None:
        units.task = running_task()


def message_handled() -> None:
    """Complete the unit of work of the last message; for connections, before they wait.

    In another task than the one that runs the handler it does nothing.

    Raises:
        BaseException: The error of the first call that has failed; the further ones were undone.

    Blocks: the calling task, for as long as the registered calls do.
    """
    units = _UNITS.get()
    if units is not None and units.task is running_task():
        units.complete()


def message_failed() -> None:
    """Undo the unit of work of the last message, because the handler has failed; for connections.

    It spares the resources of the handler from being held while the connection says good-bye. The
    dependencies of the handler are released after it, as without this call.

    Blocks: the calling task, for as long as the registered calls do.
    """
    units = _UNITS.get()
    if units is not None and units.task is running_task():
        units.undo()


@final
class _Units:
    """The calls of one connection.

    Attributes:
        task: The task that serves the connection; ``None`` before the protocol has changed.
        calls: Functions that complete a unit of work, each with one that undoes it.
    """

    __slots__ = ("calls", "task")

    def __init__(self) -> None:
        self.task: Task[object] | None = None
        self.calls: list[tuple[Callable[[], object], Callable[[], object] | None]] = []

    def complete(self) -> None:
        failure: BaseException | None = None
        for complete, undo in self.calls:
            if failure is None:
                try:
                    complete()
                except BaseException as error:
                    failure = error
            elif undo is not None:
                _undo(undo)
        if failure is not None:
            raise failure

    def undo(self) -> None:
        for _, undo in self.calls:
            if undo is not None:
                _undo(undo)


def _undo(undo: Callable[[], object]) -> None:
    try:
        undo()
    except Exception:
        _log.exception("a unit of work could not be undone")


_UNITS: ContextVar[_Units | None] = ContextVar("photon_units_of_work", default=None)
