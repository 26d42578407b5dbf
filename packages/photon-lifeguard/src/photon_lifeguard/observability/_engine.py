"""`observe_engine`: what is seen of the statements and transactions of one engine.

Theory of operation. The methods of the engine's dialect that call the driver are wrapped, for this
engine alone. SQLAlchemy's events before and after a statement would cost two calls instead of one,
and could neither enclose the statement in a span nor see that it was cancelled. Every statement is
timed and counted; spans, records for `count_queries` and repetitions are made on a second path, and
only while someone needs them. The duration is that of the driver's call: on PostgreSQL and MySQL
until all rows have arrived, on SQLite until the first rows.

The statements by which SQLAlchemy asks the server for its version, once in every process, count for
no request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

from sqlalchemy import Engine

from photon_runtime.observability import Span, Tracer, current_tracer

from ..backends import Backend
from ._counting import BLOCKS
from ._executed import executed_statement
from ._observer import DatabaseObserver, TransactionEnd
from ._slow_log import SlowLog
from ._statement_text import statement_text
from ._work import UNCOUNTED, WORK, uncounted

Call = Callable[..., None]


class EngineWatch:
    """What is seen of one engine.

    Args:
        engine: The engine.
        observer: Is informed of statements and transactions.
        slow_query: Seconds from which a statement is logged as slow; zero for never.

    Attributes:
        last_success: When a statement last succeeded, in seconds of the monotonic clock.
    """

    def __init__(self, engine: Engine, observer: DatabaseObserver, *, slow_query: float) -> None:
        """Note what is the same for every statement."""
        self.last_success = -1.0
        self._engine = engine
        self._observer = observer
        self._system = engine.dialect.name
        self._slow = SlowLog(slow_query, observer, self._system)
        self._attributes = _attributes(engine)

    # -- statements --------------------------------------------------------------------------------

    def wrap(self, execute: Call) -> Call:
        """Return ``execute``, which calls the driver with a statement and parameters, observed."""
        work_of, executed, slow = WORK.get, self._observer.executed, self._slow.threshold

        def observed(cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            work = work_of()
            if work is not None:
                work.statements += 1
                if work.repetitions is not None:
                    return self._execute(execute, cursor, statement, parameters, context)
            if BLOCKS.active or current_tracer() is not None:
                return self._execute(execute, cursor, statement, parameters, context)
            started = perf_counter()
            try:
                execute(cursor, statement, parameters, context)
            except BaseException as error:
                self._failed(statement, parameters, perf_counter() - started, error)
                raise
            seconds = perf_counter() - started
            executed(seconds)
            self.last_success = started
            if seconds >= slow:
                self._slow.report(statement, parameters, seconds, rows=_rows(cursor), error=None)
            return None

        return observed

    def wrap_plain(self, execute: Call) -> Call:
        """Return ``execute``, which calls the driver without parameters, observed."""
        observed = self.wrap(
            lambda cursor, statement, _, context: execute(cursor, statement, context)
        )

        def observed_plain(cursor: Any, statement: str, context: Any = None) -> None:
            observed(cursor, statement, (), context)

        return observed_plain

    def _execute(
        self, execute: Call, cursor: Any, statement: str, parameters: Any, context: Any
    ) -> None:
        """Execute a statement in a span, and record it."""
        tracer = current_tracer()
        failure: BaseException | None = None
        started = perf_counter()
        try:
            if tracer is None:
                execute(cursor, statement, parameters, context)
            else:
                with self._span(tracer, statement, parameters, context) as span:
                    try:
                        execute(cursor, statement, parameters, context)
                    except Exception as error:
                        _set_status(span, error)
                        raise
        except BaseException as error:
            failure = error
            raise
        finally:
            seconds = perf_counter() - started
            if failure is not None:
                self._failed(statement, parameters, seconds, failure)
            else:
                self._observer.executed(seconds)
                self.last_success = started
                if seconds >= self._slow.threshold:
                    self._slow.report(
                        statement, parameters, seconds, rows=_rows(cursor), error=None
                    )
            self._record(statement, parameters, context, seconds, failure)

    def _record(
        self,
        statement: str,
        parameters: Any,
        context: Any,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        work = WORK.get()
        repetitions = None if work is None else work.repetitions
        blocks = () if UNCOUNTED.get() else BLOCKS.active
        if repetitions is None and not blocks:
            return
        executed = executed_statement(
            statement, parameters, context, system=self._system, seconds=seconds, error=error
        )
        if repetitions is not None:
            repetitions.add(executed)
        for block in blocks:
            block.note(executed, self._engine, context)

    def _failed(
        self, statement: str, parameters: Any, seconds: float, error: BaseException
    ) -> None:
        self._observer.failed(error, seconds)
        if seconds >= self._slow.threshold:
            self._slow.report(statement, parameters, seconds, rows=None, error=error)

    # -- spans -------------------------------------------------------------------------------------

    def _span(
        self, tracer: Tracer, statement: str, parameters: Any, context: Any
    ) -> AbstractContextManager[Span]:
        shown = statement_text(statement, self._system)
        attributes = {
            **self._attributes,
            "db.query.text": shown.text,
            "db.query.summary": shown.summary,
            "db.operation.name": shown.operation,
        }
        if len(shown.tables) == 1:
            attributes["db.collection.name"] = shown.tables[0]
        if context is not None and context.executemany and isinstance(parameters, list):
            attributes["db.operation.batch.size"] = len(parameters)
        return tracer.span(shown.summary or self._system, "client", attributes)

    # -- transactions ------------------------------------------------------------------------------

    def wrap_begin(self, begin: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Return ``begin``, which begins a transaction on the server, observed."""

        def observed(connection: Any, options: Any) -> None:
            self._observer.began(self._control("BEGIN", begin, connection, options))

        return observed

    def wrap_end(
        self, end: Callable[[Any], None], outcome: TransactionEnd
    ) -> Callable[[Any], None]:
        """Return ``end``, which commits or rolls back on the server, observed."""
        name = outcome.upper()

        def observed(connection: Any) -> None:
            try:
                self._control(name, end, connection)
            except BaseException:
                self._observer.ended("rollback")
                raise
            self._observer.ended(outcome)

        return observed

    def _control(self, name: str, call: Call, *arguments: Any) -> float:
        """Begin or end a transaction in a span; return the duration in seconds."""
        tracer = current_tracer()
        started = perf_counter()
        try:
            if tracer is None:
                call(*arguments)
            else:
                attributes = {**self._attributes, "db.operation.name": name}
                with tracer.span(name, "client", attributes):
                    call(*arguments)
        except BaseException as error:
            self._failed(name, (), perf_counter() - started, error)
            raise
        seconds = perf_counter() - started
        self.last_success = started
        if seconds >= self._slow.threshold:
            self._slow.report(name, (), seconds, rows=None, error=None)
        return seconds


def observe_engine(
    engine: Engine, backend: Backend, observer: DatabaseObserver, *, slow_query: float
) -> EngineWatch:
    """Observe the statements and transactions of ``engine``, which is not in use yet.

    Args:
        engine: The engine.
        backend: Kind of its database, an object of this engine's own.
        observer: Is informed of statements and transactions.
        slow_query: Seconds from which a statement is logged as slow; zero for never.
    """
    watch = EngineWatch(engine, observer, slow_query=slow_query)
    dialect = engine.dialect
    initialize = dialect.initialize

    def initialize_uncounted(connection: Any) -> None:
        with uncounted():
            initialize(connection)

    # Not events but methods in SQLAlchemy, and bound to this engine's dialect alone.
    dialect.__dict__.update(
        initialize=initialize_uncounted,
        do_execute=watch.wrap(dialect.do_execute),
        do_executemany=watch.wrap(dialect.do_executemany),
        do_execute_no_params=watch.wrap_plain(dialect.do_execute_no_params),
        do_commit=watch.wrap_end(dialect.do_commit, "commit"),
        do_rollback=watch.wrap_end(dialect.do_rollback, "rollback"),
    )
    vars(backend)["begin"] = watch.wrap_begin(backend.begin)
    return watch


def _attributes(engine: Engine) -> Mapping[str, str | int]:
    """Return the attributes of all spans of an engine, by OpenTelemetry's conventions."""
    url = engine.url
    attributes: dict[str, str | int | None] = {
        "db.system.name": _SYSTEMS.get(engine.dialect.name, engine.dialect.name),
        "db.namespace": url.database,
        "server.address": url.host,
        "server.port": url.port,
    }
    return {name: value for name, value in attributes.items() if value}


_SYSTEMS = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}


def _set_status(span: Span, error: Exception) -> None:
    """Set the code of the database for an error: SQLSTATE, or SQLite's and MySQL's own."""
    first = error.args[0] if error.args else None
    codes = (
        getattr(error, "sqlstate", None),
        getattr(error, "sqlite_errorname", None),
        first if isinstance(first, int) else None,
    )
    for code in codes:
        if code:
            span.set_attribute("db.response.status_code", str(code))
            return


def _rows(cursor: Any) -> int | None:
    """Return the number of rows of the last statement; ``None`` where the driver does not know."""
    rows: int = getattr(cursor, "rowcount", -1)
    return rows if rows >= 0 else None
