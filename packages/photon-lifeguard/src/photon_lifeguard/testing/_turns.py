"""`Turns`: which transaction may use a shared connection.

Theory of operation. Savepoints nest and cannot overlap, so a transaction waits until the one before
it has ended. Two transactions may contain others, because the code that opened them does nothing in
the meantime: that of the test's own thread, which waits for the response to a request, and that of
the task that begins another one. So the open transactions are a stack. Each has a lock, which is
held by the transaction inside of it, or by a statement of its own.

Waiting for oneself is refused at once. Every other wait is bounded, and its error names both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import attrs

import photon_runtime as rt
from photon_runtime.errors import NotRunning
from photon_runtime.patch import Lock

from ..errors import TransactionError
from ..pool import Holder, current_holder

_LIMIT_BESIDE_TEST = 1.0
"""Seconds to wait for a transaction of the test's own thread, which is probably waiting itself."""
_ADVICE = (
    "In a test with a rollback all sessions share one connection, and transactions cannot overlap. "
    "Commit or close the first session before, or mark the test with "
    '@pytest.mark.database("fresh"): each session then has a connection of its own.'
)


@attrs.frozen
class Caller:
    """A task, or a thread outside of tasks."""

    thread: int
    task: object

    @classmethod
    def current(cls) -> Caller:
        """Return the caller."""
        try:
            return cls(get_ident(), rt.current_task())
        except NotRunning:
            return cls(get_ident(), None)


@attrs.define(eq=False)
class Turn:
    """An open transaction.

    Attributes:
        caller: Task or thread that began it.
        holder: The code that began it, for messages.
        parent: The transaction that it is inside of; ``None`` for the outermost level.
        inner: The transaction inside of it.
        is_ending: True if it is about to be rolled back, by the pool or in the background.
        has_ended: True after its end.
        has_failed: True if it can do nothing but roll back.
        has_written: True if it may have changed something.
        has_inner_commits: True if transactions inside of it were committed.
        has_local_settings: True if settings of the server may be changed until its end.
        is_read_only: True if it was begun to read only.
    """

    caller: Caller
    holder: Holder
    parent: Turn | None = None
    inner: Turn | None = None
    is_ending: bool = False
    has_ended: bool = False
    has_failed: bool = False
    has_written: bool = False
    has_inner_commits: bool = False
    has_local_settings: bool = False
    is_read_only: bool = False
    lock: Any = attrs.field(factory=Lock)


class Turns:
    """The open transactions of one shared connection.

    Args:
        timeout: Seconds that a transaction waits for another one to end.
    """

    def __init__(self, timeout: float) -> None:
        """Begin without transactions; the calling thread is that of the test."""
        self._timeout = timeout
        self._test = Caller.current()
        self._outermost = Turn(self._test, current_holder())
        self._open: dict[int, Turn] = {}

    def of(self, view: object) -> Turn | None:
        """Return the open transaction of ``view``."""
        return self._open.get(id(view))

    def begin(self) -> Turn:
        """Return a new transaction, inside of those that may contain it.

        Raises:
            TransactionError: Another transaction did not end in time.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        caller = Caller.current()
        parent = self._outermost
        while True:
            if not parent.lock.acquire(False):
                inner = parent.inner
                if inner is not None and self._may_contain(inner, caller):
                    parent = inner
                    continue
                self._wait(parent, caller)
            if not parent.has_ended:
                break
            parent.lock.release()
            parent = self._outermost
        parent.inner = turn = Turn(caller, current_holder(), parent)
        return turn

    def _may_contain(self, turn: Turn, caller: Caller) -> bool:
        if turn.is_ending or turn.has_ended or turn.has_failed:
            return False
        return turn.caller in (caller, self._test)

    def register(self, view: object, turn: Turn) -> None:
        """Note that ``turn`` is the transaction of ``view``."""
        self._open[id(view)] = turn

    def end(self, turn: Turn) -> None:
        """Let the transactions that wait for the end of ``turn`` continue."""
        if turn.has_ended or turn.parent is None:
            return
        turn.has_ended = True
        for key in [key for key, each in self._open.items() if each is turn]:
            del self._open[key]
        turn.parent.inner = None
        turn.parent.lock.release()

    @contextmanager
    def use(self, turn: Turn) -> Iterator[None]:
        """Execute the block, a statement of ``turn``, when no transaction is open inside of it.

        Raises:
            TransactionError: A transaction inside of it did not end in time.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        if not turn.lock.acquire(False):
            self._wait(turn, Caller.current())
        try:
            yield
        finally:
            turn.lock.release()

    def _wait(self, turn: Turn, caller: Caller) -> None:
        """Acquire the lock of ``turn``, which another transaction holds."""
        inner, limit = turn.inner, self._timeout
        if inner is not None and not inner.is_ending:
            if inner.caller == caller:
                raise TransactionError(
                    f"a transaction has to wait for another one of the same task: {inner.holder}. "
                    f"{_ADVICE}"
                )
            if inner.caller == self._test:
                limit = min(limit, _LIMIT_BESIDE_TEST)
        if not turn.lock.acquire(timeout=limit):
            waiter = current_holder()
            other = "one that has just begun" if turn.inner is None else str(turn.inner.holder)
            raise TransactionError(
                f"the transaction of {waiter.purpose or 'a caller without a request'} at "
                f"{waiter.line} has waited {limit:g} s for another one to end: {other}. "
                f"The two may wait for each other. {_ADVICE}"
            )
