"""Photon inside of another server, as a WSGI application (PEP 3333)."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

from photon_runtime import run
from photon_runtime.http import Handler, Request

from ._protocol import Environ, StartResponse, Write, close

_BODY_LIMIT = 16 * 1024 * 1024


class _Startable(Protocol):
    """An application."""

    def start(self, *, development: bool = False) -> AbstractContextManager[Handler]:
        """Enter its life."""


class WsgiExport:
    """A WSGI application that is a Photon application: ``gunicorn 'shop:app.wsgi'``.

    Each request runs in a hub of its own, on the thread that the server gives it: handlers may
    use all of Photon, and a stream is sent as it comes. What cannot work without a hub that goes
    on: background tasks and what `after_response` does hold up the thread until they are done,
    other protocols (WebSockets) are not to be had, objects that tasks of several requests wait
    for (locks, channels) work within one request only, and the limits and times of ``[server]``
    are the other server's business. The application starts with the first request and ends with
    the process.

    Args:
        application: The application.
        body_limit: How many bytes the body of a request may have.
    """

    def __init__(self, application: _Startable, *, body_limit: int = _BODY_LIMIT) -> None:
        """Keep the application; it starts with the first request."""
        self._application = application
        self._body_limit = body_limit
        self._handler: Handler | None = None
        self._starting = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request.

        Blocks: the calling thread.
        """
        handler = self._handler if self._handler is not None else self._start()
        request = _request(environ, self._body_limit)
        return run(lambda: _respond(handler, request, start_response))

    def _start(self) -> Handler:
        with self._starting:
            if self._handler is None:
                stack = ExitStack()
                self._handler = run(lambda: stack.enter_context(self._application.start()))
                atexit.register(lambda: run(stack.close))
        return self._handler


class _Input:
    """Where the body of a request comes from: ``wsgi.input``."""

    def __init__(self, environ: Environ, length: int | None) -> None:
        self._file = environ["wsgi.input"]
        self._left = length

    def receive_body(self, request: Request) -> bytes:
        """Return the next part; see `photon_runtime.http.Request`."""
        size = 65536 if self._left is None else min(65536, self._left)
        part: bytes = self._file.read(size) if size else b""
        request.received += len(part)
        if self._left is not None:
            self._left -= len(part)
        if not part:
            request.is_complete = True
        return part


def _request(environ: Environ, body_limit: int) -> Request:
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")
    target = quote(path, safe="/:@!$&'()*+,;=-._~") or "/"
    if environ.get("QUERY_STRING"):
        target += "?" + environ["QUERY_STRING"]
    headers = [
        (key[5:].replace("_", "-").lower().encode("latin-1"), value.encode("latin-1"))
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers.append((key.replace("_", "-").lower().encode(), environ[key].encode("latin-1")))
    text = environ.get("CONTENT_LENGTH") or ""
    length = int(text) if text.isdecimal() else None
    if length is None and not environ.get("wsgi.input_terminated"):
        length = 0
    peer = (environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0))
    request = Request(
        environ["REQUEST_METHOD"],
        target,
        headers,
        source=_Input(environ, length),
        peer=peer,
        body_limit=body_limit,
    )
    request.content_length = length
    return request


def _respond(handler: Handler, request: Request, start_response: StartResponse) -> list[bytes]:
    """Run the handler and send what it answers; runs in the hub."""
    response = handler(request)
    try:
        fields = list(response.headers)
        if response.content_type is not None:
            fields.append(("Content-Type", response.content_type))
        status = f"{response.status} {_phrase(response.status)}"
        if isinstance(response.body, bytes):
            if response.status not in (204, 304):
                fields.append(("Content-Length", str(len(response.body))))
            start_response(status, fields)
            return [] if request.method == "HEAD" else [response.body]
        _send(response.body, start_response(status, fields), request)
        return []
    finally:
        request.finish()


def _send(body: Iterable[bytes], write: Write, request: Request) -> None:
    try:
        if request.method != "HEAD":
            for part in body:
                write(part)
    finally:
        close(body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
