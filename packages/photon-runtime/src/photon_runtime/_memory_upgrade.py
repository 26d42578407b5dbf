"""Upgrades without a socket: the protocol of a response, run over a stream in memory.

A test calls a handler with a request that offers the protocol, and passes the response and one end
of a `memory_pair` to `serve_upgrade`; the other end is the client. The protocol's code does not
notice the difference: it receives an `UpgradedStream`, as from a real server.
"""

from __future__ import annotations

import math

from ._memory import MemoryStream
from ._task import Task
from ._watcher import Waiter
from .http import Response, Upgrade, UpgradedStream

_BUFFER_SIZE = 64 * 1024


class _MemoryHost:
    """Replaces the server of a connection: it has a buffer and never stops."""

    def __init__(self) -> None:
        self.buffer = bytearray(_BUFFER_SIZE)
        self.view = memoryview(self.buffer)
        self.is_stopping = False


class _MemoryWire:
    """The bytes of a stream in memory, as an `UpgradedStream` reads and writes them."""

    def __init__(self, stream: MemoryStream) -> None:
        self.expires = math.inf
        self.server = _MemoryHost()
        self.stream = stream

    def receive(self, task: Task[object]) -> int:
        return self.stream.recv_into(self.server.buffer)

    def send(self, data: bytes | memoryview, task: Task[object], *, is_timed: bool) -> None:
        self.stream.sendall(data)

    def read_now(self) -> memoryview | None:
        data = self.stream.incoming.read(_BUFFER_SIZE)
        return None if data is None else memoryview(data)

    def wait_readable(self, task: Task[object]) -> None:
        self.stream.incoming.changed.wait(task)

    def wait_and_read(self, task: Task[object]) -> memoryview | None:
        data = self.read_now()
        if data is None:
            self.wait_readable(task)
            data = self.read_now()
        return data

    def write_now(self, data: bytes | memoryview) -> int:
        return self.stream.outgoing.write(memoryview(data)) or 0

    def wake_when_readable(self, waiter: Waiter) -> None:
        incoming = self.stream.incoming
        if incoming.buffer or incoming.is_ended or incoming.is_refused:
            waiter.unpark()
        else:
            incoming.waiters.append(waiter)

    def wake_when_writable(self, waiter: Waiter) -> None:
        self.stream.outgoing.waiters.append(waiter)

    def dismiss(self, waiter: Waiter) -> None:
        for pipe in (self.stream.incoming, self.stream.outgoing):
            if waiter in pipe.waiters:
                pipe.waiters.remove(waiter)


def serve_upgrade(response: Response, stream: MemoryStream) -> None:
    """Run the protocol that ``response`` changes to, over a stream in memory, to its end.

    Then the dependencies of the request are released, as by a server, and the stream is closed.

    Args:
        response: Response to a request that offered the protocol, made by `http.upgrade`.
        stream: Server's end of a `memory_pair`.

    Raises:
        TypeError: The response does not change the protocol.
        Exception: The error that the protocol ended with.

    Blocks: the calling task; spawn it.

    Example:
        >>> import photon_runtime as rt
        >>> from photon_runtime.http import UpgradedStream, upgrade
        >>> from photon_runtime.testing import memory_pair, serve_upgrade
        >>> def echo(stream: UpgradedStream) -> None:
        ...     stream.sendall(stream.recv())
        >>> def main() -> bytes:
        ...     client, server = memory_pair()
        ...     rt.spawn(serve_upgrade, upgrade("echo", echo), server)
        ...     client.sendall(b"hello")
        ...     return client.recv(5)
        >>> rt.run(main)
        b'hello'
    """
    body = response.body
    if not isinstance(body, Upgrade):
        raise TypeError(f"{response!r} does not change the protocol: its body is not an upgrade")
    with stream:
        body.run(UpgradedStream(_MemoryWire(stream), b""))
