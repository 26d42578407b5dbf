"""The side of the application, in process: a request, and then the protocol of its response."""

from __future__ import annotations

import os

from photon_runtime.escapes import as_failure
from photon_runtime.http import (
    Handler,
    HttpError,
    Request,
    Response,
    Upgrade,
    begin_request,
    problem_response,
)
from photon_runtime.testing import (
    HubThread,
    MemoryStream,
    PendingCall,
    make_request,
    sent_fields,
    serve_upgrade,
)
from photon_ws.errors import WebSocketClosed

_FRAMEWORKS = ("photon_router", "photon_runtime", "photon_ws")


class Exchange:
    """The server's side of a session in process: the request, and then the protocol."""

    def __init__(
        self, hub: HubThread, handler: Handler, *, scheme: str, raise_errors: bool
    ) -> None:
        self._hub = hub
        self._handler = handler
        self._scheme = scheme
        self._raise_errors = raise_errors
        self._request: Request | None = None
        self._error: Exception | None = None
        self._is_raised = False
        self._running: PendingCall[None] | None = None

    def begin(self, stream: MemoryStream) -> None:
        """Handle the request, in a task of the hub. Does not wait."""
        self._running = self._hub.begin(self._run, stream)

    def _run(self, stream: MemoryStream) -> None:
        try:
            with stream:
                self._serve(stream)
        except (ConnectionError, HttpError):
            pass  # the client has left, or the handler has closed the connection with this error
        except BaseException as error:
            self._error = as_failure(error)

    def _serve(self, stream: MemoryStream) -> None:
        request = self._request = _received_request(stream, self._scheme)
        begin_request(self._handler)
        try:
            self._respond(request, stream)
        finally:
            request.run_after_response_callbacks()

    def _respond(self, request: Request, stream: MemoryStream) -> None:
        try:
            response = self._handler(request)
        except HttpError as error:
            response = problem_response(error)
        if isinstance(response.body, Upgrade):
            stream.sendall(_head(response))
            try:
                serve_upgrade(response, stream)
            except WebSocketClosed:
                raise
            except ConnectionError as error:  # of another connection than this one
                self._error = error
                raise
        else:
            stream.sendall(_head(response) + _content(response))

    def wait(self, seconds: float) -> None:
        """Wait until the handler has ended.

        Raises:
            TimeoutError: It has not ended in time. It is cancelled.
            Exception: Its unexpected error, the first time.
        """
        if self._running is None:
            return
        try:
            self._running.result(seconds)
        except TimeoutError:
            position = self.position()
            self._running.cancel(self._hub)
            raise TimeoutError(
                f"the handler has not ended within {seconds:g} seconds after the end of its "
                f"WebSocket{position}"
            ) from None
        self.raise_error()

    def raise_error(self) -> None:
        """Raise the unexpected error of the handler, the first time."""
        error = self._error or (None if self._request is None else self._request.failure)
        if error is not None and self._raise_errors and not self._is_raised:
            self._is_raised = True
            raise error

    def position(self) -> str:
        """Return the stack of the handler, for a message."""
        if self._running is None:
            return ""
        stack = _without_frameworks(self._running.describe(self._hub))
        return f"\nThe handler is at:\n{stack}"


def _received_request(stream: MemoryStream, scheme: str) -> Request:
    """Read the request of the client, which sends nothing behind it before the response."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        part = stream.recv(65536)
        if not part:
            raise ConnectionResetError("the client has left before its request was complete")
        data += part
    first, *lines = data.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return make_request(method, target, headers=fields, scheme=scheme)


def _head(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} "]
    lines += [f"{name}: {value}" for name, value in sent_fields(response)]
    if isinstance(response.body, Upgrade):
        lines.append("connection: upgrade")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _content(response: Response) -> bytes:
    body = response.body
    if isinstance(body, bytes):
        return body
    try:
        return b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def _without_frameworks(report: str) -> str:
    """Return the lines of the application from the report of a task."""
    shown: list[str] = []
    is_own = False
    for line in report.splitlines()[1:]:
        if line.startswith('  File "'):
            is_own = not any(f"{os.sep}{name}{os.sep}" in line for name in _FRAMEWORKS)
        if is_own or (not line.startswith("    ") and not line.startswith('  File "')):
            shown.append(line)
    return "\n".join(shown) or report
