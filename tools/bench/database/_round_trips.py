"""How often an application waits for its database in one request: a proxy counts.

Theory of operation. The proxy passes everything on between an application and PostgreSQL. A round
trip begins with each piece of the application that follows a piece of the server: what is sent
without waiting for a response in between is one trip, in however many messages and packets. The
count is made on a server of its own, with one request after another, after some that are not
counted, which open connections and prepare statements.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench._probe import ask
from bench._process import ServerProcess, free_port
from bench._servers import FOLDER
from bench.database._applications import Application
from bench.database._databases import BenchDatabase
from bench.scenarios import Exchange

_START_TIMEOUT = 20.0
_UNCOUNTED, _COUNTED = 30, 30
_PIECE = 1 << 16


class CountingProxy:
    """A proxy in front of a server.

    Attributes:
        port: Port of 127.0.0.1 that it listens on.
        round_trips: Number of round trips until now.
    """

    def __init__(self, target_port: int) -> None:
        """Listen on a port, in front of another one of 127.0.0.1."""
        self.round_trips = 0
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Accept connections until `close`. Blocks."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept no more connections; those that exist end with their clients."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, suppress(OSError):
            selector = selectors.DefaultSelector()
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            is_answered = True
            while True:
                for key, _ in selector.select():
                    source, destination = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    piece = source.recv(_PIECE)
                    if not piece:
                        return
                    if source is client and is_answered:
                        self.round_trips += 1
                    is_answered = source is server
                    destination.sendall(piece)


@contextmanager
def counting_proxy(target_port: int) -> Iterator[CountingProxy]:
    """Run a proxy in threads, for the time of a block."""
    proxy = CountingProxy(target_port)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()


def count_round_trips(
    application: Application, database: BenchDatabase, exchange: Exchange, *, core: int
) -> float:
    """Return the number of round trips of one request.

    Raises:
        BenchError: The application does not start or respond.

    Blocks: while the application starts and responds.
    """
    address, _, rest = database.url.rpartition(":")
    target_port, _, name = rest.partition("/")
    port = free_port()
    with counting_proxy(int(target_port)) as proxy:
        environ = {**application.environ, **database.environ(f"{address}:{proxy.port}/{name}")}
        with ServerProcess(
            application.command(port), port=port, folder=FOLDER, core=core, environ=environ
        ) as process:
            process.wait_listening(timeout=_START_TIMEOUT)
            for _ in range(_UNCOUNTED):
                ask(exchange, port=port)
            before = proxy.round_trips
            for _ in range(_COUNTED):
                ask(exchange, port=port)
            return (proxy.round_trips - before) / _COUNTED
