"""The ``with`` blocks of Core's transactions: ``engine.begin()`` and ``connection.begin()``.

Theory of operation. Such a block commits at its end, so a row may join it before its first write.
Of a transaction that began in another way, with the first statement or for a session, this is not
known. SQLAlchemy makes the same object for all of them, and only a ``with`` block enters it; so the
connections of an engine get a subclass of it that notes the entry. Events would cost something for
every connection that is taken, this costs nothing outside of such blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.engine.base import OptionEngine


@final
class BlockTransaction(RootTransaction):
    """A transaction that notes that a ``with`` block was entered."""

    __slots__ = ("_note", "is_entered")

    def __init__(self, connection: Connection, note: Callable[[BlockTransaction], None]) -> None:
        """Begin the transaction."""
        self.is_entered = False
        self._note = note
        super().__init__(connection)

    @property
    def commits(self) -> bool:
        """Whether statements of now are committed by the end of a block."""
        if not (self.is_entered and self.is_active) or self.connection.closed:
            return False
        return self.connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT"

    def __enter__(self) -> Any:
        """Enter the block."""
        entered = super().__enter__()
        self.is_entered = True
        self._note(self)
        return entered

    def commit(self) -> None:
        """Commit; the calls that have waited for it are outside of the block."""
        self.is_entered = False
        super().commit()


def note_core_blocks(engine: Engine, note: Callable[[BlockTransaction], None]) -> None:
    """Call ``note`` for every block of ``engine``. Does not wait.

    Engines that are made from it by ``execution_options`` are included.
    """

    class BlockConnection(Connection):
        def begin(self) -> RootTransaction:
            if self._transaction is None:
                self._transaction = BlockTransaction(self, note)
                return self._transaction
            return super().begin()  # which raises

    class BlockOptionEngine(OptionEngine):
        _connection_cls = BlockConnection

    BlockOptionEngine._option_cls = BlockOptionEngine
    engine._connection_cls = BlockConnection
    engine._option_cls = BlockOptionEngine
