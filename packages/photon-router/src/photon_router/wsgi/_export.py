"""A Photon application under a WSGI server (PEP 3333)."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

from photon_runtime import run
from photon_runtime.http import (
    Handler,
    Peer,
    Request,
    Response,
    begin_request,
    enter_root_path,
    forbids_body,
    parse_root_path,
)

from ._protocol import Environ, StartResponse, Write, close
from ._streamed_body import with_first_chunk

_BODY_LIMIT = 16 * 1024 * 1024


class _Startable(Protocol):
    """An application that can be started."""

    @property
    def root_path(self) -> str:
        """The root path of the settings."""

    def start(self, *, development: bool = False) -> AbstractContextManager[Handler]:
        """Return a context in which the application runs."""


class WsgiExport:
    """A Photon application as a WSGI application.

    ``application = app.wsgi`` assigns it to the name that a server looks for in a module, as in
    ``gunicorn shop:application``.

    Each request runs in a hub of its own, on a thread of the server: handlers may use all of
    Photon, and streams are sent chunk by chunk. Without a permanent hub there are limitations:
    background tasks and `after_response` callbacks block the thread until they finish, other
    protocols (WebSockets) are unavailable, objects that tasks of several requests wait for (locks,
    channels) work within one request only, and the WSGI server has its own limits in place of those
    of ``[server]``. The application starts with the first request and ends with the process. The
    ``SCRIPT_NAME`` of a request is its root path.

    Args:
        application: The application.
        body_limit: Maximum number of bytes in the body of a request.
    """

    def __init__(self, application: _Startable, *, body_limit: int = _BODY_LIMIT) -> None:
        """Store the application; it starts with the first request."""
        self._application = application
        self._body_limit = body_limit
        self._handler: Handler | None = None
        self._starting = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request.

        Blocks: the calling thread.
        """
        handler = self._handler if self._handler is not None else self._start()
        request = _request(environ, self._body_limit)
        root_path = self._application.root_path
        return run(lambda: _respond(handler, request, start_response, root_path))

    def _start(self) -> Handler:
        with self._starting:
            if self._handler is None:
                stack = ExitStack()
                self._handler = run(lambda: stack.enter_context(self._application.start()))
                atexit.register(lambda: run(stack.close))
        return self._handler


class _Input:
    """The source of a request's body: ``wsgi.input``."""

    def __init__(self, environ: Environ, length: int | None) -> None:
        self._file = environ["wsgi.input"]
        self._left = length

    def receive_body(self, request: Request) -> bytes:
        """Return the next part; see `photon_runtime.http.Request`."""
        size = 65536 if self._left is None else min(65536, self._left)
        part: bytes = self._file.read(size) if size else b""
        request._received += len(part)
        if self._left is not None:
            self._left -= len(part)
        if not part:
            request._is_complete = True
        return part


def _request(environ: Environ, body_limit: int) -> Request:
    root_path = parse_root_path(_quoted(environ.get("SCRIPT_NAME", "")))
    path = _quoted(environ.get("PATH_INFO", ""))
    if root_path is None:  # not a path that addresses may begin with
        path = _quoted(environ["SCRIPT_NAME"]) + path
    target = path or "/"
    if environ.get("QUERY_STRING"):
        target += "?" + environ["QUERY_STRING"]
    headers = [
        (key[5:].replace("_", "-").lower().encode("latin-1"), value.encode("latin-1"))
        for key, value in environ.items()
        # Content type and length as the server has read them take precedence over these fields.
        if key.startswith("HTTP_") and key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH")
    ]
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers.append((key.replace("_", "-").lower().encode(), environ[key].encode("latin-1")))
    text = environ.get("CONTENT_LENGTH") or ""
    length = int(text) if text.isdecimal() else None
    if length is None and not environ.get("wsgi.input_terminated"):
        length = 0
    address = (environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0))
    request = Request(
        environ["REQUEST_METHOD"],
        target,
        headers,
        source=_Input(environ, length),
        peer=Peer(address, scheme=environ["wsgi.url_scheme"]),
        body_limit=body_limit,
    )
    request._content_length = length
    request._root_path = root_path or ""
    return request


def _quoted(text: str) -> str:
    return quote(text.encode("latin-1"), safe="/:@!$&'()*+,;=-._~")


def _respond(
    handler: Handler, request: Request, start_response: StartResponse, root_path: str
) -> list[bytes]:
    """Run the handler and send its response; runs in the hub."""
    begin_request(handler)
    if request.root_path:
        enter_root_path(request, request.root_path, is_stripped=True)
    else:
        enter_root_path(request, root_path)
    try:
        response = with_first_chunk(request, handler(request))
        try:
            return _sent(response, request, start_response)
        finally:
            close(response.body)
    finally:
        request.run_after_response_callbacks()


def _sent(response: Response, request: Request, start_response: StartResponse) -> list[bytes]:
    body = response.body
    has_body = request.method != "HEAD" and not forbids_body(response.status)
    write: Write = start_response(_status_line(response.status), _fields(response))
    if isinstance(body, bytes):
        return [body] if has_body else []
    for chunk in body if has_body else ():
        write(chunk)
    return []


def _fields(response: Response) -> list[tuple[str, str]]:
    """Return the header fields, checked as by Photon's own server; WSGI servers may not check.

    Raises:
        ValueError: A name or a value is invalid in HTTP.
    """
    length = len(response.body) if isinstance(response.body, bytes) else None
    fields = Response(headers=response.headers).headers
    if length is not None or forbids_body(response.status):
        fields = [pair for pair in fields if pair[0].lower() != "content-length"]
    if length is not None and not forbids_body(response.status):
        fields.append(("Content-Length", str(length)))
    if response.content_type is not None:
        Response().add_header("content-type", response.content_type)
        fields.append(("Content-Type", response.content_type))
    return fields


def _status_line(status: int) -> str:
    if not 200 <= status <= 599:
        raise ValueError(f"the status of a response must be from 200 to 599, not {status!r}")
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
