"""What is measured, and the limits that Photon keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ECHO, BROADCAST, IDLE = "echo", "broadcast", "idle"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load.

    Attributes:
        kind: ``echo``, ``broadcast`` or ``idle``; see `bench.websockets._load_client`.
        size: Characters of a message.
        deflate: True if the client offers permessage-deflate.
        limit_us: CPU microseconds of Photon per message that must not be exceeded.
        is_compared: True if Photon must stay below every peer.
    """

    name: str
    about: str
    kind: str
    size: int
    deflate: bool = False
    limit_us: float | None = None
    is_compared: bool = False


@dataclass(frozen=True, slots=True)
class LoadTask:
    """What a client is to do.

    Attributes:
        kind: ``echo``, ``broadcast`` or ``idle``.
        size: Characters of a message.
        deflate: True to offer permessage-deflate.
        seconds: Duration of the load.
    """

    kind: str
    port: int
    sockets: int
    size: int
    deflate: bool
    seconds: float


_ALL = (
    Scenario(
        "echo-64",
        "64 bytes of text are sent back, without compression",
        ECHO,
        64,
        limit_us=30,
        is_compared=True,
    ),
    Scenario(
        "echo-16k",
        "16 KiB of text are sent back, without compression",
        ECHO,
        16384,
        limit_us=45,
        is_compared=True,
    ),
    Scenario("echo-64-deflate", "the same 64 bytes; the client offers deflate", ECHO, 64, True),
    Scenario("echo-16k-deflate", "the same 16 KiB; the client offers deflate", ECHO, 16384, True),
    Scenario(
        "broadcast",
        "64 bytes of text are sent to all sockets; the cost of each delivery",
        BROADCAST,
        64,
        is_compared=True,
    ),
    Scenario(
        "idle",
        "memory of a socket that has exchanged one message of 300 bytes; the client offers deflate",
        IDLE,
        300,
        True,
    ),
)
SCENARIOS: Mapping[str, Scenario] = {each.name: each for each in _ALL}
IDLE_LIMIT = 20_000
"""Bytes of memory that an idle socket of Photon may hold."""
