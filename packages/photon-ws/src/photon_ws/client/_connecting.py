"""From a URL to an open socket: name, connection, TLS, handshake."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers as WireHeaders
from websockets.exceptions import InvalidHandshake, InvalidURI
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
)
from websockets.http11 import Response
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from photon_runtime import Socket, create_connection, deadline
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.http import Headers, is_field_value, is_token
from photon_runtime.tls import client_context, waiting_in_hub

from ..errors import ConnectionFailed, HandshakeFailed, HandshakeRefused
from ..protocol import DeflateParameters, FrameDecoder
from ._client_connection import ByteStream, ClientConnection, Limits
from ._client_socket import ClientWebSocket

HeaderFields = Mapping[str, str] | Iterable[tuple[str, str]]

_OWN_FIELDS = frozenset({"connection", "upgrade"})
_READ_SIZE = 64 * 1024
_MAX_FRAMES = 256  # that are decoded before other tasks get their turn
# Messages are compressed each by itself, with any window, so the server may require both.
_DEFLATE = ClientPerMessageDeflateFactory(
    client_no_context_takeover=True, client_max_window_bits=True
)


def connect(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: HeaderFields = (),
    origin: str | None = None,
    timeout: float = 10.0,
    ping_interval: float = 20.0,
    ping_timeout: float = 20.0,
    close_timeout: float = 5.0,
    max_message_size: int = 1024 * 1024,
    max_queue: int = 16,
    deflate: bool = True,
    tls: ssl.SSLContext | None = None,
) -> ClientWebSocket:
    """Connect to the WebSocket at ``url``.

    Redirects are not followed, as in browsers; the error names their target. Proxies are not used.

    Args:
        url: URL with the scheme ``ws`` or ``wss``. Credentials in it are sent by
            ``Authorization: Basic``.
        subprotocols: Subprotocols to offer, the preferred one first.
        headers: Further header fields of the handshake, such as ``Authorization`` or ``Cookie``.
        origin: Value of the ``Origin`` field; services send none.
        timeout: Maximum time until the socket is open, in seconds.
        ping_interval: Seconds without data from the server after which it gets a ping; zero for no
            pings.
        ping_timeout: Seconds after a ping without data after which the connection is given up.
        close_timeout: Maximum time that `ClientWebSocket.close` waits for the server.
        max_message_size: Maximum size of a received message in bytes, decompressed; a larger one
            closes the connection with 1009.
        max_queue: Number of received messages that wait for the caller, from which on the socket is
            not read.
        deflate: True to offer compression (permessage-deflate).
        tls: Context for ``wss``; by default the certificate of the server must be valid for its
            host name, and be signed by an authority that the operating system trusts.

    Raises:
        ValueError: The URL or a header field is invalid.
        TimeoutError: The socket was not open in time.
        ConnectionFailed: The server cannot be reached, or its certificate is not valid.
        HandshakeRefused: The server answered with another HTTP response.
        HandshakeFailed: The response of the server is not a valid handshake.
        NotRunning: The caller does not run in a task.

    Blocks: the calling task.

    Example:
        .. code-block:: python

            with connect("wss://feed.example/prices", headers={"authorization": "Bearer …"}) as ws:
                ws.send_json({"subscribe": "tea"})
                for message in ws:
                    print(message)
    """
    protocol = client_protocol(
        url,
        subprotocols=subprotocols,
        origin=origin,
        deflate=deflate,
    )
    fields = checked_fields(headers)
    limits = Limits(
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        close_timeout=close_timeout,
        max_queue=max_queue,
    )
    shown = shown_url(protocol.uri)
    try:
        with deadline(timeout):
            stream = _open_stream(protocol.uri, shown, tls)
            return open_socket(
                cast(ByteStream, stream),
                protocol,
                headers=fields,
                limits=limits,
                max_message_size=max_message_size,
            )
    except DeadlineExceeded:
        raise TimeoutError(f"{shown} is not open after {timeout:g} seconds") from None


def open_socket(
    stream: ByteStream,
    protocol: ClientProtocol,
    *,
    headers: Sequence[tuple[str, str]] = (),
    limits: Limits | None = None,
    max_message_size: int = 1024 * 1024,
) -> ClientWebSocket:
    """Do the handshake over ``stream``, and return the socket; errors as for `connect`.

    The stream is closed if that fails.

    Blocks: the calling task.
    """
    url = shown_url(protocol.uri)
    try:
        request = protocol.connect()
        _add_fields(request.headers, headers)
        protocol.send_request(request)
        stream.sendall(b"".join(protocol.data_to_send()))
        response, early = _receive_response(stream, protocol, url)
    except OSError as error:
        stream.close()
        raise ConnectionFailed(f"{url} broke the connection in the handshake: {error}") from error
    except BaseException:
        stream.close()
        raise
    deflate = _deflate_of(protocol)
    connection = ClientConnection(
        stream,
        decoder=FrameDecoder(
            is_client=True,
            max_message_size=max_message_size,
            max_frames=_MAX_FRAMES,
            inflater=None if deflate is None else deflate.inflater(is_client=True),
        ),
        deflater=None if deflate is None else deflate.deflater(is_client=True),
        early=early,
        limits=limits or Limits(),
    )
    return ClientWebSocket(
        connection, url=url, subprotocol=protocol.subprotocol, headers=_headers_of(response)
    )


def client_protocol(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    deflate: bool = True,
) -> ClientProtocol:
    """Return the protocol of the handshake with ``url``.

    Raises:
        ValueError: The URL is invalid.
    """
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols is a sequence of names, not the text {subprotocols!r}")
    return ClientProtocol(
        _parsed(url),
        origin=None if origin is None else Origin(origin),
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        extensions=[_DEFLATE] if deflate else None,
    )


def _parsed(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        reason = error.msg if isinstance(error, InvalidURI) else error
        raise ValueError(
            f"the URL of a WebSocket is like wss://host/path, not {_without_credentials(url)}: "
            f"{reason}"
        ) from None


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def shown_url(uri: WebSocketURI) -> str:
    """Return the URL for messages, without credentials and query, which may be secret."""
    scheme, usual = ("wss", 443) if uri.secure else ("ws", 80)
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    port = "" if uri.port == usual else f":{uri.port}"
    return f"{scheme}://{host}{port}{uri.path or '/'}"


def checked_fields(headers: HeaderFields) -> list[tuple[str, str]]:
    """Return the fields as pairs.

    Raises:
        ValueError: A field is one of the handshake itself, or has invalid characters.
    """
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    for name, value in pairs:
        lower = name.lower()
        if lower in _OWN_FIELDS or lower.startswith("sec-websocket-"):
            raise ValueError(f"the field {name} belongs to the handshake and cannot be set")
        if not is_token(name) or not is_field_value(value):
            raise ValueError(f"the header field {name!r} has characters that are not allowed")
    return pairs


def _add_fields(fields: WireHeaders, more: Sequence[tuple[str, str]]) -> None:
    """Add ``more`` to the fields of a handshake, replacing those that the protocol made."""
    for name in {name.lower() for name, _ in more}:
        if name in fields:
            del fields[name]
    for name, value in more:
        fields[name] = value


def _open_stream(uri: WebSocketURI, url: str, tls: ssl.SSLContext | None) -> Socket | ssl.SSLSocket:
    if tls is not None and not uri.secure:
        raise ValueError(f"{url} has the scheme ws, and `tls` is passed: use wss")
    try:
        connection = create_connection((uri.host, uri.port))
    except socket.gaierror as error:
        message = f"{url} cannot be reached: the name {uri.host} is not known ({error.strerror})"
        raise ConnectionFailed(message) from error
    except OSError as error:
        raise ConnectionFailed(f"{url} cannot be reached: {error.strerror or error}") from error
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection if not uri.secure else _with_tls(connection, uri.host, url, tls)
    except BaseException:
        connection.close()
        raise


def _with_tls(connection: Socket, host: str, url: str, tls: ssl.SSLContext | None) -> ssl.SSLSocket:
    context = client_context() if tls is None else waiting_in_hub(tls)
    secured = context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
    try:
        secured.do_handshake()
    except BaseException as error:
        secured.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = f"its certificate is not valid: {error.verify_message}"
        elif isinstance(error, OSError):
            reason = f"the TLS handshake failed: {error}"
        else:
            raise
        raise ConnectionFailed(f"{url} cannot be reached: {reason}") from error
    return secured


def _receive_response(
    stream: ByteStream, protocol: ClientProtocol, url: str
) -> tuple[Response, bytes]:
    """Wait for the response; return it and the bytes behind it."""
    events = protocol.events
    data = stream.recv(_READ_SIZE)
    if data.startswith(b"HTTP/1.0 ") and not data.startswith(b"HTTP/1.0 101"):
        data = data.replace(b"1.0", b"1.1", 1)  # a proxy refuses; the protocol reads 1.1 only
    while not events and protocol.handshake_exc is None:
        data = data or stream.recv(_READ_SIZE)
        if data:
            # Line by line: the protocol would also read the frames behind the response.
            end = data.find(b"\n") + 1 or len(data)
            protocol.receive_data(data[:end])
            data = data[end:]
        else:
            protocol.receive_eof()
            if not events:
                raise ConnectionResetError("it ended before the response was complete")
    error = protocol.handshake_exc
    response = cast(Response, events.pop(0)) if events else None
    if error is None and response is not None:
        return response, data
    if response is not None and response.status_code != 101:
        headers = _headers_of(response)
        raise HandshakeRefused(url, response.status_code, headers, bytes(response.body or b""))
    raise HandshakeFailed(f"{url} sent an invalid handshake: {_reason(error)}") from error


def _deflate_of(protocol: ClientProtocol) -> DeflateParameters | None:
    """Return the parameters of compression that the server has confirmed."""
    for extension in protocol.extensions:
        if isinstance(extension, PerMessageDeflate):
            return DeflateParameters(
                server_no_context_takeover=extension.remote_no_context_takeover,
                client_no_context_takeover=extension.local_no_context_takeover,
                server_max_window_bits=extension.remote_max_window_bits,
                client_max_window_bits=extension.local_max_window_bits,
            )
    return None


def _reason(error: Exception | None) -> str:
    if isinstance(error, InvalidHandshake) and error.__cause__ is not None:
        return f"{error} ({error.__cause__})"
    return str(error)


def _headers_of(response: Response) -> Headers:
    return Headers(response.headers.raw_items())
