"""From a URL to the session of a test."""

from __future__ import annotations

from collections.abc import Sequence

from photon_runtime import deadline
from photon_runtime.http import Handler
from photon_runtime.testing import HubThread, memory_pair

from ..client import ClientWebSocket, client_protocol, connect, open_socket
from ..errors import ConnectionFailed, HandshakeFailed
from ._exchange import Exchange
from ._session import MARGIN, WebSocketTestSession

Fields = Sequence[tuple[str, str]]

_MAX_MESSAGE_SIZE = 2**30


def open_in_process(
    hub: HubThread,
    handler: Handler,
    url: str,
    *,
    headers: Fields = (),
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    timeout: float = 5.0,
    raise_errors: bool = True,
    deflate: bool = True,
) -> WebSocketTestSession:
    """Open a WebSocket of a started application, without a socket.

    Args:
        hub: Hub that the application runs in.
        handler: Handler of the application.
        url: URL with the scheme ``ws`` or ``wss``; the application sees its host.
        headers: Further header fields of the handshake.
        subprotocols: Subprotocols to offer, the preferred one first.
        origin: Value of the ``Origin`` field.
        timeout: Default time limit of the session's calls, in seconds.
        raise_errors: Whether an unexpected error of the handler is raised in the test.
        deflate: Whether to offer compression.

    Raises:
        HandshakeRefused: The application answered with another HTTP response.
        HandshakeFailed: The response is not a valid handshake.
        TimeoutError: The application did not answer in time.
        Exception: The unexpected error of the application.

    Blocks: the calling thread.
    """
    protocol = client_protocol(
        url,
        subprotocols=subprotocols,
        origin=origin,
        deflate=deflate,
    )
    scheme = "https" if protocol.uri.secure else "http"
    exchange = Exchange(hub, handler, scheme=scheme, raise_errors=raise_errors)
    client, server = memory_pair()

    def shake_hands() -> ClientWebSocket:
        with deadline(timeout):
            return open_socket(
                client, protocol, headers=headers, max_message_size=_MAX_MESSAGE_SIZE
            )

    exchange.begin(server)
    try:
        socket = hub.begin(shake_hands).result(timeout + MARGIN)
    except (ConnectionFailed, HandshakeFailed) as error:
        exchange.wait(timeout)
        raise error from None  # without the error of a library that it was made from
    except TimeoutError:
        position = exchange.position()
        late = f"the handshake was not answered within {timeout:g} seconds"
        raise TimeoutError(f"{url}: {late}{position}") from None
    return WebSocketTestSession(hub, socket, timeout=timeout, exchange=exchange)


def open_live(
    hub: HubThread,
    url: str,
    *,
    headers: Fields = (),
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    timeout: float = 5.0,
    deflate: bool = True,
) -> WebSocketTestSession:
    """Open a WebSocket of a server; arguments and errors as for `open_in_process`."""

    def shake_hands() -> ClientWebSocket:
        return connect(
            url,
            headers=headers,
            subprotocols=subprotocols,
            origin=origin,
            timeout=timeout,
            deflate=deflate,
            max_message_size=_MAX_MESSAGE_SIZE,
        )

    socket = hub.begin(shake_hands).result(timeout + MARGIN)
    return WebSocketTestSession(hub, socket, timeout=timeout)
