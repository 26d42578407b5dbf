"""`SharedConnection`: one connection of PostgreSQL that all sessions of a test share.

Theory of operation. The connection is in a transaction that is rolled back at the end of the test.
Each session has a `SharedConnectionView` of it, which behaves as a connection of its own:

* A transaction of a view is a savepoint. Commit releases it, and rollback returns to it. Savepoints
  cannot overlap, so transactions take turns (`Turns`).
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
from typing import Any, TypeVar

import attrs

import photon_runtime as rt
from photon_runtime.errors import NotRunning
from photon_runtime.patch import Lock

from ..backends import Backend, TransactionOptions
from ..errors import ROLLED_BACK, TransactionError
from ._turns import Caller, Turn, Turns

T = TypeVar("T")

_FAILED = 3  # of psycopg.pq.TransactionStatus
_STATEMENT_LIMIT = 60.0
_STATEMENT = "photon_statement"
_TRANSACTION = "photon_transaction"
_SETS_LOCALLY = re.compile(r"\bset\s+local\b|\bset_config\b|\bset\s+role\b", re.IGNORECASE)
_READS = re.compile(r"\s*(?:select|show|savepoint|release|rollback)\b", re.IGNORECASE)
_FRESH = 'Mark the test with @pytest.mark.database("fresh"): every session then has its connection.'


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
        self._turns = Turns(turn_timeout)
        self._statement = Lock()
        self._interrupted: Turn | None = None
        self._exclusive: Caller | None = None
        self._executing: Caller | None = None
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
        return self._turns.of(view) is not None

    def is_interrupted(self, view: object) -> bool:
        """Return whether a cancelled statement of ``view`` is still being cleaned up."""
        turn = self._turns.of(view)
        if turn is None or turn is not self._interrupted:
            return False
        return self.backend.is_interrupted(self.connection)

    # -- transactions ------------------------------------------------------------------------------

    def begin(self, view: object, options: TransactionOptions) -> None:
        """Begin a transaction of ``view``. The isolation level does not matter: they take turns.

        Raises:
            TransactionError: Another transaction did not end in time.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        turn = self._turns.begin()
        try:
            with self._statement_lock(turn):
                self._control(_beginning(options))
        except BaseException:
            self._turns.end(turn)
            raise
        turn.is_read_only = options.is_read_only
        turn.has_local_settings = options.timeout is not None or options.is_read_only
        self._turns.register(view, turn)

    def commit(self, view: object) -> None:
        """Commit the transaction of ``view``, if it has one.

        Raises:
            TransactionError: A statement of it has failed; the transaction was rolled back.
            Exception: A deferred constraint is violated; the transaction was rolled back.
        """
        turn = self._turns.of(view)
        if turn is None:
            return
        with self._turns.use(turn), self._statement_lock(turn):
            if self._has_failed() or turn.is_read_only:
                self._roll_back(turn)
                if not turn.is_read_only:
                    raise TransactionError(ROLLED_BACK)
                return
            try:
                if self._deferred.exist:
                    self._control("SET CONSTRAINTS ALL IMMEDIATE")
            except Exception:
                self._roll_back(turn)
                raise
            self._release(turn)
            if turn.parent is not None:
                turn.parent.has_inner_commits = True

    def rollback(self, view: object) -> None:
        """Roll back the transaction of ``view``, if it has one.

        Raises:
            TransactionError: Transactions that were begun and committed in the meantime are rolled
                back as well.
        """
        turn = self._turns.of(view)
        if turn is None:
            return
        if not self.is_usable:
            self._turns.end(turn)  # the server has rolled back
            return
        turn.is_ending = True
        with self._turns.use(turn), self._statement_lock(turn):
            if turn.has_inner_commits and not turn.has_written and not self._has_failed():
                self._release(turn)
                return
            self._roll_back(turn)
        if turn.has_inner_commits:
            raise TransactionError(
                f"the transaction of {turn.holder} was rolled back, and with it others that were "
                f"committed in the meantime, which a real database would have kept. {_FRESH}"
            )

    def forget(self, view: object) -> None:
        """Roll back the transaction of ``view``, and let others continue even if that fails."""
        turn = self._turns.of(view)
        if turn is None:
            return
        try:
            with _shield():
                self.rollback(view)
        except TransactionError as error:
            self._refusal = self._refusal or str(error)
            self._turns.end(turn)

    def _roll_back(self, turn: Turn) -> None:
        self._end(turn, f"ROLLBACK TO SAVEPOINT {_TRANSACTION}; RELEASE SAVEPOINT {_TRANSACTION}")

    def _release(self, turn: Turn) -> None:
        commands = [f"RELEASE SAVEPOINT {_TRANSACTION}"]
        if self._deferred.names:
            commands.append(f"SET CONSTRAINTS {self._deferred.names} DEFERRED")
        if turn.has_local_settings:
            commands += ["RESET ROLE", "RESET ALL"]
        self._end(turn, "; ".join(commands))

    def _end(self, turn: Turn, commands: str) -> None:
        try:
            self._control(commands)
        finally:
            self._turns.end(turn)

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
        turn = self._turns.of(view)
        if turn is not None:
            _note_effects(turn, statement)
            with self._turns.use(turn), self._statement_lock(turn):
                try:
                    return call()
                finally:
                    turn.has_failed = self._has_failed()
        if not alone:
            with self._statement_lock(None):
                if not self._has_failed():
                    return self._execute_in_savepoint(call)
        turn = self._turns.begin()  # also waits for the end of a transaction that has failed
        try:
            with self._statement_lock(None):
                return self._execute_in_savepoint(call)
        finally:
            self._turns.end(turn)

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
    def exclusively(self) -> Iterator[None]:
        """Let only the caller use the connection in the block, also without a view."""
        with self._statement_lock(None):
            self._exclusive = Caller.current()
            try:
                yield
            finally:
                self._exclusive = None

    @contextmanager
    def _statement_lock(self, turn: Turn | None) -> Iterator[None]:
        """Hold the lock of statements; until the end of the clean-up, if one is interrupted."""
        caller = Caller.current()
        if self._exclusive is not None and self._exclusive == caller:
            yield
            return
        self._acquire_statement(caller)
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
                self._interrupted, self._executing = turn, None
                if turn is not None:
                    turn.is_ending = True  # the pool rolls it back
                self.backend.when_settled(self.connection, self._settled)
            else:
                self._executing = None
                self._statement.release()

    def _acquire_statement(self, caller: Caller) -> None:
        if self._executing is not None and self._executing == caller:
            # A finaliser runs in the middle of a statement, and would wait for ever.
            raise TransactionError(
                "a session with an open transaction was forgotten: close sessions, for example by "
                "`with database.session() as session`"
            )
        if not self._statement.acquire(timeout=_STATEMENT_LIMIT):
            raise TransactionError(
                f"a statement on the connection that all sessions of this test share has not ended "
                f"within {_STATEMENT_LIMIT:g} seconds. {_FRESH}"
            )
        self._executing = caller

    def _settled(self, is_usable: bool) -> None:
        # A statement may have completed before it was cancelled: its transaction fails nonetheless.
        self._must_fail = self._interrupted is not None
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

    # -- the session of the server -----------------------------------------------------------------

    def reset_settings(self, view: object) -> None:
        """Undo what ``view`` changed in the session of the server, beyond its transaction."""
        self.rollback(view)
        turn = self._turns.begin()
        try:
            with self._statement_lock(None):
                self._control("RESET ROLE; RESET ALL; DISCARD TEMP; UNLISTEN *")
        finally:
            self._turns.end(turn)

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


def _note_effects(turn: Turn, statement: object) -> None:
    text = statement if isinstance(statement, str) else ""
    if _SETS_LOCALLY.search(text):
        turn.has_local_settings = True
    if not _READS.match(text):
        turn.has_written = True


def _beginning(options: TransactionOptions) -> str:
    commands = [f"SAVEPOINT {_TRANSACTION}"]
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
