"""A relay before a server, in a process of its own, that can make the network slow or silent.

``python relay.py PORT`` listens on a free port, prints its number and forwards what it accepts to
``PORT`` of this machine. It obeys the lines of its standard input: ``silence`` forwards nothing
more, in either direction and of new connections either; ``mute`` keeps back what the server
sends; ``speak`` ends both; ``delay SECONDS`` holds each new connection up for so long.
"""

from __future__ import annotations

import socket
import sys
import threading
import time


class Relay:
    """Forwards connections to one port."""

    def __init__(self, port: int) -> None:
        """Forward at once, and everything."""
        self._port = port
        self._delay = 0.0
        self._to_server = threading.Event()
        self._to_client = threading.Event()
        self._to_server.set()
        self._to_client.set()

    def obey(self, line: str) -> None:
        """Do what a line of the standard input says."""
        match line.split():
            case ["silence"]:
                self._to_server.clear()
                self._to_client.clear()
            case ["mute"]:
                self._to_client.clear()
            case ["speak"]:
                self._to_server.set()
                self._to_client.set()
            case ["delay", seconds]:
                self._delay = float(seconds)

    def accept(self, listener: socket.socket) -> None:
        """Forward every connection."""
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        time.sleep(self._delay)
        server = socket.create_connection(("127.0.0.1", self._port))
        pairs = ((client, server, self._to_server), (server, client, self._to_client))
        for pair in pairs:
            threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, to: socket.socket, may: threading.Event) -> None:
        try:
            while data := source.recv(65536):
                may.wait()
                to.sendall(data)
            may.wait()
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one end is gone


if __name__ == "__main__":
    relay = Relay(int(sys.argv[1]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=relay.accept, args=(listener,), daemon=True).start()
        for line in sys.stdin:
            relay.obey(line)
            print("done", flush=True)
