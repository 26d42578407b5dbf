"""The method ``websocket`` of both clients of `testing`: from arguments to a handshake."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import httpx2

if TYPE_CHECKING:
    from photon_ws import WebSocket
    from photon_ws.testing import TypedWebSocketTestSession, WebSocketTestSession

Received = TypeVar("Received")
Sent = TypeVar("Sent")

_SCHEMES = {"http": "ws", "https": "wss"}
_OF_HTTP = frozenset({"connection", "accept-encoding"})


class WebSocketClient(httpx2.Client):
    """An HTTP client that opens WebSockets, too."""

    @overload  # type: ignore[override]  # httpx2's has no time limits
    def websocket(
        self,
        url: str,
        *,
        channel: None = None,
        subprotocols: Sequence[str] = (),
        origin: str | None = "same-origin",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float = 5.0,
        deflate: bool = True,
    ) -> WebSocketTestSession: ...
    @overload
    def websocket(
        self,
        url: str,
        *,
        channel: type[WebSocket[Received, Sent]],
        subprotocols: Sequence[str] = (),
        origin: str | None = "same-origin",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float = 5.0,
        deflate: bool = True,
    ) -> TypedWebSocketTestSession[Received, Sent]: ...
    def websocket(
        self,
        url: str,
        *,
        channel: Any = None,
        subprotocols: Sequence[str] = (),
        origin: str | None = "same-origin",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float = 5.0,
        deflate: bool = True,
    ) -> Any:
        """Open a WebSocket of the application.

        The handshake passes middleware and security like any request, with the headers, cookies and
        authentication of the client.

        Args:
            url: Path and query, or a whole URL.
            channel: Type of the handler's WebSocket, such as ``WebSocket[Say | Leave, Said]``, for
                a session that sends and receives values.
            subprotocols: Subprotocols to offer, the preferred one first.
            origin: Origin of the page that connects: ``same-origin`` for a page of the application,
                ``None`` for a client that is not a browser, or another one.
            headers: Further header fields.
            params: Parameters to add to the query.
            timeout: Maximum time in seconds of each call of the session, and for the handler's end.
            deflate: Whether to offer compression, as browsers do.

        Returns:
            A session whose methods block the calling thread; use it as a context manager.

        Raises:
            HandshakeRefused: The application answered with another HTTP response, such as 403 or
                404; see `photon_ws.errors.HandshakeRefused`.
            TimeoutError: The application did not answer in time.
            TypeError: The types of the channel cannot be used.
            Exception: The unexpected error of the application, in process and with
                ``raise_errors``.

        Blocks: the calling thread.
        """
        from photon_ws.channels import ChannelPeer
        from photon_ws.errors import HandshakeRefused
        from photon_ws.testing import TypedWebSocketTestSession

        peer = None if channel is None else ChannelPeer(channel)
        request = self._handshake_request(url, params, headers)
        target = request.url.copy_with(scheme=_SCHEMES[request.url.scheme])
        if origin == "same-origin":
            origin = _origin_of(request.url)
        fields = [(n, v) for n, v in request.headers.multi_items() if n.lower() not in _OF_HTTP]
        try:
            session = self._open_websocket(
                str(target),
                headers=fields,
                subprotocols=subprotocols,
                origin=origin,
                timeout=timeout,
                deflate=deflate,
            )
        except HandshakeRefused as refused:
            self._store_cookies(request, refused.status, refused.headers.pairs())
            raise
        self._store_cookies(request, 101, session.headers.pairs())
        return session if peer is None else TypedWebSocketTestSession(session, peer)

    @abstractmethod
    def _open_websocket(self, url: str, **options: Any) -> WebSocketTestSession:
        """Open a WebSocket at ``url``, which has the scheme ``ws`` or ``wss``."""

    def _handshake_request(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str] | None
    ) -> httpx2.Request:
        for scheme, websocket in _SCHEMES.items():
            if url.startswith(f"{websocket}://"):
                url = scheme + url.removeprefix(websocket)
        request = self.build_request("GET", url, params=params, headers=headers)
        if self.auth is not None:
            request = next(self.auth.sync_auth_flow(request))
        return request

    def _store_cookies(
        self, request: httpx2.Request, status: int, fields: list[tuple[str, str]]
    ) -> None:
        self.cookies.extract_cookies(httpx2.Response(status, headers=fields, request=request))


def _origin_of(url: httpx2.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
