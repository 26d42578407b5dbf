"""`Transaction`: the statements of one transaction of the store, and whom they wake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ._connections import Execute
from ._statements import Statements


class Transaction:
    """Executes statements of the store.

    Args:
        execute: Executes a statement.
        sql: The statements.
        now: Returns the parameter for the time, where the database does not know it.

    Attributes:
        sql: The statements.
        listeners: Addresses to wake after the commit.
    """

    __slots__ = ("_execute", "_now", "listeners", "sql")

    def __init__(
        self, execute: Execute, sql: Statements, now: Callable[[], dict[str, Any]]
    ) -> None:
        """Begin with nothing to wake."""
        self._execute = execute
        self._now = now
        self.sql = sql
        self.listeners: set[str] = set()

    def run(self, statement: str, /, **parameters: Any) -> list[Any]:
        """Execute a statement, and return its rows.

        Blocks: the calling task.
        """
        parameters.update(self._now())
        return self._execute(statement, parameters)

    def ids(self, statement: str, ids: Sequence[str]) -> list[Any]:
        """Execute a statement about jobs or keys, and return its rows."""
        return self.run(statement, ids=as_json(ids))

    def will_wake(self, listeners: str | None) -> None:
        """Note addresses, as a statement returns them: one a line."""
        if listeners:
            self.listeners.update(listeners.split("\n"))

    def wake(self) -> None:
        """Wake those that wait for jobs, when the transaction is committed."""
        [[listeners]] = self.run(self.sql.wake)
        self.will_wake(listeners)


def as_json(values: object) -> str:
    """Return the JSON text of a parameter with many rows."""
    return msgspec.json.encode(values).decode()
