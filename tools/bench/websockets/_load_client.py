"""The load of the WebSocket suite: many sockets in one thread, with frames made in advance.

A program of its own, pinned to another core than the server. It opens its sockets and exchanges
one message with each, whose text is compared; then it prints a line, waits for a line, puts the
load on the server, and prints the figures. The sockets stay open until its input ends, so that
neither opening nor closing them is part of the load::

    echo       every socket sends its next message when it has received the last one
    broadcast  the first socket sends the next message when all have received the last one
    idle       every socket waits; pings of the server are answered

Under load only the length of a message is compared with that of the first one: comparing texts
would cost more than some servers need for a message.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from typing import Any, Self

from bench.errors import BenchError
from bench.websockets._frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    masked_frame,
    message_of,
    open_socket,
    parse_frame,
    text_frame,
    text_of,
)
from bench.websockets._scenarios import BROADCAST, ECHO, IDLE, LoadTask

_TIMEOUT = 20.0
_BUFFER = 1 << 18
_POLL_EVERY = 500  # sockets opened between two looks for pings


class Client:
    """The sockets of one task.

    Attributes:
        deflate: True if the server agreed to compress.
    """

    def __init__(self, task: LoadTask) -> None:
        """Prepare the sockets; `open` opens them."""
        self.deflate = False
        self._task = task
        self._text = message_of(task.size)
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._partial: dict[int, bytearray] = {}
        self._frame = b""
        self._first = b""
        self._size = 0
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()
        for sock in self._sockets.values():
            sock.close()

    def open(self) -> None:
        """Open the sockets and exchange one message with each.

        Raises:
            BenchError: A response is wrong.
            OSError: There is none in time.
        """
        path = "/broadcast" if self._task.kind == BROADCAST else "/echo"
        for number in range(self._task.sockets):
            if number % _POLL_EVERY == 0:
                self.answer_pings()
            sock, self.deflate, received = open_socket(
                self._task.port, path, deflate=self._task.deflate, timeout=_TIMEOUT
            )
            if not self._frame:
                self._frame = text_frame(self._text, deflate=self.deflate)
            expected = "joined"
            if path == "/echo":
                sock.sendall(self._frame)
                expected = self._text
            self._check_first(sock, bytearray(received), expected)
            sock.settimeout(None)
            self._sockets[sock.fileno()] = sock
            self._epoll.register(sock, select.EPOLLIN)

    def _check_first(self, sock: socket.socket, received: bytearray, expected: str) -> None:
        while (frame := parse_frame(received)) is None:
            part = sock.recv(_BUFFER)
            if not part:
                raise BenchError("the server closed the connection before its first message")
            received += part
        if frame.opcode != TEXT or not frame.is_last or frame.size != len(received):
            raise BenchError(f"the first message is not one frame: {bytes(received[:40])!r}")
        if (text := text_of(frame)) != expected:
            raise BenchError(f"expected the message {expected[:40]!r}, got {text[:40]!r}")
        self._first, self._size = bytes(received[:2]), len(received)

    def run_echo(self) -> dict[str, float]:
        """Keep every socket busy; return the figures. Blocks."""
        clock, frame, sockets = time.perf_counter, self._frame, self._sockets
        times: list[float] = []
        begin = now = clock()
        started = dict.fromkeys(sockets, begin)
        for sock in sockets.values():
            sock.sendall(frame)
        end = begin + self._task.seconds
        while now < end:
            events = self._epoll.poll(_TIMEOUT)
            if not events:
                raise BenchError(f"no message arrived within {_TIMEOUT:.0f} s")
            now = clock()
            for fd, _ in events:
                for _ in range(self._receive(fd)):
                    times.append(now - started[fd])
                    started[fd] = now
                    sockets[fd].send(frame)
        return _figures(len(times), now - begin, times)

    def run_broadcast(self) -> dict[str, float]:
        """Send one message after another to all sockets; return the figures. Blocks."""
        clock, sockets = time.perf_counter, self._sockets
        self.learn_broadcast()
        times: list[float] = []
        begin = clock()
        while (now := clock()) < begin + self._task.seconds:
            times.append(self.broadcast())
        return _figures(len(times) * len(sockets), now - begin, times)

    def learn_broadcast(self) -> None:
        """Compare the text of one broadcast, whose size all others will have. Blocks."""
        sender = next(iter(self._sockets.values()))
        sender.sendall(self._frame)
        self._check_first(sender, bytearray(), self._text)
        self._collect(len(self._sockets) - 1)

    def broadcast(self) -> float:
        """Send a message to all sockets; return the seconds until all have it. Blocks."""
        begin = time.perf_counter()
        next(iter(self._sockets.values())).sendall(self._frame)
        self._collect(len(self._sockets))
        return time.perf_counter() - begin

    def _collect(self, missing: int) -> None:
        while missing > 0:
            events = self._epoll.poll(_TIMEOUT)
            if not events:
                raise BenchError(f"{missing} sockets did not get a broadcast")
            for fd, _ in events:
                missing -= self._receive(fd)

    def _receive(self, fd: int) -> int:
        """Receive from one socket; return the number of complete messages."""
        count = self._sockets[fd].recv_into(self._buffer)
        if count == self._size and fd not in self._partial and self._buffer[:2] == self._first:
            return 1
        if not count:
            raise BenchError("the server closed a connection")
        received = self._partial.pop(fd, bytearray())
        received += self._view[:count]
        messages = 0
        while (frame := parse_frame(received)) is not None:
            del received[: frame.size]
            if frame.opcode == PING:
                self._sockets[fd].sendall(masked_frame(frame.payload, opcode=PONG))
            elif frame.opcode == CLOSE:
                raise BenchError(f"the server closed a connection: {frame.payload!r}")
            elif frame.opcode != PONG and frame.is_last:
                messages += 1
        if received:
            self._partial[fd] = received
        return messages

    def answer_pings(self, timeout: float = 0.0) -> None:
        """Answer pings of the server that arrive within ``timeout`` seconds. Blocks."""
        for fd, _ in self._epoll.poll(timeout):
            self._receive(fd)

    def wait_for_end(self) -> None:
        """Answer pings until the input of the program ends. Blocks."""
        self._epoll.register(0, select.EPOLLIN)
        while True:
            for fd, _ in self._epoll.poll():
                if fd == 0:
                    return
                self._receive(fd)


def _figures(messages: int, seconds: float, times: list[float]) -> dict[str, float]:
    times.sort()
    return {
        "messages": messages,
        "seconds": seconds,
        "p50_us": times[len(times) // 2] * 1e6,
        "p99_us": times[len(times) * 99 // 100] * 1e6,
    }


def _say(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


def main(argument: str) -> int:
    """Do a task, given as JSON. Blocks."""
    task = LoadTask(**json.loads(argument))
    client = Client(task)
    try:
        client.open()
        _say({"deflate": client.deflate})
        if task.kind == IDLE:
            client.wait_for_end()
        elif sys.stdin.readline():
            _say(client.run_echo() if task.kind == ECHO else client.run_broadcast())
            sys.stdin.readline()
    except (BenchError, OSError) as error:
        _say({"error": str(error) or repr(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
