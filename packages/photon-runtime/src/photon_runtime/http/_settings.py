"""The ``[server]`` section of photon.toml."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, le

_port = attrs.validators.and_(ge(0), le(65535))


@attrs.frozen(kw_only=True)
class ServerSettings:
    """Where the server listens, and its limits. Times are seconds, sizes are bytes.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 lets the operating system choose.
        workers: Number of processes.
        backlog: Connections that the operating system keeps until they are accepted.
        max_connections: Open connections of one worker; further ones wait in the backlog.
        max_requests_in_flight: Requests handled at once by one worker; more get 503.
        max_target_size: Length of the request target; longer gets 414.
        max_header_size: Sum of all header fields of a request; more gets 431.
        max_headers: Number of header fields of a request; more gets 431.
        max_body_size: Size of a request's body; more gets 413.
        header_timeout: From the first byte of a request to the end of its head; then 408.
        body_timeout: Between two parts of a body; then 408.
        idle_timeout: Without a request on a kept-alive connection; then it is closed.
        write_timeout: Without progress while sending; then the connection is dropped.
        shutdown_timeout: For requests to finish after the signal to stop; then they are
            cancelled.
        hold_threshold: That one coroutine may hold all others; more is logged, with the line.
    """

    host: str = "127.0.0.1"
    port: int = attrs.field(default=8000, validator=_port)
    workers: int = attrs.field(default=1, validator=ge(1))
    backlog: int = attrs.field(default=4096, validator=ge(1))
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
    hold_threshold: float = attrs.field(default=0.1, validator=gt(0))
