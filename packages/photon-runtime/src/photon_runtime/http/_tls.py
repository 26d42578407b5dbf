"""TLS between a socket and a connection.

Theory of operation. OpenSSL works on two memory buffers here and does not use the socket, so that
every read of the socket receives all available bytes, and all waiting is done by the connection. A
`TlsStream` has the interface of a non-blocking socket: an operation that would block raises
``BlockingIOError``. Encrypted bytes must be sent before others are encrypted, so a ``send`` whose
bytes do not all fit into the socket raises, too, and must be repeated with the same data.

A short read has emptied the socket. The stream then raises ``BlockingIOError`` once without another
read, because its caller waits for the next edge anyway.

TLS errors are raised as ``ConnectionError``: for a server they mean that the peer is lost.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from .._task import Task
from .._watcher import Watcher
from ..errors import ServerError
from ._settings import ServerSettings
from ._wire import RawStream

_READ_SIZE = 64 * 1024
# Encrypted bytes stay in memory until the client has received them.
_WRITE_SIZE = 128 * 1024


def server_context(settings: ServerSettings) -> ssl.SSLContext:
    """Make the context for the settings: TLS 1.2 or newer, HTTP/1.1 by ALPN.

    Raises:
        ServerError: A file cannot be read, or certificate and key do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    certificate = settings.tls_certificate or ""
    try:
        # An encrypted key must not make the server prompt on the terminal.
        context.load_cert_chain(certificate, settings.tls_key, password=_no_password)
    except (OSError, ValueError) as error:
        key = f" and the key {settings.tls_key!r}" if settings.tls_key else ""
        raise ServerError(
            f"cannot use the certificate {certificate!r}{key}: {error}; both must be readable PEM "
            "files that belong together, the key without a password"
        ) from error
    if settings.tls_client_ca is not None:
        try:
            context.load_verify_locations(settings.tls_client_ca)
        except OSError as error:
            raise ServerError(
                f"cannot use the client authorities {settings.tls_client_ca!r}: {error}"
            ) from error
        is_optional = settings.tls_client_auth == "optional"
        context.verify_mode = ssl.CERT_OPTIONAL if is_optional else ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    raise ValueError("the private key is encrypted with a password")


class TlsStream:
    """The stream of a connection over TLS; see `RawStream`."""

    __slots__ = (
        "_incoming",
        "_is_dry",
        "_outgoing",
        "_owed",
        "_rest",
        "_scratch",
        "_socket",
        "_tls",
    )

    def __init__(self, sock: RawStream, context: ssl.SSLContext, scratch: bytearray) -> None:
        """Begin TLS on a connected, non-blocking socket.

        ``scratch`` is memory that the caller does not use while it calls a method. It may be the
        buffer that is received into.
        """
        self._socket = sock
        self._scratch = scratch
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._rest = memoryview(b"")
        self._owed = 0
        self._is_dry = False

    def handshake(self, watcher: Watcher, task: Task[object]) -> None:
        """Complete the TLS handshake. Blocks: the task.

        Raises:
            ConnectionError: The handshake failed.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush_waiting(watcher, task)
            except ssl.SSLError as error:
                self._flush_now()  # the alert with the reason
                raise ConnectionAbortedError(f"the TLS handshake failed: {error}") from error
            else:
                self._flush_waiting(watcher, task)
                return
            try:
                self._fill()
            except BlockingIOError:
                watcher.wait_read(task)

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
        """Decrypt into ``buffer``; 0 at the end."""
        size = self._read_record(buffer)
        if self._incoming.pending:
            size += self._read_records(memoryview(buffer)[size:])
        return size

    def _read_record(self, buffer: bytearray | memoryview) -> int:
        while True:
            try:
                return self._tls.read(len(buffer), buffer)  # type: ignore[return-value]
            except ssl.SSLWantReadError:
                pass
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return 0
            except ssl.SSLError as error:
                raise ConnectionAbortedError(f"the TLS connection failed: {error}") from error
            self._fill()

    def _read_records(self, buffer: memoryview) -> int:
        """Decrypt the complete records that have arrived, as far as there is room."""
        size = 0
        try:
            while self._incoming.pending and size < len(buffer):
                rest = buffer[size:]
                size += self._tls.read(len(rest), rest)  # type: ignore[operator]
        except ssl.SSLError:
            pass  # the record is incomplete; an error or the end is reported again by the next read
        return size

    def _fill(self) -> None:
        """Read ciphertext from the socket."""
        buffer = self._scratch
        if self._is_dry:
            self._is_dry = False
            raise BlockingIOError
        size = self._socket.recv_into(buffer)
        if size:
            self._is_dry = size < len(buffer)
            self._incoming.write(memoryview(buffer)[:size])
        else:
            self._incoming.write_eof()

    def send(self, data: bytes | memoryview, /) -> int:
        """Encrypt and send; after ``BlockingIOError``, repeat with the same data."""
        return self.sendmsg((data,))

    def sendmsg(self, pieces: Sequence[bytes | memoryview], /) -> int:
        """Encrypt and send several pieces, as `send` does."""
        if not self._owed:
            try:
                self._owed = self._encrypt(pieces)
            except ssl.SSLError as error:
                raise ConnectionAbortedError(f"the TLS connection failed: {error}") from error
        self._flush()
        sent, self._owed = self._owed, 0
        return sent

    def _encrypt(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Encrypt the beginning of ``pieces``; return the number of bytes."""
        owed = 0
        for piece in pieces:
            rest = memoryview(piece)
            while rest and owed < _WRITE_SIZE:
                written = self._tls.write(rest[: _WRITE_SIZE - owed])
                owed += written
                rest = rest[written:]
        return owed

    def _flush(self) -> None:
        """Send the encrypted bytes; raise ``BlockingIOError`` while they do not fit."""
        if not self._rest:
            self._rest = memoryview(self._outgoing.read())
        while self._rest:
            self._rest = self._rest[self._socket.send(self._rest) :]
            if not self._rest:
                self._rest = memoryview(self._outgoing.read())

    def _flush_waiting(self, watcher: Watcher, task: Task[object]) -> None:
        while True:
            try:
                self._flush()
            except BlockingIOError:
                watcher.wait_write(task)
            else:
                return

    def _flush_now(self) -> None:
        try:
            self._flush()
        except OSError:
            pass  # best effort

    def shutdown(self, how: int, /) -> None:
        """Shut down the sending side, in TLS and in TCP."""
        self._notify_close()
        self._socket.shutdown(how)

    def close(self) -> None:
        """Send a close notification, if there is room, and close the socket."""
        self._notify_close()
        self._socket.close()

    def _notify_close(self) -> None:
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError):
            pass  # the client's notification is not awaited (RFC 8446, section 6.1)
        self._flush_now()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    @property
    def certificate(self) -> bytes | None:
        """The verified certificate of the client, in DER; ``None`` without one."""
        return self._tls.getpeercert(binary_form=True)

    @property
    def version(self) -> str | None:
        """The negotiated version, such as ``TLSv1.3``."""
        return self._tls.version()
