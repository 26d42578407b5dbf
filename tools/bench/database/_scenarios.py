"""The scenarios, and the limits that Photon must keep in them.

The figures that Photon is compared with are the sum of two: a bare loop of SQLAlchemy with its
defaults (``servers/database_loop.py``), and Photon's route of a constant JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.scenarios import Exchange

JSON = "json"


@dataclass(frozen=True, slots=True)
class DatabaseScenario:
    """One route of the applications.

    Attributes:
        name: The name, also of its bare loop.
        about: What a request does.
        load: The request.
    """

    name: str
    about: str
    load: Exchange


SCENARIOS: Mapping[str, DatabaseScenario] = {
    each.name: each
    for each in (
        DatabaseScenario("db", "a row is read by its primary key", Exchange("/db")),
        DatabaseScenario(
            "queries", "20 rows are read, each by its key", Exchange("/queries?queries=20")
        ),
        DatabaseScenario(
            "fortunes", "12 rows are read and rendered as HTML", Exchange("/fortunes")
        ),
        DatabaseScenario(
            "updates",
            "20 rows are read, each by its key, and changed",
            Exchange("/updates?queries=20"),
        ),
        DatabaseScenario(
            "write",
            "a row is inserted",
            Exchange("/entries", (200, 201), body=b'{"number": 4711}'),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that an application may cost in a scenario, as a share of the bare loop's cost."""

    scenario: str
    application: str
    share: float


LIMITS = (
    Limit("db", "photon", 1.0),
    Limit("db", "photon-core", 0.6),
    Limit("write", "photon", 1.15),
)
