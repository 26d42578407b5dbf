# mypy: disable-error-code="import-not-found, import-untyped"
"""The sockets of the suite: simple-websocket below gevent's pywsgi. Argument: the port."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402  after the patch
from collections.abc import Callable, Iterable  # noqa: E402
from contextlib import suppress  # noqa: E402
from typing import Any  # noqa: E402

from gevent import socket  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from simple_websocket import ConnectionClosed, Server  # noqa: E402

_members: dict[Any, None] = {}


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Serve ``/echo`` and ``/broadcast``."""
    ws = Server.accept(environ)
    with suppress(ConnectionClosed):
        if environ["PATH_INFO"] == "/echo":
            while True:
                ws.send(ws.receive())
        _broadcast(ws)
    return []


def _broadcast(ws: Any) -> None:
    _members[ws] = None
    try:
        ws.send("joined")
        while True:
            message = ws.receive()
            for member in list(_members):
                member.send(message)
    finally:
        del _members[ws]


if __name__ == "__main__":
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(1024)
    WSGIServer(listener, app, log=None).serve_forever()
