"""What is different between two documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import attrs

Severity: TypeAlias = Literal["breaking", "non-breaking", "info"]
Direction: TypeAlias = Literal["request", "response"]
Effect: TypeAlias = Literal["narrowed", "widened", "changed"]

SEVERITIES: Final[Mapping[str, int]] = {"breaking": 0, "non-breaking": 1, "info": 2}
"""The gravest first."""


@attrs.frozen
class Change:
    """A difference between two documents.

    Attributes:
        id: What kind of change it is; ids stay the same.
        severity: ``breaking`` where clients of the old document may fail.
        operation: The operation that it concerns, as method and path; ``""`` for none.
        pointer: Where it is, as a JSON pointer below the operation, references followed.
        message: What has changed.
    """

    id: str
    severity: Severity
    operation: str
    pointer: str
    message: str


def severity_of(effect: Effect, direction: Direction) -> Severity:
    """Say how grave it is that a schema allows less, or more.

    A server may take more than before and answer less; the other way round clients fail.
    """
    if effect == "changed":
        return "breaking"
    harmless = "widened" if direction == "request" else "narrowed"
    return "non-breaking" if effect == harmless else "breaking"
