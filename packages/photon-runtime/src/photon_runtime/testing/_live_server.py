"""An application on a real socket while a test runs.

`live_server` has a thread and a hub of its own. The test is ordinary blocking code and may use any
client. The server is started before the block is entered and stopped gracefully when it is left;
every wait is bounded, so a broken application fails the test instead of hanging it.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager

import attrs

from .._hub_thread import start_real_thread
from .._run import run
from ..http import Application, Handler, Headers, Server, ServerSettings, listen
from ..parts import under_test
from ._received import ReceivedResponse

_START_TIME = 30.0
_STOP_MARGIN = 5.0
_DEFAULTS = ServerSettings(shutdown_timeout=5.0)


@attrs.frozen
class LiveServer:
    """The address of a server that runs for a test.

    Attributes:
        host: Address that it listens on.
        port: Port, chosen by the operating system.
        url: Base URL with both, without a slash at the end.
    """

    host: str
    port: int
    url: str

    def connect(self, *, timeout: float = 10.0) -> socket.socket:
        """Return a connected, blocking socket; close it, or use it in ``with``.

        Args:
            timeout: Seconds that each later call on the socket may take, and connecting.

        Raises:
            OSError: The server does not accept connections.

        Blocks: the calling thread.
        """
        return socket.create_connection((self.host, self.port), timeout)

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str | None = None,
        timeout: float = 10.0,
    ) -> ReceivedResponse:
        """Send one request on a connection of its own, and return the response.

        Only ``Host``, where it is missing, and the length of a body are added. The client does not
        ask for an encoding, follow redirections or store cookies.

        Args:
            method: The method, in capitals.
            target: Path and query, sent as they are; they are not encoded here.
            headers: Header fields; pairs, where a field is sent twice.
            body: The content; text is sent as UTF-8.
            timeout: Seconds to connect, and to wait for each part of the response.

        Raises:
            ValueError: The method or a field has characters that would break the request.
            TimeoutError: The server sent nothing for ``timeout`` seconds.
            OSError: The connection was refused or reset.
            http.client.HTTPException: The target has such characters (``InvalidURL``), or the
                received data is not a response, or is incomplete.

        Blocks: the calling thread.

        Example:
            >>> from photon_runtime.http import Response
            >>> from photon_runtime.testing import live_server
            >>> with live_server(lambda request: Response(body=request.body)) as server:
            ...     response = server.request("POST", "/echo", body="hello")
            >>> response.status, response.text, response.headers["Content-Length"]
            (200, 'hello', '5')
        """
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        content = body.encode() if isinstance(body, str) else body
        given = Headers(pairs)
        if content is not None and not {"content-length", "transfer-encoding"} & given.keys():
            pairs.append(("Content-Length", str(len(content))))
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        with closing(connection):
            connection.putrequest(
                method, target, skip_host="host" in given, skip_accept_encoding=True
            )
            for name, value in pairs:
                connection.putheader(name, value)
            connection.endheaders(content)
            response = connection.getresponse()
            return ReceivedResponse(
                response.status, Headers(response.getheaders()), response.read()
            )

    def exchange(self, data: bytes, *, timeout: float = 10.0) -> bytes:
        """Send ``data`` unchanged and return the received bytes until the server closes.

        Args:
            data: Bytes for a connection of their own; they should include ``Connection: close``,
                unless they are so malformed that the server closes the connection itself.
            timeout: Seconds to wait for each part of the response.

        Raises:
            TimeoutError: The server sent nothing for ``timeout`` seconds and did not close.
            OSError: The connection was refused or reset.

        Blocks: the calling thread.
        """
        with self.connect(timeout=timeout) as client:
            client.sendall(data)
            parts = []
            while part := client.recv(65536):
                parts.append(part)
        return b"".join(parts)


@contextmanager
def live_server(
    application: Application | Handler,
    *,
    settings: ServerSettings | None = None,
    development: bool = False,
) -> Iterator[LiveServer]:
    """Serve ``application`` on a free port of 127.0.0.1 while the block runs.

    Args:
        application: Application, or a handler. It runs in another thread than the test.
        settings: Limits and timeouts; host and port are ignored. ``None`` for the defaults with 5
            seconds for the requests that still run at the end.
        development: Passed to the application's start.

    Yields:
        The address of the server, which accepts connections already.

    Raises:
        PhotonError: The application has a configuration error.
        TimeoutError: It did not start within 30 seconds, or did not stop within its
            ``shutdown_timeout`` and 5 seconds. If it does not stop at all, the process ends with a
            report of the code that still runs, and with status 1.
        Exception: The application raised it at its start or end.

    Blocks: the calling thread, until the server has started and, at the end, until it has
    stopped.

    Example:
        >>> from urllib.request import urlopen
        >>> from photon_runtime.http import Response
        >>> from photon_runtime.testing import live_server
        >>> with live_server(lambda request: Response(body=request.path)) as server:
        ...     with urlopen(server.url + "/hello") as response:
        ...         print(response.read().decode())
        /hello
    """
    thread = _ServerThread(application, settings or _DEFAULTS, development=development)
    thread.start_and_wait()
    try:
        yield LiveServer(thread.host, thread.port, f"http://{thread.host}:{thread.port}")
    finally:
        thread.stop_and_wait()


class _ServerThread:
    """A thread that runs a hub with one server, and its result."""

    def __init__(
        self, application: Application | Handler, settings: ServerSettings, *, development: bool
    ) -> None:
        self._application = application
        self._settings = settings
        self._development = development
        self._listener = listen("127.0.0.1", 0, backlog=settings.backlog)
        self._server = Server(sockets=[self._listener], settings=settings)
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="live_server", daemon=True)
        self.host, self.port = self._listener.getsockname()

    def start_and_wait(self) -> None:
        start_real_thread(self._thread)
        if not self._started.wait(_START_TIME):
            self._listener.close()
            raise TimeoutError(f"the application has not started within {_START_TIME} seconds")
        self._raise_error()

    def stop_and_wait(self) -> None:
        self._server.stop()
        limit = self._settings.shutdown_timeout + _STOP_MARGIN
        self._thread.join(limit)
        if self._thread.is_alive():
            raise TimeoutError(
                f"the server has not stopped within {limit} seconds: something in a handler or "
                "in the end of the application blocks the scheduler or ignores its cancellation"
            )
        self._raise_error()

    def _run(self) -> None:
        try:
            run(self._serve)
        except BaseException as error:  # raised again in the test's thread
            self._error = error
        finally:
            self._listener.close()
            self._started.set()

    def _serve(self) -> None:
        application, ready = self._application, self._started.set
        if isinstance(application, Application):
            with under_test(), application.start(development=self._development) as handler:
                self._server.serve(handler, ready)
        else:
            self._server.serve(application, ready)

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
