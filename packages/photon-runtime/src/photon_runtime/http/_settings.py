"""The ``[server]`` section of photon.toml."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, le

from .._section_binding import section
from ._peer import ProxyFields, TrustedProxies
from ._root_path import check_root_path

_port = attrs.validators.and_(ge(0), le(65535))
_mode = attrs.validators.and_(ge(0), le(0o777))


def _proxies(settings: ServerSettings, field: object, value: tuple[str, ...]) -> None:
    TrustedProxies(value)


def _needs_proxies(settings: ServerSettings, field: object, value: bool) -> None:
    if value and not settings.trusted_proxies:
        raise ValueError(
            "the PROXY protocol is accepted from trusted peers only: list them in `trusted_proxies`"
        )


def _needs_certificate(settings: ServerSettings, field: object, value: str | None) -> None:
    if value is not None and settings.tls_certificate is None:
        raise ValueError("this setting needs a certificate: set `tls_certificate` too")


@section("server")
@attrs.frozen(kw_only=True)
class ServerSettings:
    """Addresses, trusted proxies, limits and timeouts of the server.

    Times are seconds, sizes are bytes. Timeouts are checked once a second, or more often if one is
    shorter than four seconds: they end a wait never early, and some tenths of its length late. Time
    for which a handler blocks the scheduler does not count.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 lets the operating system choose.
        unix: Path of a Unix socket to listen on, instead of ``host`` and ``port``. A socket file
            without a listening server is replaced.
        unix_mode: Permissions of Unix sockets: by default owner and group may connect.
        listen: Additional addresses: ``HOST:PORT``, ``unix:PATH`` or ``fd:NUMBER`` (inherited).
        workers: Number of processes.
        backlog: Connections that the operating system keeps until they are accepted.
        tls_certificate: PEM file of the certificate and its chain; if set, all listeners use TLS.
        tls_key: PEM file of the private key; ``None`` if the certificate's file contains it.
        tls_client_ca: PEM file of the authorities that verify clients' certificates.
        tls_client_auth: ``required``: with ``tls_client_ca``, every client must present a
            certificate. ``optional``: clients without one are accepted.
        trusted_proxies: Peers that are trusted to name the client: addresses, networks such as
            ``10.0.0.0/8``, and ``unix`` for Unix sockets.
        proxy_fields: Fields in which they name the client: ``x-forwarded`` for ``X-Forwarded-For``,
            ``-Proto``, ``-Host`` and ``-Prefix``, or ``forwarded`` (RFC 7239). The other kind is
            not read.
        root_path: Path below which a proxy serves the application, such as ``/shop``, whether the
            proxy strips it from requests or not. A trusted proxy may state another one in
            ``X-Forwarded-Prefix``.
        proxy_protocol: Require a PROXY header (version 1 or 2) at the beginning of connections;
            those without one, or not from ``trusted_proxies``, are closed.
        cancel_on_disconnect: Cancel a request when its client disconnects while the handler waits.
            A client that shuts down its sending side early counts as disconnected.
        max_connections: Maximum number of open connections of one worker; further ones wait in the
            backlog.
        max_requests_in_flight: Maximum number of concurrent requests of one worker; more get 503.
        max_upgraded: Maximum number of connections of one worker that have changed their protocol,
            such as WebSockets; more get 503. Zero for nine tenths of ``max_connections``, so that
            they leave room for requests.
        max_target_size: Maximum length of the request target; a longer one gets 414.
        max_header_size: Maximum size of all header fields of a request; more gets 431. Trailers
            have the same limit again, and so has what frames the chunks of a body, extensions
            included, beyond 16 bytes and twice the data of each chunk.
        max_headers: Maximum number of header fields of a request; more gets 431.
        max_body_size: Maximum size of a request body; a larger one gets 413.
        header_timeout: Time from the first byte of a request to the end of its head; then 408. Also
            applies to the TLS handshake and the PROXY header.
        body_timeout: Time between two parts of a body; then 408.
        idle_timeout: Time without a request after which a keep-alive connection is closed.
        write_timeout: Time without progress while sending after which the connection is closed.
        shutdown_timeout: Time for requests to finish after the signal to stop; then they are
            cancelled.
        idle_grace: Idle time after which a keep-alive connection is closed after SIGTERM; a request
            that arrives earlier is answered, with ``Connection: close``.
        worker_timeout: Time without a heartbeat after which a worker is killed and replaced; 0 for
            no limit. Applies only with a supervisor: with more than one worker, or with
            ``max_requests`` or ``max_memory``.
        max_requests: Number of requests after which a worker is replaced; 0 for no limit.
        max_requests_jitter: Maximum random addition to ``max_requests``, so that workers are not
            all replaced at once.
        max_memory: Resident memory above which a worker is replaced; 0 for no limit.
        block_threshold: Time for which one coroutine may block the scheduler; a longer block is
            logged, with the line.
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
    root_path: str = attrs.field(default="", converter=check_root_path)
    proxy_protocol: bool = attrs.field(default=False, validator=_needs_proxies)
    cancel_on_disconnect: bool = False
    max_connections: int = attrs.field(default=20_000, validator=ge(1))
    max_requests_in_flight: int = attrs.field(default=20_000, validator=ge(1))
    max_upgraded: int = attrs.field(default=0, validator=ge(0))
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
    block_threshold: float = attrs.field(default=0.1, validator=gt(0))
