"""A WSGI application mounted in a Photon application (PEP 3333).

If the standard library is patched, as under ``photon run``, the application runs in the request's
own coroutine, and its blocking calls let other tasks run. Otherwise it would block the scheduler,
and so it runs on the threads of `photon_runtime.offload`, the number of which is bounded.
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

from ._protocol import Environ, ExcInfo, Write, WsgiApplication, close
from ._streamed_body import StreamedBody

_log = logging.getLogger("photon.wsgi")
# Fields of the connection, which belong to the server (PEP 3333, "Other HTTP Features").
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
    """A handler that calls a WSGI application, for `Application.mount`.

    The application gets ``SCRIPT_NAME`` (the path of the mount) and ``PATH_INFO`` (the path below
    it). Header fields with an underscore in their name are not passed on: in the environ they could
    not be distinguished from those with a hyphen. Nor is ``Proxy``: programs that get the environ
    would use ``HTTP_PROXY`` as the proxy of the machine (CVE-2016-5385, "httpoxy").

    Args:
        application: The WSGI application.
        threads: True to run the application on threads, one per request until it ends, with the
            whole body in memory; ``None`` uses threads if the standard library is not patched.

    Raises:
        TypeError: The application is not callable.

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
        """Check the application."""
        if not callable(application):
            raise TypeError(f"a WSGI application must be callable, unlike {application!r}")
        kind_of(application)  # refuses an ASGI application, which is asynchronous
        self.application = application
        self.threads = threads

    def __call__(self, request: Request) -> Response:
        """Return the application's response to ``request``.

        Blocks: the calling task.
        """
        has_threads = not _is_patched() if self.threads is None else self.threads
        if not has_threads:
            return _Call(self.application).run(_environ(request, _BodyStream(request)))
        environ = _environ(request, io.BytesIO(request.body))
        response = offload(_Call(self.application).run, environ)
        if not isinstance(response.body, bytes):
            response.body = _Offloaded(response.body)
        return response


def _is_patched() -> bool:
    patch = sys.modules.get("photon_runtime.patch")
    return patch is not None and patch.is_patched()


class _Call:
    """One call of an application: its ``start_response`` and its body."""

    def __init__(self, application: WsgiApplication) -> None:
        self._application = application
        self._response: Response | None = None
        self._written: list[bytes] = []
        self._has_started = False  # then start_response can no longer replace the response

    def run(self, environ: Environ) -> Response:
        """Call the application and return the response.

        Raises:
            RuntimeError: The application violates the protocol.
        """
        body = self._application(environ, self._start)
        try:
            # The length of a response to HEAD is the application's, not that of its empty body.
            is_whole = isinstance(body, list | tuple) and environ["REQUEST_METHOD"] != "HEAD"
            if is_whole and self._response is not None:
                whole = b"".join([*self._written, *body])
                close(body)
                self._response.body = whole
                return self._response
            chunks = iter(body)
            # The application may call start_response as late as with its first chunk.
            first = next(chunks, b"") if self._response is None else b""
            response = self._required_response()
        except BaseException:
            close(body)
            raise
        self._has_started = True
        response.body = StreamedBody([*self._written, first], chunks, body)
        return response

    def _required_response(self) -> Response:
        if self._response is None:
            raise RuntimeError("the WSGI application has not called start_response")
        return self._response

    def _start(
        self, status: str, fields: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Write:
        if self._response is not None and exc_info is None:
            raise RuntimeError("start_response was called twice")
        if self._has_started and exc_info is not None and exc_info[1] is not None:
            raise exc_info[1]  # too late to replace the response
        code, _, _ = status.partition(" ")
        headers = [(name, value) for name, value in fields if name.lower() not in _HOP_BY_HOP]
        self._response = Response(int(code), headers=headers)
        return self._written.append


class _Offloaded:
    """A body whose chunks are produced on threads."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._body)
        while chunk := offload(next, chunks, b""):
            yield chunk

    def close(self) -> None:
        """Close the application's body, on a thread."""
        offload(close, self._body)


class _BodyStream(io.RawIOBase):
    """A request's body as a file."""

    def __init__(self, request: Request) -> None:
        self._chunks = request.stream()
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read the available bytes, waiting for at least one; return 0 at the end."""
        if not self._left:
            self._left = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


class _ErrorLog(io.TextIOBase):
    """The error stream of an application, which writes to the log."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str, /) -> int:
        """Log a line."""
        if text.strip():
            _log.error("%s", text.rstrip())
        return len(text)


def _environ(request: Request, body: io.RawIOBase | io.BytesIO) -> Environ:
    """Return the environ of a request to a mounted application."""
    path_info = _path_info(request)
    path = request.raw_path
    script = path[: len(path) - len(path_info)] if path_info else path.rstrip("/")
    host, _, port = request.host.rpartition(":") if _has_port(request.host) else (request.host,) * 3
    scheme = request.scheme
    client = request.client
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _wsgi_text(request.root_path + script),
        "PATH_INFO": _wsgi_text(path_info),
        "QUERY_STRING": request.raw_query,
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port if _has_port(request.host) else ("443" if scheme == "https" else "80"),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": client[0] if isinstance(client, tuple) else (client or ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BufferedReader(body) if isinstance(body, io.RawIOBase) else body,
        "wsgi.input_terminated": True,  # reading ends at the end of the body, even without a length
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


def _path_info(request: Request) -> str:
    """Return the part of the raw path below the mount, with the slash before it."""
    template = "" if request.route is None else request.route.template
    if not template.endswith("/{path}"):
        return ""
    depth = template.count("/") - 1
    return "/" + "/".join(request.raw_path.split("/")[depth + 1 :])


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdecimal()


def _wsgi_text(path: str) -> str:
    """Decode a path to a WSGI string: its bytes, each as a character."""
    return unquote_to_bytes(path).decode("latin-1")
