"""`DatabaseObserver`: what the pool and the statements of one server report."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..pool import PoolObserver

TransactionEnd: TypeAlias = Literal["commit", "rollback"]


class DatabaseObserver(PoolObserver):
    """Ignores everything; the base of observers. Methods are called often, and must not wait.

    Attributes:
        name: Name of the database: ``default``, or that of its section ``[database.NAME]``.
        role: ``primary`` or ``replica``.
    """

    def __init__(self, name: str = "default", role: str = "primary") -> None:
        """Note whose reports it receives."""
        self.name = name
        self.role = role

    def for_replicas(self) -> DatabaseObserver:
        """Return an observer of the replicas of the same database."""
        return DatabaseObserver(self.name, "replica")

    def executed(self, seconds: float) -> None:
        """Note that a statement was executed."""

    def failed(self, error: BaseException, seconds: float) -> None:
        """Note that a statement failed, or was cancelled, after that time."""

    def was_slow(self) -> None:
        """Note that a statement took longer than ``slow_query``."""

    def began(self, seconds: float) -> None:
        """Note that a transaction began, after that time: on SQLite the wait for the writer."""

    def ended(self, outcome: TransactionEnd) -> None:
        """Note that the server ended a transaction."""
