"""A program: what C does while single allocations fail.

``python tools/sanitizers/_no_memory.py`` calls functions of the module again and again, and lets
another allocation fail each time. They must raise `MemoryError` or do their work; `SystemError`
would mean that one returned without an error, or with one too many. No call here switches to
another greenlet: greenlet itself ends the process where it has no memory for a stack. No handler
fails, either: msgspec, which writes the response to that, crashes without memory.
"""

from __future__ import annotations

import importlib
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

from photon_runtime import current_task, run
from photon_runtime.http import Request, Response, ServerSettings, _server
from photon_runtime.http._connection import Connection
from photon_runtime.http._parser import RequestParser
from photon_runtime.http._wire import RawSocket

_memory: Any = importlib.import_module("_testcapi")  # of the interpreter's own tests
MOST = 300
REQUESTS = (
    b"GET /a?b=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello",
    b"DELETE /b HTTP/1.1\r\nHost: a\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n",
)


def application(request: Request) -> Response:
    """Respond with the body."""
    return Response(body=b"".join(request._parts) or b"hello", headers=[("x-a", "1")])


def attempts(make: Callable[[], Callable[[], object]]) -> int:
    """Let each allocation of a call fail, which is prepared by ``make``; return how often one did.

    Raises:
        SystemError: Errors and results do not fit.
    """
    failures = 0
    for failing in range(MOST):
        call = make()
        _memory.set_nomemory(failing, failing + 1)
        try:
            call()
        except MemoryError:
            failures += 1
        except OSError:
            pass
        finally:
            _memory.remove_mem_hooks()
        call()  # it works again, whatever was left behind
    return failures


def reading(data: bytes) -> Callable[[], Callable[[], object]]:
    """Return a scenario: bytes are read as a request."""
    settings = ServerSettings()
    connections: Any = _server._connections

    def make() -> Callable[[], object]:
        parser = RequestParser(None, None, settings)  # type: ignore[arg-type]  # it is not asked
        return lambda: connections.read_request(parser, settings, data)

    return make


def serving(data: bytes) -> Callable[[], Callable[[], object]]:
    """Return a scenario: a connection whose client has sent a request and no more."""

    def make() -> Callable[[], object]:
        server = _server.Server(sockets=[])
        server.handler = application
        server.buffer = bytearray(len(data))  # so no read is short, and the next one does not wait
        server.view = memoryview(server.buffer)
        client, other = socket.socketpair()
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        stream = RawSocket(fileno=other.detach())
        stream.setblocking(False)
        task: Any = current_task()
        poller = task.hub.poller
        poller.forget(stream.fileno())
        connection = Connection(server, stream, None, poller.watch(stream.fileno()))
        parser = connection._parser = RequestParser(connection, None, server.settings)

        def call() -> int:
            try:
                result = server.receive(connection, task)
            finally:
                client.setblocking(False)
            assert parser.pending == []
            return result

        return call

    return make


def main() -> int:
    """Run all scenarios, and print how often a call failed; 1 if none did, or C is not used."""
    logging.disable(logging.CRITICAL)
    scenarios = {
        f"{make.__name__} {data[:12]!r}": make(data)
        for make in (reading, serving)
        for data in REQUESTS
    }

    def check() -> list[int]:
        counts = []
        for name, make in scenarios.items():
            counts.append(attempts(make))
            print(f"{name}: {counts[-1]} of {MOST} failed")
        return counts

    return 0 if _server._connections is not None and all(run(check)) else 1


if __name__ == "__main__":
    sys.exit(main())
