"""The same application in two processes: with the C module, and with the Python code alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

_PROGRAM: Final = Path(__file__).parent / "serve_and_record.py"
_DATE: Final = re.compile(rb"(?m)^date: [^\r]+\r$")
_TIMEOUT: Final = 20.0
_PAUSE: Final = 0.003


@attrs.frozen
class Conversation:
    """What a client does on one connection.

    Attributes:
        pieces: The bytes that it sends, with a pause after each piece.
        is_half_closed: True if it shuts down its sending side then; otherwise the server ends it.
    """

    pieces: Sequence[bytes]
    is_half_closed: bool = True


class RecordedServer:
    """A process that serves and records."""

    def __init__(
        self, module: str, folder: Path, *, is_native: bool, settings: Mapping[str, object]
    ) -> None:
        self._name = f"{module}-{'native' if is_native else 'python'}"
        self._record = folder / f"{self._name}.log"
        self._errors = (folder / f"{self._name}.err").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), module, str(self._record), json.dumps(settings)],
            env={**os.environ, "PHOTON_SPEEDUPS": "1" if is_native else "0"},
            cwd=_PROGRAM.parent,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._is_native = is_native
        self._is_stopping = False
        self._read = 0
        self.port = 0

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server has not started: {self.errors()}")
        announced = json.loads(line)
        if announced["is_native"] is not self._is_native:
            self.stop()
            raise RuntimeError(f"the server runs the other way: {announced}")
        self.port = announced["port"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._errors.close()

    def begin_stop(self) -> None:
        """Send SIGTERM, once: a second one ends the process at once."""
        if not self._is_stopping:
            self._is_stopping = True
            self.process.terminate()

    def stop(self) -> int:
        """Stop gracefully; return the status."""
        self.begin_stop()
        try:
            status = self.process.wait(_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def connect(self) -> socket.socket:
        """Return a connection that sends each piece at once."""
        client = socket.create_connection(("127.0.0.1", self.port), _TIMEOUT)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def hold(self, conversation: Conversation) -> bytes:
        """Hold a conversation; return what was received until the server closed, without dates."""
        received = bytearray()
        with self.connect() as client, contextlib.suppress(ConnectionError):
            with contextlib.suppress(OSError):  # the server may have closed already
                self._send(client, conversation)
            while part := client.recv(65536):
                received += part
        return _DATE.sub(b"date: (now)\r", bytes(received))

    def _send(self, client: socket.socket, conversation: Conversation) -> None:
        for number, piece in enumerate(conversation.pieces):
            if number:
                time.sleep(_PAUSE)
            client.sendall(piece)
        if conversation.is_half_closed:
            client.shutdown(socket.SHUT_WR)

    def new_records(self) -> list[dict[str, object]]:
        """Return the records of the log since the last call."""
        with self._record.open() as file:
            file.seek(self._read)
            lines = file.readlines()
            self._read = file.tell()
        return [json.loads(line) for line in lines]

    def errors(self) -> str:
        """Return what was written to standard error."""
        self._errors.flush()
        self._errors.seek(0)
        return self._errors.read()


@attrs.frozen
class TwoServers:
    """A server with the C module, and one without."""

    native: RecordedServer
    python: RecordedServer

    @property
    def both(self) -> tuple[RecordedServer, RecordedServer]:
        """Both of them."""
        return self.native, self.python

    def hold(self, conversation: Conversation) -> bytes:
        """Hold a conversation with both; return what both have answered.

        Raises:
            AssertionError: The answers or the records differ.
        """
        answers = [server.hold(conversation) for server in self.both]
        records = [server.new_records() for server in self.both]
        assert answers[0] == answers[1], conversation
        assert records[0] == records[1], conversation
        assert [server.process.poll() for server in self.both] == [None, None]
        return answers[0]


@contextlib.contextmanager
def two_servers(module: str, folder: Path, **settings: object) -> Iterator[TwoServers]:
    """Serve the application of a module both ways while the block runs; nothing may be on stderr.

    Raises:
        RuntimeError: One has not started, or the C module is not used in the first.
        AssertionError: One has written to standard error, or ended in another way.
    """
    with (
        RecordedServer(module, folder, is_native=True, settings=settings) as native,
        RecordedServer(module, folder, is_native=False, settings=settings) as python,
    ):
        yield TwoServers(native, python)
        assert (native.stop(), python.stop()) == (0, 0)
        assert (native.errors(), python.errors()) == ("", "")
