"""Buffers that several tasks may use: those of pipes, and of `socket.socket.makefile`.

Theory of operation. A buffer of `io` has a lock, which knows threads by the number of the operating
system; a task that uses it while another one waits inside would be a "reentrant call". So tasks
take turns before they call it. A turn belongs to a greenlet, which may call the buffer again within
it, as a method that calls another one does; a signal handler that does so is refused by the buffer,
as ever. Threads still exclude each other by the lock of the buffer.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable
from typing import Any

from greenlet import getcurrent

from ._waiter import Waiter, drop_waiter, new_waiter, wake_first

READER_METHODS = ("read", "read1", "readinto", "readinto1", "readline", "peek", "close")
WRITER_METHODS = ("write", "flush", "close")


class Turns:
    """The order in which tasks use one buffer."""

    __slots__ = ("_user", "_waiters")

    def __init__(self) -> None:
        """Begin without a user."""
        self._user: object = None
        self._waiters: list[Waiter] = []

    def call(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the buffer when no other task does.

        Raises:
            Cancelled: A scope around the task was cancelled; the method was not called.

        Blocks: the calling task, and whatever the method waits for.
        """
        me = getcurrent()
        outer = self._user
        if outer is not None and outer is not me:
            self._wait()
            outer = None
        self._user = me
        try:
            return method(*args, **kwargs)
        finally:
            self._user = outer
            if outer is None and self._waiters:
                wake_first(self._waiters)

    @property
    def is_used_by_another(self) -> bool:
        """Whether another task is inside of the buffer."""
        return self._user is not None and self._user is not getcurrent()

    def forget_others(self) -> None:
        """Let the buffer be used in a forked child, where other tasks do not exist."""
        if self.is_used_by_another:
            self._user = None
        self._waiters.clear()

    def _wait(self) -> None:
        while self._user is not None:
            waiter = new_waiter()
            self._waiters.append(waiter)
            try:
                waiter.wait(None)
            except BaseException:
                if waiter.claim():
                    drop_waiter(self._waiters, waiter)
                elif self._user is None:
                    wake_first(self._waiters)
                raise


def _in_turn(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, name).call(method, self, *args, **kwargs)

    return call


def _taking_turns(base: Any, **methods: Iterable[str]) -> Any:
    """Return a subclass of the type of a buffer; the methods of each group take turns."""
    attributes = [f"_turns_of_{group}" for group in methods]

    def new(cls: Any, *_: object, **__: object) -> Any:
        self = base.__new__(cls)
        for attribute in attributes:
            setattr(self, attribute, Turns())
        return self

    def represent(self: Any) -> str:
        return str(base.__repr__(self)).replace("<", "<_io.", 1)

    members: dict[str, Any] = {"__new__": new, "__repr__": represent}
    members |= {"__module__": "_io", "__doc__": base.__doc__}
    for group, names in methods.items():
        for name in names:
            members[name] = _in_turn(getattr(base, name), f"_turns_of_{group}")
    return type(base.__name__, (base,), members)


PipeReader = _taking_turns(io.BufferedReader, reader=READER_METHODS)
PipeWriter = _taking_turns(io.BufferedWriter, writer=WRITER_METHODS)
PipePair = _taking_turns(
    io.BufferedRWPair,
    reader=("read", "read1", "readinto", "readinto1", "peek"),
    writer=("write", "flush"),
)


def io_for_sockets() -> Any:
    """Return the module `io` with other buffers, for the files of `socket`."""
    module: Any = type(io)("io", io.__doc__)
    module.__dict__.update(io.__dict__)
    module.BufferedReader = PipeReader
    module.BufferedWriter = PipeWriter
    module.BufferedRWPair = PipePair
    return module
