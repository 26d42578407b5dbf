"""Changes between two documents, and their severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import attrs

Severity: TypeAlias = Literal["breaking", "non-breaking", "info"]
Direction: TypeAlias = Literal["request", "response"]
Effect: TypeAlias = Literal["narrowed", "widened", "changed"]

SEVERITIES: Final[Mapping[str, int]] = {"breaking": 0, "non-breaking": 1, "info": 2}
"""Severities, the most severe first."""


@attrs.frozen
class Change:
    """A difference between two documents.

    Attributes:
        id: The stable id of the kind of change.
        severity: ``breaking`` if clients of the old document may fail.
        operation: The operation, as method and path; ``""`` for changes outside of operations. It
            is the first one of those that a change of a shared component concerns.
        pointer: The location as a JSON pointer below the operation, references followed.
        message: The description of the change.
        component: The location within the component that has changed; ``""`` for changes elsewhere.
        operations: All operations that the change concerns, if there are several.
    """

    id: str
    severity: Severity
    operation: str
    pointer: str
    message: str
    component: str = ""
    operations: tuple[str, ...] = ()


def severity_of(effect: Effect, direction: Direction) -> Severity:
    """Return the severity of a schema that allows fewer values, or more.

    A server may accept more values than before and send fewer; the opposite breaks clients.
    """
    if effect == "changed":
        return "breaking"
    harmless = "widened" if direction == "request" else "narrowed"
    return "non-breaking" if effect == harmless else "breaking"
