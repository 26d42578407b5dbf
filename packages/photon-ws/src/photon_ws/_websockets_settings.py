"""The ``[websockets]`` section of photon.toml."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs
from attrs.validators import ge, gt

from photon_runtime.settings import section

_ROOMS = ("memory", "redis", "rediss", "postgresql", "sqlite")


def _origins(instance: object, attribute: attrs.Attribute[list[str]], value: list[str]) -> None:
    for origin in value:
        parts = urlsplit(origin)
        is_origin = parts.scheme and parts.netloc and not (parts.path or parts.query)
        if origin != "*" and not is_origin:
            raise ValueError(f"has origins such as https://shop.example, or *, not {origin!r}")


def _rooms(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    scheme = value.partition(":")[0]
    if scheme not in _ROOMS or ("://" not in value) is not (value == "memory"):
        raise ValueError("is memory, or a URL of redis://, rediss://, postgresql:// or sqlite:///")


@section("websockets")
@attrs.frozen(kw_only=True)
class WebSocketsSettings:
    """Limits and time limits of WebSockets, and the store of rooms.

    Durations are seconds, sizes are bytes.

    Attributes:
        origins: Origins whose pages may connect, besides that of the application itself: ``*`` for
            all. Clients that are not browsers send no origin, and may connect.
        ping_interval: Time without a frame of the client after which it gets a ping; zero for no
            pings.
        ping_timeout: Time after a ping without a frame after which the client is given up.
        max_message_size: Maximum size of a received message, decompressed; a larger one closes the
            connection with 1009.
        max_received: Size of received messages that wait for the handler, from which on the socket
            is not read.
        max_queue: Size of the frames that wait for a client to read them; see the policies of
            rooms.
        close_timeout: Maximum time to wait for the close frame of the client.
        deflate: True to compress messages of clients that offer it (permessage-deflate).
        deflate_threshold: Size of a message below which it is not compressed.
        rooms: The store that connects the rooms of several workers: ``memory`` for rooms of one
            process, else the URL of a Redis, of a PostgreSQL, or of an SQLite file.
        rooms_lease: Time after which the users of a killed worker are no longer present in rooms.
        max_rooms: Maximum number of rooms in a worker.
    """

    origins: list[str] = attrs.field(factory=list, validator=_origins)
    ping_interval: float = attrs.field(default=20.0, validator=ge(0))
    ping_timeout: float = attrs.field(default=20.0, validator=gt(0))
    max_message_size: int = attrs.field(default=1024 * 1024, validator=gt(0))
    max_received: int = attrs.field(default=256 * 1024, validator=gt(0))
    max_queue: int = attrs.field(default=1024 * 1024, validator=gt(0))
    close_timeout: float = attrs.field(default=5.0, validator=gt(0))
    deflate: bool = True
    deflate_threshold: int = attrs.field(default=256, validator=ge(0))
    rooms: str = attrs.field(default="memory", validator=_rooms)
    rooms_lease: float = attrs.field(default=15.0, validator=ge(1))
    max_rooms: int = attrs.field(default=10_000, validator=gt(0))
