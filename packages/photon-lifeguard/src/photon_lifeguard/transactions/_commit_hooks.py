"""Calls after a commit: `on_commit`.

Theory of operation. A call belongs to the innermost transaction or savepoint at the time, and
moves to the one around it when that ends well. So calls of a savepoint that is rolled back are
dropped, and those of the outermost transaction run right after its commit, in the order in which
they were added. Calls that were added before a block of `transaction` wait for its commit, or for a
later one if the block fails.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import ParamSpec

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from photon_runtime.callables import require_function
from photon_runtime.errors import Cancelled

P = ParamSpec("P")
_KEY = "photon_commit_hooks"
_COMMITTED = "photon_committed"
_log = logging.getLogger("photon.database")

Calls = list[tuple[SessionTransaction | None, Callable[[], object]]]


def on_commit(
    session: Session, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call ``function`` after the transaction of ``session`` has been committed.

    It is dropped if the transaction, or the savepoint that it was added in, is rolled back. An
    error in it is logged: the commit has happened. Does not wait.

    Args:
        session: Session whose commit is awaited; any session of SQLAlchemy.
        function: Function to call.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Raises:
        SignatureError: It is a coroutine function or a generator function.
    """
    require_function(function, "a call after a commit")
    calls: Calls | None = session.info.get(_KEY)
    if calls is None:
        calls = session.info[_KEY] = []
        _listen(session)
    calls.append((_innermost(session), functools.partial(function, *args, **kwargs)))


def _listen(session: Session) -> None:
    event.listen(session, "after_commit", _note_commit)
    event.listen(session, "after_transaction_end", _transaction_ended)


def _innermost(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()


def _note_commit(session: Session) -> None:
    """Note that the innermost transaction is committed; its session cannot be used yet."""
    session.info[_COMMITTED] = _innermost(session)


def _transaction_ended(session: Session, ended: SessionTransaction) -> None:
    is_committed = session.info.pop(_COMMITTED, None) is ended
    calls: Calls = session.info[_KEY]
    if ended.parent is None:
        session.info[_KEY] = []
        if is_committed:
            run_calls([call for _, call in calls])
        elif calls:
            report_dropped(len(calls))
    elif is_committed:
        session.info[_KEY] = [
            (ended.parent if owner is ended else owner, call) for owner, call in calls
        ]
    else:
        session.info[_KEY] = [entry for entry in calls if entry[0] is not ended]


def awaits_commit(session: Session) -> bool:
    """Return whether calls wait for the commit of ``session``."""
    return bool(session.info.get(_KEY))


def take_calls(session: Session) -> Calls:
    """Remove the calls of ``session``, and return them for `add_calls`."""
    calls: Calls = session.info.get(_KEY, [])
    if calls:
        session.info[_KEY] = []
    return calls


def add_calls(session: Session, calls: Calls) -> None:
    """Let ``calls`` run after the next commit of ``session``, before those it has already."""
    if calls:
        session.info[_KEY] = [(None, call) for _, call in calls] + session.info[_KEY]


def report_dropped(calls: int) -> None:
    """Note in the log that calls wait in vain; the session may just have lacked a commit."""
    _log.info("a rollback has dropped %d calls that waited for the commit", calls)


def run_calls(calls: Sequence[Callable[[], object]]) -> None:
    """Make calls, the commit that they have waited for having happened; log their errors.

    Raises:
        Cancelled: A call was cancelled; after all others.
    """
    cancelled: Cancelled | None = None
    for call in calls:
        try:
            call()
        except Cancelled as error:  # the others may not need to wait
            cancelled = error
        except Exception:
            _log.exception("a call after the commit failed")
    if cancelled is not None:
        raise cancelled
