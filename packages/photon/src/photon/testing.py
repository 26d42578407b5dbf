"""For tests of applications: a client that calls them, in process or over a real socket.

`Client` is an ``httpx2.Client``. The application runs in a hub on a thread of its own, lifespans
included, from the creation of the client until it is closed; the test is ordinary blocking code.
Requests go to the application's handler directly, without a socket, and an unexpected error of
the application is raised in the test. `live_client` goes over a real socket and through the real
server. `submit_form` fills in the form of a page and sends it. `deliveries` returns the mails that
the application has sent.

With pytest, use the fixtures ``app``, ``client`` and ``live_client``: see
`photon.pytest_plugin`.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

try:
    import httpx2
except ImportError as error:
    raise ImportError("photon.testing needs httpx2: pip install 'photon[testing]'") from error

from photon_router.wsgi import with_first_chunk
from photon_runtime import Channel, Event
from photon_runtime.errors import ChannelClosed
from photon_runtime.escapes import as_failure
from photon_runtime.http import (
    Application,
    Handler,
    Request,
    Response,
    ServerSettings,
    StartedHandler,
    begin_request,
    context_of,
    enter_root_path,
    forbids_body,
    is_below,
)
from photon_runtime.parts import under_test
from photon_runtime.testing import (
    HubThread,
    PendingCall,
    live_server,
    make_request,
    sent_fields,
)
from photon_runtime.unattended import raise_unattended

from ._page_forms import PageForm, read_form, submit_form
from ._websocket_client import WebSocketClient

if TYPE_CHECKING:
    from photon_tasks.mail import OutgoingMail
    from photon_tasks.testing import ApplicationJobs
    from photon_ws.testing import WebSocketTestSession

__all__ = [
    "Client",
    "LiveClient",
    "PageForm",
    "deliveries",
    "live_client",
    "read_form",
    "submit_form",
]

T = TypeVar("T")
_BASE_URL = "http://testserver"
_BODY_LIMIT = ServerSettings().max_body_size


class Client(WebSocketClient):
    """An HTTP client whose server is an application in this process.

    Args:
        application: The application, or a handler.
        base_url: Beginning of the URLs of requests; the application sees its scheme and host.
            Secure cookies are stored with ``https`` only.
        raise_errors: Whether an unexpected error of the application is raised by the call that
            caused it; otherwise the response is the 500 that clients receive.
        development: Whether the application starts as in development, responses checked.
        body_limit: Maximum size of the body of a request in bytes, where its operation does not
            state one.
        headers: Header fields of every request.
        cookies: Cookies of every request.
        follow_redirects: Whether the client follows redirects.

    Raises:
        PhotonError: The application cannot start.

    Example:
        >>> from photon import Photon
        >>> from photon.testing import Client
        >>> app = Photon()
        >>> @app.get("/hello/{name}")
        ... def hello(name: str) -> dict[str, str]:
        ...     return {"message": f"Hello, {name}!"}
        >>> with Client(app) as client:
        ...     print(client.get("/hello/Ada").json())
        {'message': 'Hello, Ada!'}
    """

    def __init__(
        self,
        application: Application | Handler,
        *,
        base_url: str = _BASE_URL,
        raise_errors: bool = True,
        development: bool = True,
        body_limit: int = _BODY_LIMIT,
        headers: dict[str, str] | None = None,
        cookies: dict[str, str] | None = None,
        follow_redirects: bool = False,
    ) -> None:
        """Start the application."""
        self._in_process = _InProcess(
            application, raise_errors=raise_errors, development=development, body_limit=body_limit
        )
        self._root_path = self._in_process.root_path
        super().__init__(
            transport=self._in_process,
            base_url=base_url,
            headers=headers,
            cookies=cookies,
            follow_redirects=follow_redirects,
            timeout=None,
        )

    def build_request(self, method: str, url: httpx2.URL | str, **options: Any) -> httpx2.Request:
        """Build a request; see `httpx2.Client.build_request`.

        A path is one of the application, or begins with its root path, as `url_for` returns it.
        """
        root_path, path = self._root_path, str(url)
        if root_path and path.startswith("/") and not is_below(path, root_path):
            url = root_path + path
        return super().build_request(method, url, **options)

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """End the application."""
        self.close()

    @property
    def jobs(self) -> ApplicationJobs:
        """The jobs of the application: what was enqueued, and how to run what is due later.

        See `photon_tasks.testing.ApplicationJobs`.
        """
        from photon_tasks.testing import ApplicationJobs

        return ApplicationJobs(self._in_process.call)

    def _open_websocket(self, url: str, **options: Any) -> WebSocketTestSession:
        return self._in_process.open_websocket(url, **options)


class LiveClient(WebSocketClient):
    """An HTTP client of a server on a real socket; made by `live_client`.

    Args:
        base_url: Beginning of the URLs of requests.
        follow_redirects: Whether the client follows redirects.
    """

    def __init__(self, base_url: str, *, follow_redirects: bool = False) -> None:
        """Connect to nothing yet."""
        super().__init__(base_url=base_url, follow_redirects=follow_redirects, trust_env=False)
        self._hub: HubThread | None = None

    def _open_websocket(self, url: str, **options: Any) -> WebSocketTestSession:
        from photon_ws.testing import open_live

        if self._hub is None:
            self._hub = HubThread()
        return open_live(self._hub, url, **options)

    def close(self) -> None:
        """Close the connections, those of WebSockets included."""
        try:
            super().close()
        finally:
            if self._hub is not None:
                self._hub.close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the connections."""
        try:
            super().__exit__(exc_type, exc_value, traceback)
        finally:
            self.close()


@contextmanager
def live_client(
    application: Application | Handler,
    *,
    settings: ServerSettings | None = None,
    development: bool = True,
    follow_redirects: bool = False,
) -> Iterator[LiveClient]:
    """Serve ``application`` on a free port of 127.0.0.1 while the block runs; yield its client.

    Args:
        application: The application, or a handler.
        settings: Limits and time limits of the server.
        development: Whether the application starts as in development.
        follow_redirects: Whether the client follows redirects.

    Raises:
        PhotonError: The application cannot start.
    """
    with (
        live_server(application, settings=settings, development=development) as server,
        LiveClient(server.url, follow_redirects=follow_redirects) as client,
    ):
        yield client


def deliveries(application: Application) -> Sequence[OutgoingMail]:
    """Return the mails that an application has sent, the oldest first.

    They are those of its present run, or of its last one: each client begins with none. In the
    environment ``test``, mails are kept in memory and jobs run at once, so a mail is here when the
    response is.

    Args:
        application: The application, which runs in this process.

    Raises:
        PhotonError: It has no mails.
    """
    from photon_tasks.mail.testing import deliveries

    return deliveries(application)


class _InProcess(httpx2.BaseTransport):
    """A transport that calls an application's handler, without a socket."""

    def __init__(
        self,
        application: Application | Handler,
        *,
        raise_errors: bool,
        development: bool,
        body_limit: int,
    ) -> None:
        self._raise_errors = raise_errors
        self._body_limit = body_limit
        self._hub = HubThread()
        self._websockets: list[WebSocketTestSession] = []
        self.root_path: str = getattr(application, "root_path", "")
        self._started: Channel[Handler] = Channel(1)
        self._end = Event()
        self._life = self._hub.begin(self._live, application, development)
        try:
            self._handler = self._begin()
        except BaseException:
            self._hub.close()
            raise

    def _live(self, application: Application | Handler, development: bool) -> None:
        """Start the application and end it, in one task, as a server does."""
        with self._started:
            if not isinstance(application, Application):
                self._started.send(application)
                self._end.wait()
                return
            with under_test(), application.start(development=development) as handler:
                root_path = self.root_path
                self._started.send(_Rooted(handler, root_path) if root_path else handler)
                self._end.wait()

    def _begin(self) -> Handler:
        try:
            return self._hub.call(self._started.receive)
        except ChannelClosed:
            self._life.result()  # raises the error of the start
            raise

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to the application; see `httpx2.BaseTransport`."""
        photon_request = _as_photon(request, self._body_limit)
        exchange = _Exchange(self._handler, photon_request, raise_errors=self._raise_errors)
        stream = _Stream(self._hub, exchange, self._hub.begin(exchange.run))
        response = self._hub.call(exchange.response)
        if photon_request.failure is not None and self._raise_errors:
            stream.close()
            raise photon_request.failure
        return httpx2.Response(response.status, headers=sent_fields(response), stream=stream)

    def open_websocket(self, url: str, **options: Any) -> WebSocketTestSession:
        """Open a WebSocket of the application."""
        from photon_ws.testing import open_in_process

        options["raise_errors"] = self._raise_errors
        session = open_in_process(self._hub, self._handler, url, **options)
        self._websockets.append(session)
        return session

    def call(self, function: Callable[[], T], /) -> T:
        """Call a function inside of the application, and return its result."""

        def call() -> T:
            begin_request(self._handler)
            return function()

        return self._hub.call(call)

    def close(self) -> None:
        """End the application, and before it the WebSockets that the test has left open."""
        try:
            for session in self._websockets:
                session.close()
            if self._raise_errors:
                self.call(_drain_background)
                self.call(raise_unattended)
        finally:
            self._end_application()

    def _end_application(self) -> None:
        try:
            self._hub.call(self._end.set)
            self._life.result()
        finally:
            self._hub.close()


class _Rooted:
    """The handler of an application with a root path, as the server calls it."""

    def __init__(self, handler: Handler, root_path: str) -> None:
        self._handler = handler
        self._root_path = root_path

    @property
    def context(self) -> contextvars.Context:
        """The context variables that each request starts with a copy of."""
        return context_of(self._handler)

    def drain(self) -> None:
        """Begin to end what lasts longer than a request."""
        if isinstance(self._handler, StartedHandler):
            self._handler.drain()

    def __call__(self, request: Request) -> Response:
        """Return the response of the application."""
        enter_root_path(request, self._root_path)
        return self._handler(request)


class _Exchange:
    """One request, handled by a task of its own that also makes the body.

    The parts end when the request is complete, the calls after the response included: so a test
    sees their effects as soon as it has the response.
    """

    def __init__(self, handler: Handler, request: Request, *, raise_errors: bool) -> None:
        self._handler = handler
        self._raise_errors = raise_errors
        self._request = request
        self._response: Channel[Response] = Channel(1)
        self._parts: Channel[bytes] = Channel(1)
        self._error: Exception | None = None

    def run(self) -> None:
        """Handle the request, and send the parts of the body one by one."""
        try:
            begin_request(self._handler)
            response = with_first_chunk(self._request, self._handler(self._request))
            self._response.send(response)
            self._send(response)
        except BaseException as error:
            self._error = as_failure(error)
        finally:
            self._request.run_after_response_callbacks()
            self._error = self._error or self._unattended_error()
            self._response.close()
            self._parts.close()

    def _unattended_error(self) -> Exception | None:
        """Return the error of a job that was run after a commit, or of work after the response."""
        if self._raise_errors:
            try:
                raise_unattended()
            except Exception as error:
                return error
        return None

    def _send(self, response: Response) -> None:
        body = response.body
        try:
            if self._request.method == "HEAD" or forbids_body(response.status):
                return
            for part in [body] if isinstance(body, bytes) else body:
                if part:
                    self._parts.send(bytes(part))
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def response(self) -> Response:
        """Wait for the response.

        Raises:
            Exception: The error of a bare handler, which does not respond to errors itself.
        """
        try:
            return self._response.receive()
        except ChannelClosed:
            raise self._error or RuntimeError("the request was cancelled") from None

    def part(self) -> bytes | None:
        """Wait for the next part of the body, ``None`` at its end.

        Raises:
            Exception: The body is incomplete.
        """
        try:
            return self._parts.receive()
        except ChannelClosed:
            if self._error is not None:
                raise self._error from None
            return None


class _Stream(httpx2.SyncByteStream):
    """The body of a response, as the client reads it."""

    def __init__(self, hub: HubThread, exchange: _Exchange, running: PendingCall[None]) -> None:
        self._hub = hub
        self._exchange = exchange
        self._running = running
        self._is_complete = False

    def __iter__(self) -> Iterator[bytes]:
        while (part := self._hub.call(self._exchange.part)) is not None:
            yield part
        self._is_complete = True

    def close(self) -> None:
        """Disconnect, unless the body was read to its end."""
        if not self._is_complete:
            self._running.cancel(self._hub)


def _drain_background() -> None:
    if "photon_tasks" in sys.modules:
        from photon_tasks.background import drain_background

        drain_background()


def _as_photon(request: httpx2.Request, body_limit: int) -> Request:
    return make_request(
        request.method,
        request.url.raw_path.decode("ascii"),
        headers=[
            (name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw
        ],
        body=request.read() or None,
        scheme=request.url.scheme,
        body_limit=body_limit,
    )
