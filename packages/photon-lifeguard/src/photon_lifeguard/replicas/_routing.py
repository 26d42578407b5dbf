"""Sessions that read from a replica until they write: `route_reads`, `use_primary`.

Theory of operation. `Session.get_bind` chooses the connection of each statement; SQLAlchemy names
it as the place for this. A statement that only reads, by the rules of
`photon_lifeguard.transactions.reads_only`, goes to a replica. Anything else opens a connection to
the primary, and from then on the session uses nothing else: what it has written is there. A session
reads from one replica or from the primary, never from another replica, so that time does not run
backwards for it.

Reads on a replica are executed outside of a transaction, each for itself. If the replica cannot be
reached, is lost, cancels the statement because of a change that it has to replay, does not know a
table that is new, or stops responding, then the statement has done nothing, and the primary
executes it instead. The caller sees no error.

A transaction that is declared as read-only is opened on a replica, and stays there: its statements
see one moment, which another server cannot show. An error in it is the caller's.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Result, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from ..backends import TransactionOptions
from ..errors import DatabaseUnavailable, PoolExhausted
from ..transactions import OPTIONS, reads_only
from ._observer import Fallback
from ._replica import Replica, StoppedResponding
from ._replicas import Replicas

_log = logging.getLogger("photon.database.replicas")
S = TypeVar("S", bound=Session)
_ROUTE = "photon_route"
_ANY_READ = select(1)
# SQLSTATE: connections lost (08, 57P), a conflict with the replay (40), a write (25006), and tables
# and columns that the replica does not have yet (42).
_RETRIED = ("08", "57P", "40", "25006", "42")


def use_primary(session: Session) -> None:
    """Let all further statements of ``session`` go to the primary. Does not wait.

    Args:
        session: Any session; one that does not read from replicas stays as it is.
    """
    route: _Route | None = session.info.get(_ROUTE)
    if route is not None:
        route.is_on_primary = True


def routing_class(cls: type[S]) -> type[S]:
    """Return the subclass of ``cls`` for sessions that `route_reads` prepares."""
    routing: type[S] = _subclass(cls)  # type: ignore[arg-type]  # every class is hashable
    return routing


@functools.cache
def _subclass(cls: Any) -> Any:
    if cls is Session:
        return _RoutingSession
    return type(cls.__name__, (_RoutingSession, cls), {"__module__": cls.__module__})


def route_reads(session: S, replicas: Replicas) -> S:
    """Let a session of a `routing_class` read from replicas until it writes; return it.

    Args:
        session: Session that is bound to the engine of the primary.
        replicas: The replicas.
    """
    session.info[_ROUTE] = _Route(replicas)
    return session


class _RoutingSession(Session):
    """Chooses the server of each statement."""

    def get_bind(
        self, mapper: Any = None, *, clause: Any = None, bind: Any = None, **options: Any
    ) -> Engine | Connection:
        """Return the engine for a statement."""
        if bind is not None:
            return super().get_bind(mapper, clause=clause, bind=bind, **options)
        chosen = super().get_bind(mapper, clause=clause, **options)
        route: _Route | None = self.info.get(_ROUTE)
        if route is None or chosen is not route.replicas.primary:
            return chosen  # the class has a choice of its own
        return route.engine(self, clause)

    def connection(self, bind_arguments: Any = None, execution_options: Any = None) -> Connection:
        """Return the connection of the session's transaction, which it opens if necessary."""
        route: _Route | None = self.info.get(_ROUTE)
        if route is not None and not bind_arguments and _reads_only(execution_options or {}):
            connection = route.begin(self, super().connection, execution_options)
            if connection is not None:
                return connection
        return super().connection(bind_arguments, execution_options)


class _Route:
    """The way of one session's statements."""

    __slots__ = ("_last", "_target", "_transaction", "is_on_primary", "replicas")

    def __init__(self, replicas: Replicas) -> None:
        self.replicas = replicas
        self.is_on_primary = False
        self._last: Replica | None = None
        self._target: Replica | None = None
        self._transaction: tuple[SessionTransaction | None, Replica] | None = None

    def engine(self, session: Session, clause: Any) -> Engine:
        """Return the engine for the statement ``clause``, or for anything else without one."""
        replica = self.replica_of_transaction(session)
        if replica is not None:
            return replica.engine
        if self.is_on_primary or self._target is None or clause is None:
            return self.replicas.primary
        return self._target.engine

    def replica_of_transaction(self, session: Session) -> Replica | None:
        """Return the replica of the session's read-only transaction, if it is in one."""
        if self._transaction is None or self._transaction[0] is not session.get_transaction():
            return None
        return self._transaction[1]

    def read(self, state: ORMExecuteState) -> Result[Any] | None:
        """Return the result of a read on a replica; ``None`` to execute it on the primary."""
        replica = self.replicas.choose(self._last)
        if replica is None:
            return None
        outer, self._target = self._target, replica
        self._last = replica
        try:
            with replica.statement():
                result = state.invoke_statement()
        except Exception as error:
            reason = None if self.is_on_primary else _reason(error)
            if reason is None:
                raise
            self._leave(state.session, replica, reason, error)
            return None
        finally:
            self._target = outer
        self.replicas.observer.read("primary" if self.is_on_primary else "replica")
        return result

    def begin(
        self, session: Session, connect: Callable[..., Connection], options: Any
    ) -> Connection | None:
        """Open a read-only transaction on a replica; ``None`` to open it on the primary."""
        replica = None if self.is_on_primary else self.replicas.choose(self._last)
        if replica is None:
            return None
        self._target = replica
        try:
            connection = connect({"clause": _ANY_READ}, options)
        except Exception as error:
            reason = _reason(error)
            if reason is None:
                raise
            self._leave(session, replica, reason, error)
            return None
        finally:
            self._target = None
        self._last = replica
        self._transaction = session.get_transaction(), replica
        return connection

    def _leave(
        self, session: Session, replica: Replica, reason: Fallback, error: Exception
    ) -> None:
        """Use the primary from now on, because the replica has failed."""
        _log.info("the primary executes a read of the replica %s: %s", replica.name, error)
        if replica.pool.is_down:
            replica.out_of_service(str(error.__cause__ or error))
        self.replicas.observer.fell_back(reason)
        self.is_on_primary = True
        _release(session, replica.engine)


def _execute(state: ORMExecuteState) -> Result[Any] | None:
    """Execute a statement that only reads on a replica."""
    session = state.session
    route: _Route | None = session.info.get(_ROUTE)
    if route is None:
        return None
    replica = route.replica_of_transaction(session)
    if replica is not None:
        return _execute_in_transaction(state, replica)
    if not state.is_select or session.twophase or not reads_only(state.statement):
        return None
    result = None
    if not route.is_on_primary and not session.in_nested_transaction():
        result = route.read(state)
    if result is None:
        route.replicas.observer.read("primary")
    return result


def _execute_in_transaction(state: ORMExecuteState, replica: Replica) -> Result[Any]:
    try:
        with replica.statement():
            return state.invoke_statement()
    except StoppedResponding as error:
        raise DatabaseUnavailable(str(error)) from error


def _connection_begun(
    session: Session, transaction: SessionTransaction, connection: Connection
) -> None:
    route: _Route | None = session.info.get(_ROUTE)
    if route is not None and connection.engine is route.replicas.primary:
        route.is_on_primary = True


event.listen(_RoutingSession, "do_orm_execute", _execute)
event.listen(_RoutingSession, "after_begin", _connection_begun)


def _reads_only(execution_options: Mapping[str, Any]) -> bool:
    """Return whether a transaction with these options can be opened on a standby."""
    options: TransactionOptions | None = execution_options.get(OPTIONS)
    if options is None or options.isolation == "SERIALIZABLE":  # which a standby does not have
        return False
    return options.is_read_only


def _reason(error: Exception) -> Fallback | None:
    """Return why an error is not the caller's but the replica's; ``None`` if it is the caller's."""
    if isinstance(error, StoppedResponding):
        return "timeout"
    if isinstance(error, DatabaseUnavailable | PoolExhausted):
        return "connection"
    if not isinstance(error, DBAPIError):
        return None
    if error.statement is None or error.connection_invalidated:
        return "connection"
    state = getattr(error.orig, "sqlstate", None) or ""
    return "statement" if state.startswith(_RETRIED) else None


def _release(session: Session, engine: Engine) -> None:
    """Give back the session's connection to a replica, before the end of its transaction.

    SQLAlchemy has no public way to remove a connection from the transaction of a session.
    """
    current = session.get_transaction()
    if current is None:
        return
    connections: dict[Any, Any] = current._connections
    entry = connections.pop(engine, None)
    if entry is not None:
        connections.pop(entry[0], None)
        entry[0].close()
