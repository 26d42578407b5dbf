"""A server that stops, or replaces its workers, ends every WebSocket cleanly and in time."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
from project_folder import PHOTON, Folder, announced_url
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SOCKETS = 200
DRAIN_LIMIT = 20.0
REPLY_SIZE = 300_000
APPLICATION = f"""
import os

from photon import Photon, PhotonWebSocket, sleep

app = Photon()


@app.websocket("/work")
def work(ws: PhotonWebSocket) -> None:
    ws.send(str(os.getpid()))
    for message in ws:
        ws.send("begun")
        sleep(1)
        ws.send(message * {REPLY_SIZE})
"""
SETTINGS = f"""
[project]
app = "main:app"
[server]
workers = 2
shutdown_timeout = {DRAIN_LIMIT}
"""


@attrs.define
class Peer:
    """A client, which reads only when a test asks it to."""

    connection: socket.socket
    protocol: ClientProtocol

    @classmethod
    def connect(cls, url: str) -> Peer:
        """Open a WebSocket."""
        target = urlsplit(url)
        assert target.hostname is not None
        protocol = ClientProtocol(parse_uri(f"ws://{target.netloc}/work"), max_size=2**20)
        protocol.send_request(protocol.connect())
        peer = cls(socket.create_connection((target.hostname, target.port), timeout=30), protocol)
        peer._send()
        return peer

    def send(self, text: str) -> None:
        """Send a message."""
        self.protocol.send_text(text.encode())
        self._send()

    def message(self) -> str:
        """Return the next message."""
        while True:
            for event in self.protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    assert event.fin
                    return bytes(event.data).decode()
            self._receive()

    def rest(self) -> list[str]:
        """Return the messages until the end of the connection, and close it."""
        messages = []
        while True:
            messages += [
                bytes(event.data).decode()
                for event in self.protocol.events_received()
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT
            ]
            if self.protocol.eof_sent or not self._receive():
                self.connection.close()
                return messages

    def _receive(self) -> bool:
        data = self.connection.recv(65536)
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
        self._send()
        return bool(data)

    def _send(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.connection.sendall(data)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "main.py").write_text(APPLICATION)
    (tmp_path / "photon.toml").write_text(SETTINGS)
    with subprocess.Popen(
        [*PHOTON, "run", "--port", "0"],
        cwd=tmp_path,
        env=Folder(tmp_path).environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()


def connected(url: str) -> tuple[list[Peer], set[str]]:
    """Open WebSockets; return them, and the processes that have them."""
    peers = [Peer.connect(url) for _ in range(SOCKETS)]
    return peers, {peer.message() for peer in peers}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_every_socket_gets_1001_after_the_message_in_flight(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    url = announced_url(process)
    peers, workers = connected(url)
    assert len(workers) == 2
    busy, idle = peers[: SOCKETS // 2], peers[SOCKETS // 2 :]
    for peer in busy:
        peer.send("x")
    for peer in busy:
        assert peer.message() == "begun"
    begin = time.monotonic()
    process.send_signal(number)
    assert [peer.rest() for peer in idle] == [[]] * len(idle)
    assert [list(map(len, peer.rest())) for peer in busy] == [[REPLY_SIZE]] * len(busy)
    assert {peer.protocol.close_code for peer in peers} == {1001}
    if number == signal.SIGTERM:
        output = process.communicate(timeout=DRAIN_LIMIT)[0]
        assert process.returncode == 0
        assert "Traceback" not in output
    else:
        again, successors = connected(url)
        assert not successors & workers
        for peer in again:
            peer.connection.close()
    assert time.monotonic() - begin < DRAIN_LIMIT
