"""`Change`: one difference between the models and a database, and how to remove it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs
from alembic.operations.ops import MigrateOperation

Phase: TypeAlias = Literal[
    "rename",
    "drop foreign keys",
    "drop constraints",
    "types",
    "create tables",
    "add columns",
    "alter columns",
    "drop columns",
    "create constraints",
    "create foreign keys",
    "drop tables",
    "drop types",
]
PHASES: tuple[Phase, ...] = Phase.__args__  # type: ignore[attr-defined]  # of a Literal


@attrs.frozen
class Change:
    """A difference, and the operations that remove it.

    Attributes:
        phase: Where among the other changes it belongs.
        description: What changes, in a few words.
        upgrade: Operations that bring the database to the models.
        downgrade: Operations for the way back.
        loses: What is lost with its data; ``None`` if nothing is.
        warning: What the author has to know.
    """

    phase: Phase
    description: str
    upgrade: tuple[MigrateOperation, ...] = ()
    downgrade: tuple[MigrateOperation, ...] = ()
    loses: str | None = None
    warning: str | None = None


def in_order(changes: list[Change]) -> list[Change]:
    """Return changes in an order in which they can be applied."""
    return sorted(changes, key=lambda change: PHASES.index(change.phase))
