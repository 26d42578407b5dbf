"""A WSGI application inside of Photon (PEP 3333).

Where the standard library is patched, as under ``photon run``, the application runs in the
request's own coroutine, and its blocking calls let others run. Elsewhere it would hold the hub, and
so it runs on the threads of `photon_runtime.offload`, of which there is a bounded number.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from photon_runtime import offload
from photon_runtime.callables import kind_of
from photon_runtime.http import Request, Response

from ._parts import Parts
from ._protocol import Environ, ExcInfo, Write, WsgiApplication, close

_log = logging.getLogger("photon.wsgi")
# Those of the connection: the server's own (PEP 3333, "Other HTTP Features").
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class Wsgi:
    """A handler that calls a WSGI application; to be mounted.

    The application gets ``SCRIPT_NAME`` (where it is mounted) and ``PATH_INFO`` (the rest). Header
    fields with an underscore in their name are not passed on: in the environ they could not be
    told from those with a hyphen. Nor is ``Proxy``: as ``HTTP_PROXY`` it would be taken for the
    proxy of the machine by programs that are given the environ (CVE-2016-5385, "httpoxy").

    Args:
        application: The WSGI application.
        threads: Whether it runs on threads, each request taking one for as long as it lasts, and
            gets its body whole; ``None`` decides by whether the standard library is patched.

    Raises:
        TypeError: It cannot be called.

    Example:
        >>> from photon_router import Application
        >>> from photon_router import Wsgi
        >>> def legacy(environ, start_response):
        ...     start_response("200 OK", [("Content-Type", "text/plain")])
        ...     return [f"at {environ['PATH_INFO']}".encode()]
        >>> app = Application()
        >>> app.mount("/old", Wsgi(legacy))
    """

    def __init__(self, application: WsgiApplication, *, threads: bool | None = None) -> None:
        """Keep the application."""
        if not callable(application):
            raise TypeError(
                f"a WSGI application is called with its environ, unlike {application!r}"
            )
        kind_of(application)  # an ASGI application is asynchronous, and refused
        self.application = application
        self.threads = threads

    def __call__(self, request: Request) -> Response:
        """Answer ``request`` by the application.

        Blocks: the calling task.
        """
        has_threads = not _is_patched() if self.threads is None else self.threads
        if not has_threads:
            return _Call(self.application).answer(_environ(request, _BodyStream(request)))
        environ = _environ(request, io.BytesIO(request.body))
        response = offload(_Call(self.application).answer, environ)
        if not isinstance(response.body, bytes):
            response.body = _Offloaded(response.body)
        return response


def _is_patched() -> bool:
    patch = sys.modules.get("photon_runtime.patch")
    return patch is not None and patch.is_patched()


class _Call:
    """One call of an application: what it says by ``start_response``, and its body."""

    def __init__(self, application: WsgiApplication) -> None:
        self._application = application
        self._response: Response | None = None
        self._written: list[bytes] = []
        self._is_over = False  # no other beginning is possible any more

    def answer(self, environ: Environ) -> Response:
        """Call the application and return the response.

        Raises:
            RuntimeError: The application broke the protocol.
        """
        body = self._application(environ, self._start)
        try:
            # Of HEAD the length is what the application says, not that of the body it has not made.
            is_whole = isinstance(body, list | tuple) and environ["REQUEST_METHOD"] != "HEAD"
            if is_whole and self._response is not None:
                whole = b"".join([*self._written, *body])
                close(body)
                self._response.body = whole
                return self._response
            parts = iter(body)
            # It may call start_response as late as with its first part.
            first = next(parts, b"") if self._response is None else b""
            response = self._started()
        except BaseException:
            close(body)
            raise
        self._is_over = True
        response.body = Parts([*self._written, first], parts, body)
        return response

    def _started(self) -> Response:
        if self._response is None:
            raise RuntimeError("the WSGI application has not called start_response")
        return self._response

    def _start(
        self, status: str, fields: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Write:
        if self._response is not None and exc_info is None:
            raise RuntimeError("start_response was called twice")
        if self._is_over and exc_info is not None and exc_info[1] is not None:
            raise exc_info[1]  # what it would say in its place comes too late
        code, _, _ = status.partition(" ")
        kept = [(name, value) for name, value in fields if name.lower() not in _HOP_BY_HOP]
        self._response = Response(int(code), headers=kept)
        return self._written.append


class _Offloaded:
    """A body whose parts are made on threads."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        parts = iter(self._body)
        while part := offload(next, parts, b""):
            yield part

    def close(self) -> None:
        """Tell the application that the response is over."""
        offload(close, self._body)


class _BodyStream(io.RawIOBase):
    """A request's body as a file."""

    def __init__(self, request: Request) -> None:
        self._parts = request.stream()
        self._left = b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read what has come, waiting for it if it is nothing; 0 at the end."""
        if not self._left:
            self._left = next(self._parts, b"")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


class _ErrorLog(io.TextIOBase):
    """Where an application writes its errors: to the log."""

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Log a line."""
        if text.strip():
            _log.error("%s", text.rstrip())
        return len(text)


def _environ(request: Request, body: io.RawIOBase | io.BytesIO) -> Environ:
    """Return the environ of a request to a mounted application."""
    rest = _rest(request)
    path = request.raw_path
    script = path[: len(path) - len(rest)] if rest else path.rstrip("/")
    host, _, port = request.host.rpartition(":") if _has_port(request.host) else (request.host,) * 3
    scheme = request.scheme
    client = request.client
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _wsgi_text(script),
        "PATH_INFO": _wsgi_text(rest),
        "QUERY_STRING": request.raw_query,
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port if _has_port(request.host) else ("443" if scheme == "https" else "80"),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": client[0] if isinstance(client, tuple) else (client or ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BufferedReader(body) if isinstance(body, io.RawIOBase) else body,
        "wsgi.input_terminated": True,  # reading ends by itself, also where no length is told
        "wsgi.errors": _ErrorLog(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.pairs():
        if "_" not in name and name != "proxy":
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            comma = "; " if name == "cookie" else ","  # RFC 9113, section 8.2.3
            environ[key] = f"{environ[key]}{comma}{value}" if key in environ else value
    return environ


def _rest(request: Request) -> str:
    """Return the part of the raw path below the mount, with the slash before it."""
    template = "" if request.route is None else request.route.template
    if not template.endswith("/{path}"):
        return ""
    depth = template.count("/") - 1
    return "/" + "/".join(request.raw_path.split("/")[depth + 1 :])


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdecimal()


def _wsgi_text(path: str) -> str:
    """Decode a path to what WSGI calls text: its bytes, each as a character."""
    return unquote_to_bytes(path).decode("latin-1")
