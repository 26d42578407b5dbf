"""`SharedConnection`: one connection of PostgreSQL that all sessions of a test share.

Theory of operation. The connection is in a transaction that is rolled back at the end of the test.
Each session has a `SharedConnectionView` of it, which behaves as a connection of its own:

* A transaction of a view is a savepoint. Commit releases it, and rollback returns to it. Savepoints
  nest and cannot overlap, so transactions take turns: a fair lock is held from the beginning of a
  transaction to its end. Waiting for oneself is refused at once, and any other wait is bounded; the
  error names the transaction that is in the way.
* A statement outside of a transaction is wrapped in a savepoint, too, because an error would end
  everything otherwise. It does not wait for the turn (a read never waits for a writer), unless
  the open transaction has failed and can do nothing but roll back.
* A second lock is held for each statement. When a cancelled task leaves its statement, the lock
  stays taken until the driver has cleaned up. What the statement left is undone before the next
  one: a transaction fails, even if its statement completed before it was cancelled.

What a commit does beyond releasing a savepoint is done here: deferred constraints are checked, and
``SET LOCAL`` ends. What only a real commit does is listed in docs/testing.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from threading import get_ident
from typing import Any, TypeVar

import attrs

import photon_runtime as rt
from photon_runtime.errors import NotRunning
from photon_runtime.patch import Lock

from ..backends import Backend, TransactionOptions
from ..errors import TransactionError
from ..pool import Holder, current_holder

T = TypeVar("T")

_FAILED = 3  # of psycopg.pq.TransactionStatus
_STATEMENT = "photon_statement"
_UNIT = "photon_transaction"
_LIMIT_BESIDE_TEST = 1.0
"""Seconds to wait for a transaction of the test's own thread, which is probably waiting itself."""
_SETS_LOCALLY = re.compile(r"\bset\s+local\b|\bset_config\b|\bset\s+role\b", re.IGNORECASE)
_ADVICE = (
    'Commit or close that session first, or mark the test with @pytest.mark.database("fresh"): '
    "each session then has a connection of its own."
)


@attrs.frozen
class _Caller:
    """A task, or a thread outside of tasks."""

    thread: int
    task: object

    @classmethod
    def current(cls) -> _Caller:
        try:
            return cls(get_ident(), rt.current_task())
        except NotRunning:
            return cls(get_ident(), None)


@attrs.define(eq=False)
class _Transaction:
    """The open transaction of a view."""

    view: object
    caller: _Caller
    holder: Holder
    is_read_only: bool = False
    has_local_settings: bool = False
    is_ending: bool = False


class SharedConnection:
    """One connection for all sessions of a test; see the module.

    Args:
        connection: Connection of the driver, in autocommit mode.
        backend: Kind of its database.
        turn_timeout: Seconds that a transaction waits for another one to end.
    """

    def __init__(self, connection: Any, backend: Backend, *, turn_timeout: float) -> None:
        """Begin the transaction that `end` rolls back."""
        self.connection = connection
        self.backend = backend
        self._turn_timeout = turn_timeout
        self._turn = Lock()
        self._statement = Lock()
        self._transaction: _Transaction | None = None
        self._interrupted: object = None
        self._undo = ""
        self._must_fail = False
        self._refusal = ""
        self._deferred = _deferred_constraints(connection)
        connection.undoes_interruptions = True
        connection.execute("BEGIN")

    # -- the state, without waiting ----------------------------------------------------------------

    @property
    def is_usable(self) -> bool:
        """False after `end`, and after the connection was lost."""
        return not self._refusal and not self.connection.closed

    def is_in_transaction(self, view: object) -> bool:
        """Return whether ``view`` has a transaction open."""
        return self._transaction is not None and self._transaction.view is view

    def is_interrupted(self, view: object) -> bool:
        """Return whether a cancelled statement of ``view`` is still being cleaned up."""
        return self._interrupted is view and self.backend.is_interrupted(self.connection)

    # -- transactions ------------------------------------------------------------------------------

    def begin(self, view: object, options: TransactionOptions) -> None:
        """Begin a transaction of ``view``. The isolation level does not matter: they take turns.

        Raises:
            TransactionError: Another transaction did not end in time.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        self._take_turn()
        try:
            with self._statement_lock(view):
                self._control(_beginning(options))
        except BaseException:
            self._turn.release()
            raise
        self._transaction = _Transaction(
            view,
            _Caller.current(),
            current_holder(),
            is_read_only=options.is_read_only,
            has_local_settings=options.timeout is not None or options.is_read_only,
        )

    def commit(self, view: object) -> None:
        """Commit the transaction of ``view``, if it has one; a failed one is rolled back.

        Raises:
            Exception: A deferred constraint is violated; the transaction was rolled back.
        """
        transaction = self._transaction_of(view)
        if transaction is None:
            return
        with self._statement_lock(view):
            if self._has_failed() or transaction.is_read_only:
                self._end_transaction(transaction, is_committed=False)
                return
            try:
                if self._deferred.exist:
                    self._control("SET CONSTRAINTS ALL IMMEDIATE")
            except Exception:
                self._end_transaction(transaction, is_committed=False)
                raise
            self._end_transaction(transaction, is_committed=True)

    def rollback(self, view: object) -> None:
        """Roll back the transaction of ``view``, if it has one."""
        transaction = self._transaction_of(view)
        if transaction is None:
            return
        if not self.is_usable:
            self._pass_turn(transaction)  # the server has rolled back
            return
        transaction.is_ending = True
        with self._statement_lock(view):
            self._end_transaction(transaction, is_committed=False)

    def forget(self, view: object) -> None:
        """Roll back the transaction of ``view``, and pass its turn on even if that fails."""
        try:
            with _shield():
                self.rollback(view)
        except TransactionError:
            if (transaction := self._transaction_of(view)) is not None:
                self._pass_turn(transaction)

    def _transaction_of(self, view: object) -> _Transaction | None:
        transaction = self._transaction
        return transaction if transaction is not None and transaction.view is view else None

    def _end_transaction(self, transaction: _Transaction, *, is_committed: bool) -> None:
        commands = [] if is_committed else [f"ROLLBACK TO SAVEPOINT {_UNIT}"]
        commands.append(f"RELEASE SAVEPOINT {_UNIT}")
        if is_committed and self._deferred.names:
            commands.append(f"SET CONSTRAINTS {self._deferred.names} DEFERRED")
        if is_committed and transaction.has_local_settings:
            commands += ["RESET ROLE", "RESET ALL"]
        try:
            self._control("; ".join(commands))
        finally:
            self._pass_turn(transaction)

    def _pass_turn(self, transaction: _Transaction) -> None:
        if self._transaction is transaction:
            self._transaction = None
            self._turn.release()

    # -- statements --------------------------------------------------------------------------------

    def execute(self, view: object, statement: object, call: Callable[[], T], *, alone: bool) -> T:
        """Execute a statement of ``view`` by ``call``, and return its result.

        Args:
            view: View whose statement it is.
            statement: Its text.
            call: Executes it on the driver's connection.
            alone: True if it is a transaction of its own and may write.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        transaction = self._transaction_of(view)
        if transaction is not None:
            if isinstance(statement, str) and _SETS_LOCALLY.search(statement):
                transaction.has_local_settings = True
            with self._statement_lock(view):
                return call()
        if alone:
            return self._execute_in_turn(view, call)
        with self._statement_lock(view):
            if self._transaction is None or not self._has_failed():
                return self._execute_in_savepoint(call)
        return self._execute_in_turn(view, call)

    def _execute_in_turn(self, view: object, call: Callable[[], T]) -> T:
        self._take_turn()
        try:
            with self._statement_lock(view):
                return self._execute_in_savepoint(call)
        finally:
            self._turn.release()

    def _execute_in_savepoint(self, call: Callable[[], T]) -> T:
        self._control(f"SAVEPOINT {_STATEMENT}")
        try:
            result = call()
        except BaseException:
            self._undo = f"ROLLBACK TO SAVEPOINT {_STATEMENT}; RELEASE SAVEPOINT {_STATEMENT}"
            raise
        self._control(f"RELEASE SAVEPOINT {_STATEMENT}")
        return result

    @contextmanager
    def _statement_lock(self, view: object) -> Iterator[None]:
        """Hold the lock of statements; until the end of the clean-up, if one is interrupted."""
        self._statement.acquire()
        try:
            self.refuse_if_unusable()
            if self._undo:
                self._control(self._undo)
                self._undo = ""
            if self._must_fail:
                self._must_fail = False
                with suppress(Exception):
                    self._control("SELECT 1/0")
            yield
        finally:
            if self.backend.is_interrupted(self.connection):
                self._interrupted = view
                if (transaction := self._transaction_of(view)) is not None:
                    transaction.is_ending = True  # the pool rolls it back
                self.backend.when_settled(self.connection, self._settled)
            else:
                self._statement.release()

    def _settled(self, is_usable: bool) -> None:
        # A statement may have completed before it was cancelled: its transaction fails nonetheless.
        self._must_fail = self._transaction_of(self._interrupted) is not None
        self._interrupted = None
        if not is_usable:
            self._refusal = (
                "the connection that all sessions of this test share was closed after a cancelled "
                'statement: mark the test with @pytest.mark.database("fresh")'
            )
        self._statement.release()

    def _control(self, commands: str) -> None:
        """Execute commands that must not be interrupted; they are short."""
        with _shield():
            self.connection.execute(commands)

    def _has_failed(self) -> bool:
        return bool(self.connection.pgconn.transaction_status == _FAILED)

    def refuse_if_unusable(self) -> None:
        """Refuse to use the connection after `end`, and after it was lost.

        Raises:
            TransactionError: The message gives the reason.
        """
        if self.connection.closed and not self._refusal:
            self._refusal = (
                "the connection that all sessions of this test share was closed: tests that end "
                'connections of the server need @pytest.mark.database("fresh")'
            )
        if self._refusal:
            raise TransactionError(self._refusal)

    # -- turns -------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        if self._turn.acquire(False):
            return
        transaction, caller = self._transaction, _Caller.current()
        limit = self._turn_timeout
        if transaction is None or transaction.is_ending:
            pass
        elif transaction.caller == caller:
            raise TransactionError(
                "a second transaction begins in the task that has one open, of "
                f"{transaction.holder}. In a test with a rollback all sessions share one "
                f"connection, where transactions cannot overlap. {_ADVICE}"
            )
        elif transaction.caller.task is None:
            limit = min(limit, _LIMIT_BESIDE_TEST)
        if not self._turn.acquire(timeout=limit):
            raise TransactionError(self._deadlock(limit))

    def _deadlock(self, limit: float) -> str:
        transaction, waiter = self._transaction, current_holder()
        other = "one that has just begun" if transaction is None else str(transaction.holder)
        work = waiter.purpose or "a caller without a request"
        return (
            f"the transaction of {work} at {waiter.line} has waited {limit:g} s for another one to "
            f"end: that of {other}. In a test with a rollback all sessions share one connection, "
            f"where transactions take turns, and those two may wait for each other. {_ADVICE}"
        )

    # -- the session of the server -----------------------------------------------------------------

    def reset_settings(self, view: object) -> None:
        """Undo what ``view`` changed in the session of the server, beyond its transaction."""
        self.rollback(view)
        self._take_turn()
        try:
            with self._statement_lock(view):
                self._control("RESET ROLE; RESET ALL; DISCARD TEMP; UNLISTEN *")
        finally:
            self._turn.release()

    def end(self, *, timeout: float = 5.0) -> bool:
        """Roll everything back; return whether the connection can be used for another test.

        Views that are still in use are refused from now on.

        Args:
            timeout: Seconds to wait for a statement that is being executed.

        Blocks: the calling thread.
        """
        self._refusal = self._refusal or "the test that this session belongs to has ended"
        if not self._statement.acquire(timeout=timeout):
            return False
        try:
            if self.connection.closed:
                return False
            self.backend.scrub(self.connection)
        except Exception:
            return False
        finally:
            self._statement.release()
        return True


@attrs.frozen
class _DeferredConstraints:
    """The constraints of a database that can be deferred.

    Attributes:
        exist: True if it has any.
        names: Those that are deferred at the beginning of a transaction, separated by commas.
    """

    exist: bool
    names: str


def _deferred_constraints(connection: Any) -> _DeferredConstraints:
    rows = connection.execute(
        "SELECT format('%I.%I', n.nspname, c.conname), bool_and(c.condeferred) FROM pg_constraint c"
        " JOIN pg_namespace n ON n.oid = c.connamespace"
        " GROUP BY n.nspname, c.conname HAVING bool_and(c.condeferrable)"
    ).fetchall()
    return _DeferredConstraints(bool(rows), ", ".join(name for name, deferred in rows if deferred))


def _beginning(options: TransactionOptions) -> str:
    commands = [f"SAVEPOINT {_UNIT}"]
    if options.is_read_only:
        commands.append("SET LOCAL transaction_read_only = on")
    if options.timeout is not None:
        commands.append(f"SET LOCAL statement_timeout = {max(1, round(options.timeout * 1000))}")
    return "; ".join(commands)


def _shield() -> Any:
    try:
        rt.current_task()
    except NotRunning:
        return nullcontext()
    return rt.shield()
