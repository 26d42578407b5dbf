"""The ``[server]`` section of photon.toml."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, le

from .._section_binding import section
from ._peer import ProxyFields, TrustedProxies

_port = attrs.validators.and_(ge(0), le(65535))
_mode = attrs.validators.and_(ge(0), le(0o777))


def _proxies(settings: ServerSettings, field: object, value: tuple[str, ...]) -> None:
    TrustedProxies(value)


def _needs_proxies(settings: ServerSettings, field: object, value: bool) -> None:
    if value and not settings.trusted_proxies:
        raise ValueError(
            "the PROXY protocol is taken from trusted peers only: name them in `trusted_proxies`"
        )


def _needs_certificate(settings: ServerSettings, field: object, value: str | None) -> None:
    if value is not None and settings.tls_certificate is None:
        raise ValueError("this needs a certificate: set `tls_certificate` too")


@section("server")
@attrs.frozen(kw_only=True)
class ServerSettings:
    """Where the server listens, whom it believes, and its limits.

    Times are seconds, sizes are bytes. Every time limit is looked at once a second.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 lets the operating system choose.
        unix: Path of a Unix socket to listen on, in place of ``host`` and ``port``. A socket file
            that nobody listens on any more is replaced.
        unix_mode: Permissions of Unix sockets: by default owner and group may connect.
        listen: Further addresses: ``HOST:PORT``, ``unix:PATH`` or ``fd:NUMBER`` (inherited).
        workers: Number of processes.
        backlog: Connections that the operating system keeps until they are accepted.
        tls_certificate: PEM file of the certificate and those that signed it; with it, all
            listeners speak TLS.
        tls_key: PEM file of the private key; ``None`` where the certificate's file has it.
        tls_client_ca: PEM file of the authorities that clients' certificates are verified by.
        tls_client_auth: Whether every client must show a certificate then (``required``), or those
            that show none are let in without one (``optional``).
        trusted_proxies: Peers who are believed when they say whom they speak for: addresses,
            networks such as ``10.0.0.0/8``, and ``unix`` for Unix sockets.
        proxy_fields: Where they say it: ``x-forwarded`` for ``X-Forwarded-For``, ``-Proto`` and
            ``-Host``, or ``forwarded`` (RFC 7239). The other kind is not read.
        proxy_protocol: Whether connections begin with a PROXY header (version 1 or 2); those that
            do not, or do not come from ``trusted_proxies``, are closed.
        cancel_on_disconnect: Whether a request is cancelled when its client leaves while the
            handler waits. A client that ends its own direction early counts as gone.
        max_connections: Open connections of one worker; further ones wait in the backlog.
        max_requests_in_flight: Requests handled at once by one worker; more get 503.
        max_target_size: Length of the request target; longer gets 414.
        max_header_size: Sum of all header fields of a request; more gets 431. Trailers have as
            much once more.
        max_headers: Number of header fields of a request; more gets 431.
        max_body_size: Size of a request's body; more gets 413.
        header_timeout: From the first byte of a request to the end of its head; then 408. Also
            for the handshake of TLS and the PROXY header.
        body_timeout: Between two parts of a body; then 408.
        idle_timeout: Without a request on a kept-alive connection; then it is closed.
        write_timeout: Without progress while sending; then the connection is dropped.
        shutdown_timeout: For requests to finish after the signal to stop; then they are
            cancelled.
        idle_grace: After SIGTERM, a kept-alive connection is closed only when it has been idle
            for so long; a request that comes before is answered, with ``Connection: close``.
        worker_timeout: A worker whose scheduler does not turn for so long is killed and replaced;
            0 lets it be. Only where there is a supervisor: with more workers than one, or with
            ``max_requests`` or ``max_memory``.
        max_requests: A worker that has handled so many requests is replaced; 0 for no limit.
        max_requests_jitter: Up to so many more, by chance, so that not all go at once.
        max_memory: A worker that holds more resident memory is replaced; 0 for no limit.
        hold_threshold: That one coroutine may hold all others; more is logged, with the line.
    """

    host: str = "127.0.0.1"
    port: int = attrs.field(default=8000, validator=_port)
    unix: str | None = None
    unix_mode: int = attrs.field(default=0o660, validator=_mode)
    listen: tuple[str, ...] = ()
    workers: int = attrs.field(default=1, validator=ge(1))
    backlog: int = attrs.field(default=4096, validator=ge(1))
    tls_certificate: str | None = None
    tls_key: str | None = attrs.field(default=None, validator=_needs_certificate)
    tls_client_ca: str | None = attrs.field(default=None, validator=_needs_certificate)
    tls_client_auth: Literal["required", "optional"] = "required"
    trusted_proxies: tuple[str, ...] = attrs.field(default=(), validator=_proxies)
    proxy_fields: ProxyFields = attrs.field(
        default="x-forwarded", validator=attrs.validators.in_(("x-forwarded", "forwarded"))
    )
    proxy_protocol: bool = attrs.field(default=False, validator=_needs_proxies)
    cancel_on_disconnect: bool = False
    max_connections: int = attrs.field(default=20_000, validator=ge(1))
    max_requests_in_flight: int = attrs.field(default=20_000, validator=ge(1))
    max_target_size: int = attrs.field(default=8192, validator=ge(1))
    max_header_size: int = attrs.field(default=32_768, validator=ge(1))
    max_headers: int = attrs.field(default=100, validator=ge(1))
    max_body_size: int = attrs.field(default=2 * 1024 * 1024, validator=ge(0))
    header_timeout: float = attrs.field(default=10.0, validator=gt(0))
    body_timeout: float = attrs.field(default=30.0, validator=gt(0))
    idle_timeout: float = attrs.field(default=75.0, validator=gt(0))
    write_timeout: float = attrs.field(default=30.0, validator=gt(0))
    shutdown_timeout: float = attrs.field(default=30.0, validator=ge(0))
    idle_grace: float = attrs.field(default=1.0, validator=ge(0))
    worker_timeout: float = attrs.field(default=30.0, validator=ge(0))
    max_requests: int = attrs.field(default=0, validator=ge(0))
    max_requests_jitter: int = attrs.field(default=0, validator=ge(0))
    max_memory: int = attrs.field(default=0, validator=ge(0))
    hold_threshold: float = attrs.field(default=0.1, validator=gt(0))
