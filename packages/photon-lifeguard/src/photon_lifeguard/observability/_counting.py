"""`assert_queries` and `count_queries`: the statements of a block, for tests.

Theory of operation. A test and the handler that it calls are different tasks, often on different
threads, and a request begins in the context of its application, not in that of the test. So blocks
do not count by context: while one is open, every statement on any `Database` of the process is
offered to it. What works in the background is marked (`uncounted`) and left out. A block that names
a database, an engine or a session counts its statements alone; engines that Photon has not made can
only be counted by name, by SQLAlchemy's events.

The list of open blocks is the one thing here that two applications in a process share: its purpose
is to see both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session

from ..pool import WaitingPool
from ._executed import ExecutedStatement, executed_statement
from ._repetitions import Repetition, Repetitions


class HasEngine(Protocol):
    """A `Database`."""

    @property
    def engine(self) -> Engine: ...


Target: TypeAlias = HasEngine | Session | Engine

_MAX_STATEMENTS = 10_000
_MAX_LISTED = 50


class QueryCount:
    """The statements of a block; `count_queries` and `assert_queries` yield it.

    BEGIN, COMMIT and ROLLBACK are not counted, and neither are the statements by which a new
    connection is prepared.

    Attributes:
        count: Their number.
        statements: The statements, in order; the first 10,000.
        seconds: Their total duration.
    """

    def __init__(self, engine: Engine | None = None, session: Session | None = None) -> None:
        """Begin without statements; made by `count_queries`."""
        self.count = 0
        self.statements: list[ExecutedStatement] = []
        self.seconds = 0.0
        self._engine = engine
        self._session = session

    def note(self, executed: ExecutedStatement, engine: Engine, context: Any) -> None:
        """Count a statement, if it belongs to what the block counts."""
        if self._engine is not None and engine is not self._engine:
            return
        if self._session is not None and not _is_of(self._session, context):
            return
        self.count += 1
        self.seconds += executed.seconds
        if len(self.statements) < _MAX_STATEMENTS:
            self.statements.append(executed)

    def repetitions(self, threshold: int = 2) -> list[Repetition]:
        """Return the statements that could have been one, with the remedy.

        Args:
            threshold: Number of executions from which a statement counts as repeated.
        """
        repetitions = Repetitions(threshold)
        for executed in list(self.statements):
            repetitions.add(executed)
        return repetitions.find()

    def __str__(self) -> str:
        """List the statements with their lines, and the remedies for repeated ones."""
        shown = self.statements[:_MAX_LISTED]
        lines = [f"  {number}. {each}" for number, each in enumerate(shown, 1)]
        if self.count > len(shown):
            lines.append(f"  … and {self.count - len(shown)} more")
        remedies = [f"  - {repetition}" for repetition in self.repetitions()]
        if remedies:
            lines += ["Repeated statements:", *remedies]
        head = f"{_statements(self.count)} in {self.seconds:.3f} s"
        return "\n".join([f"{head}:", *lines] if lines else [head])


class _OpenBlocks:
    """The blocks that are open in this process; replaced as a whole, never changed in place."""

    __slots__ = ("active",)

    def __init__(self) -> None:
        self.active: tuple[QueryCount, ...] = ()


BLOCKS = _OpenBlocks()


@contextmanager
def count_queries(target: Target | None = None, /) -> Iterator[QueryCount]:
    """Count the statements that are executed while the block runs.

    Those of every task and thread count, so also those of a handler that the block calls through a
    test client or a live server.

    Args:
        target: What to count: a `Database`, an engine or a session; by default every `Database` of
            the process.

    Raises:
        TypeError: ``target`` is something else.

    Example:
        >>> from photon_lifeguard import count_queries
        >>> with count_queries() as queries:
        ...     pass
        >>> queries.count
        0
    """
    engine, session = _parts(target)
    block = QueryCount(engine, session)
    if engine is not None and not isinstance(engine.pool, WaitingPool):
        with _listening(engine, block):
            yield block
        return
    BLOCKS.active = (*BLOCKS.active, block)
    try:
        yield block
    finally:
        BLOCKS.active = tuple(each for each in BLOCKS.active if each is not block)


@contextmanager
def assert_queries(
    target: Target | None = None, /, *, max: int | None = None, exact: int | None = None
) -> Iterator[QueryCount]:
    """Assert how many statements are executed while the block runs; see `count_queries`.

    An exception of the block propagates, whatever was counted.

    Args:
        target: What to count: a `Database`, an engine or a session; by default every `Database` of
            the process.
        max: The largest number that passes.
        exact: The only number that passes.

    Raises:
        AssertionError: There were more, or another number. The message lists the statements with
            the lines that caused them, and the remedies for repeated ones.
        TypeError: Not exactly one of ``max`` and ``exact`` is a number, or ``target`` is of
            another kind.

    Example:
        >>> from photon_lifeguard import assert_queries
        >>> with assert_queries(max=3):
        ...     pass
    """
    limit = max if exact is None else exact
    if limit is None or (max is not None and exact is not None) or isinstance(limit, bool):
        raise TypeError("state the number of statements: assert_queries(max=3) or (exact=2)")
    with count_queries(target) as block:
        yield block
    if block.count > limit or (exact is not None and block.count != limit):
        word = "exactly" if max is None else "at most"
        raise AssertionError(f"expected {word} {_statements(limit)}, got {block}")


def _statements(number: int) -> str:
    return f"{number} statement{'' if number == 1 else 's'}"


def _parts(target: Any) -> tuple[Engine | None, Session | None]:
    """Return the engine and the session whose statements count; ``None`` for all."""
    if target is None:
        return None, None
    if isinstance(target, Engine):
        return target, None
    if isinstance(target, Session):
        try:
            return target.get_bind().engine, target
        except UnboundExecutionError:  # it has a bind for each class
            return None, target
    engine = getattr(target, "engine", None)
    if not isinstance(engine, Engine):
        raise TypeError(
            f"the statements of a Database, an engine or a session can be counted, not {target!r}"
        )
    return engine, None


def _is_of(session: Session, context: Any) -> bool:
    """Return whether a statement is executed on a connection of ``session``."""
    current = session.get_transaction()
    if current is None or context is None:
        return False
    # SQLAlchemy has no public list of the connections of a session.
    connections = (entry[0] for entry in current._connections.values())
    return any(each is context.root_connection for each in connections)


@contextmanager
def _listening(engine: Engine, block: QueryCount) -> Iterator[None]:
    """Count the statements of an engine that Photon has not made."""

    def before(connection: Connection, *rest: Any) -> None:
        connection.info[_STARTED] = perf_counter()

    def after(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        parameters, context, _ = rest
        executed = executed_statement(
            statement,
            parameters,
            context,
            system=engine.dialect.name,
            seconds=perf_counter() - connection.info.pop(_STARTED, perf_counter()),
            error=None,
        )
        block.note(executed, engine, context)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)


_STARTED = "photon_started"
