"""Messages of `multiprocessing`, whole or not at all.

Theory of operation. A message is a length and so many bytes, and each connection may have several
readers, in several processes. A task that is cancelled while it waits for a message, or for room
for one, has read and written nothing. In the middle of a message it is too late: the next reader
would take the rest for a length. There the call completes, and the cancellation takes effect at the
next wait of the task. If the other side does not go on within `GRACE` seconds, the connection is
closed: an error for all readers, instead of a message that was never sent.
"""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._scope import deadline, shield
from .._socket import Socket
from ..errors import Cancelled, DeadlineExceeded
from . import _transfers
from ._descriptors import wait_readable, wait_writable
from ._running import running_task

GRACE = 1.0
"""Seconds for the rest of a message of which a cancelled task has sent or received a part."""


def let_sockets_be_sent(module: ModuleType) -> None:
    """Let sockets be sent by a `multiprocessing.reduction` that was imported before the patch."""
    reduce: Any = getattr(module, "_reduce_socket", None)
    if reduce is not None:
        module.ForkingPickler.register(Socket, reduce)


def keep_messages_whole(module: ModuleType) -> None:
    """Let connections of `multiprocessing.connection` be cancelled between messages only."""
    cls: Any = getattr(module, "Connection", None)
    if cls is None or hasattr(cls._recv_bytes, "__wrapped__"):
        return
    cls._recv_bytes = _after(cls._recv_bytes, wait_readable)
    cls._send_bytes = _after(cls._send_bytes, wait_writable)
    cls._recv = _receive
    cls._send = _send


def _after(original: Callable[..., Any], wait: Callable[[int], None]) -> Callable[..., Any]:
    """Return a method that waits before it begins a message."""

    @functools.wraps(original)
    def transfer(self: Any, *args: Any) -> Any:
        if running_task() is not None:
            wait(self._handle)
        return original(self, *args)

    return transfer


def _receive(self: Any, size: int, read: Callable[[int, int], bytes] | None = None) -> io.BytesIO:
    """Read ``size`` bytes of a message that has begun."""
    read = _transfers.read if read is None else read
    received = io.BytesIO()
    step = _Steps(self)
    while received.tell() < size:
        step.wait(wait_readable)
        chunk = read(self._handle, size - received.tell())
        if not chunk:
            if not received.tell():
                raise EOFError
            raise OSError("got end of file during message")
        received.write(chunk)
    return received


def _send(self: Any, data: Any, write: Callable[[int, Any], int] | None = None) -> None:
    """Write bytes of a message that has begun."""
    step = _Steps(self)
    with memoryview(data) as view, view.cast("B") as rest:
        sent = 0
        while sent < len(rest):
            step.wait(wait_writable)
            part = rest[sent:]
            if write is None:
                sent += _transfers.write_some(self._handle, part)
            else:
                sent += write(self._handle, part)


class _Steps:
    """The waits in the middle of a message."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._expires: float | None = None

    def wait(self, wait: Callable[[int], None]) -> None:
        """Wait; if the task is cancelled, for the rest of the time of grace."""
        if running_task() is None:
            return
        fd = self._connection._handle
        try:
            wait(fd)
        except Cancelled:
            if self._expires is None:
                self._expires = time.monotonic() + GRACE
            try:
                with shield(), deadline(self._expires - time.monotonic()):
                    wait(fd)
            except DeadlineExceeded:
                self._connection.close()
            else:
                return
            raise
