"""What the handlers of ``varied.py`` take and give: classes for the schemas of the document."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import Literal

import attrs


class ShipKind(enum.Enum):
    """What a ship is."""

    TANKER = "tanker"
    FERRY = "ferry"
    BULK = "bulk"
    YACHT = "yacht"


class Station(enum.Enum):
    """Where tides are measured."""

    NORTH = "north"
    SOUTH = "south"
    LOCK = "lock"


@attrs.frozen
class NewShip:
    """A ship as it is registered; ``id`` may be sent and is passed over."""

    imo: str
    name: str
    kind: ShipKind
    length: float
    id: int | None = None
    flag: str | None = None
    home: str | None = None
    tags: list[str] = attrs.field(factory=list)
    built: datetime.date | None = None
    accessCode: str | None = None  # noqa: N815 - as it is written in the document


@attrs.frozen
class Ship:
    """A ship as it is shown."""

    id: int
    imo: str
    name: str
    kind: ShipKind
    length: float
    flag: str | None
    home: str | None
    tags: list[str]
    built: datetime.date


@attrs.frozen
class Search:
    """What ships are looked for."""

    name: str
    length: int | None = None
    home: str | None = None


@attrs.frozen
class Range:
    """From here to there."""

    low: int
    high: int


@attrs.frozen
class Polygon:
    """An area on the map."""

    corners: list[tuple[float, float]]


@attrs.frozen
class Light:
    """What a lighthouse shows."""

    on: bool
    angle: float
    period: float | None
    colour: list[str]


@attrs.frozen
class Bulk:
    """Cargo without form."""

    form: Literal["bulk"]
    tons: float
    dusty: bool = False


@attrs.frozen
class Boxes:
    """Cargo in containers."""

    form: Literal["boxes"]
    numbers: list[str]


@attrs.frozen
class Liquid:
    """Cargo in tanks."""

    form: Literal["liquid"]
    litres: int
    flammable: bool


Cargo = Bulk | Boxes | Liquid


@attrs.frozen
class Crate:
    """A crate, with crates inside."""

    weight: float
    inside: list[Crate] = attrs.field(factory=list)


@attrs.frozen
class Notice:
    """What hangs on the board."""

    text: str
    minutes: int | None = None


@attrs.frozen
class Permit:
    """What somebody may do, and for how long."""

    applicant: str
    days: int
    zones: list[Station] = attrs.field(factory=list)
    hazardous: bool = False


@attrs.frozen
class About:
    """What a paper is."""

    title: str
    pages: int | None = None


@attrs.frozen
class Quote:
    """What somebody wants to pay for."""

    tons: float
    nights: int


@attrs.frozen
class Inspection:
    """What was found on a ship."""

    kind: Literal["fire", "hull"]
    extinguishers: int | None = None
    thickness: float | None = None


@attrs.frozen
class NewMember:
    """Somebody who signs on."""

    name: str
    rank: Literal["captain", "mate", "engineer", "cook"]
    born: datetime.date | None = None
    pin: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Member:
    """Somebody of the crew."""

    id: uuid.UUID
    name: str
    rank: str


@attrs.frozen
class Stay:
    """What is booked: nights from a day on. ``from`` is a word of Python."""

    nights: int


@attrs.define
class Port:
    """All there is to know, in memory."""

    ships: dict[int, Ship] = attrs.field(factory=dict)
    cargo: dict[int, Cargo] = attrs.field(factory=dict)
    crew: dict[uuid.UUID, Member] = attrs.field(factory=dict)
    bookings: dict[int, dict[str, object]] = attrs.field(factory=dict)
    settings: dict[str, object] = attrs.field(factory=dict)
    number: int = 0

    def next(self) -> int:
        """Return a number that nothing has yet."""
        self.number += 1
        return self.number
