"""Middleware that lets each client read its own writes: positions in cookies and header fields.

Theory of operation. The response to a request that has written carries the position of its
commit, as a cookie and as the field ``Photon-Database-Position``. Reads of a request that carries
it back go to a replica that has replayed the position, or to the primary. The cookie expires when
every replica that may be read has passed the position, because its lag would be too large
otherwise.

A client that keeps neither is recognised by its ``Authorization`` field, else by its address. That
works within one process: another worker does not know its write, and may show it data that is up
to ``max_replica_lag`` old. So does a response whose body was streamed while its session was open,
because its header was sent before the commit.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import blake2b
from typing import Final

from photon_runtime.http import Request, Response
from photon_runtime.parts import Middleware

from ._positions import format_positions, parse_positions
from ._recent_writers import RecentWriters
from ._replicas import Replicas

COOKIE: Final = "photon_db_position"
"""Name of the cookie."""
HEADER: Final = "Photon-Database-Position"
"""Name of the header field, of responses and of requests."""


def position_middleware(databases: Mapping[str, Replicas]) -> Middleware:
    """Return the middleware of an application.

    Args:
        databases: The databases that have replicas, by name.
    """
    lifetime = max(each.lifetime for each in databases.values())
    writers = {name: RecentWriters(each.lifetime) for name, each in databases.items()}
    key = secrets.token_bytes(16)

    def read_your_writes(request: Request, call_next: Callable[[Request], Response]) -> Response:
        client = _Client(request, tuple(databases), key)
        positions = {
            name: replicas.begin_client(
                partial(client.earlier, name, writers[name]),
                partial(client.remember, writers[name]),
            )
            for name, replicas in databases.items()
        }
        response = call_next(request)
        written = {
            name: position.written
            for name, position in positions.items()
            if position.written is not None
        }
        if written:
            _add_positions(request, response, client.sent | written, lifetime)
        return response

    return read_your_writes


class _Client:
    """The client of a request; read from it when it is needed."""

    def __init__(self, request: Request, databases: tuple[str, ...], key: bytes) -> None:
        self._request = request
        self._databases = databases
        self._key = key
        self._sent: dict[str, int] | None = None

    @property
    def sent(self) -> dict[str, int]:
        """The positions that the client has sent, by name of the database."""
        if self._sent is None:
            request = self._request
            texts = [request.headers.get(HEADER), request.cookies.get(COOKIE)]
            self._sent = {}
            for text in texts:
                if text:
                    for name, position in parse_positions(text, self._databases).items():
                        self._sent[name] = max(position, self._sent.get(name, 0))
        return self._sent

    def earlier(self, name: str, writers: RecentWriters) -> int:
        """Return the position that reads of a database must have."""
        return max(self.sent.get(name, 0), writers.position(self._identity()))

    def remember(self, writers: RecentWriters, position: int) -> None:
        """Note a write of the client."""
        writers.note(self._identity(), position)

    def _identity(self) -> bytes:
        credentials = self._request.raw_header(b"authorization")
        if credentials is None:
            peer = self._request.client
            credentials = str(peer[0] if isinstance(peer, tuple) else peer).encode()
        return blake2b(credentials, digest_size=16, key=self._key).digest()


def _add_positions(
    request: Request, response: Response, positions: Mapping[str, int], lifetime: float
) -> None:
    text = format_positions(positions)
    response.set_header(HEADER, text)
    response.set_cookie(COOKIE, text, max_age=math.ceil(lifetime), secure=request.scheme == "https")
