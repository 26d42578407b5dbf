"""The servers of the WebSocket suite, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench import _peers
from bench._servers import PEERS_PYTHON

PHOTON = "photon"


@dataclass(frozen=True, slots=True)
class WebSocketServer:
    """One server under test.

    Attributes:
        command: Gives the command line for a port; it is run in ``servers/``.
        peers: Distributions whose versions are reported; with any, the server runs in the
            environment of the peers.
        descriptors: Number of descriptors that a socket takes.
    """

    name: str
    about: str
    command: Callable[[int], list[str]]
    peers: tuple[str, ...] = ()
    descriptors: int = 1

    def prepare(self) -> None:
        """Make the environment of the server.

        Raises:
            BenchError: It cannot be made.
        """
        if self.peers:
            _peers.ensure()


def _photon(port: int) -> list[str]:
    run = [sys.executable, "-m", "photon_cli", "run", "photon_websocket_app:app"]
    return [*run, "--host", "127.0.0.1", "--port", str(port)]


def _granian(port: int) -> list[str]:
    run = [*PEERS_PYTHON, "-m", "granian", "--interface", "rsgi", "--loop", "uvloop"]
    run += ["--workers", "1", "--runtime-threads", "1", "--no-access-log", "--log-level", "error"]
    run += ["--backpressure", "20000"]  # as many sockets as the largest scenario has
    return [*run, "granian_websocket_app:app", "--host", "127.0.0.1", "--port", str(port)]


def _uvicorn(protocol: str) -> Callable[[int], list[str]]:
    run = [*PEERS_PYTHON, "-m", "uvicorn", "asgi_websocket_app:app", "--loop", "uvloop"]
    run += ["--http", "httptools", "--ws", protocol, "--workers", "1", "--lifespan", "off"]
    run += ["--no-access-log", "--log-level", "error", "--host", "127.0.0.1"]
    return lambda port: [*run, "--port", str(port)]


def _script(name: str) -> Callable[[int], list[str]]:
    return lambda port: [*PEERS_PYTHON, name, str(port)]


_ALL = (
    WebSocketServer(PHOTON, "the whole framework", _photon),
    WebSocketServer("granian", "granian, bare RSGI application", _granian, ("granian", "uvloop")),
    WebSocketServer(
        "uvicorn-sansio",
        "uvicorn with --ws websockets-sansio, bare ASGI application",
        _uvicorn("websockets-sansio"),
        ("uvicorn", "websockets", "uvloop"),
    ),
    WebSocketServer(
        "uvicorn",
        "uvicorn with --ws websockets, bare ASGI application",
        _uvicorn("websockets"),
        ("uvicorn", "websockets", "uvloop"),
    ),
    WebSocketServer(
        "aiohttp",
        "aiohttp on uvloop",
        _script("aiohttp_websocket_server.py"),
        ("aiohttp", "uvloop"),
    ),
    WebSocketServer(
        "gevent",
        "simple-websocket below gevent's pywsgi",
        _script("gevent_websocket_server.py"),
        ("gevent", "simple-websocket", "wsproto"),
        descriptors=2,  # simple-websocket duplicates the descriptor
    ),
)
SERVERS: Mapping[str, WebSocketServer] = {each.name: each for each in _ALL}
