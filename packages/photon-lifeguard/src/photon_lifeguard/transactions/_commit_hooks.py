"""Calls after a commit: `on_commit`.

Theory of operation. A call belongs to the innermost transaction or savepoint at the time, and
moves to the one around it when that ends well. So calls of a savepoint that is rolled back are
dropped, and those of the outermost transaction run right after its commit, in the order in which
they were added.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from photon_runtime.callables import require_function

P = ParamSpec("P")
_KEY = "photon_commit_hooks"
_READY = "photon_commit_hooks_ready"
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
    innermost = session.get_nested_transaction() or session.get_transaction()
    calls.append((innermost, functools.partial(function, *args, **kwargs)))


def _listen(session: Session) -> None:
    event.listen(session, "after_commit", _release)
    event.listen(session, "after_soft_rollback", _drop)
    event.listen(session, "after_transaction_end", _transaction_ended)


def _release(session: Session) -> None:
    """Note that the outermost transaction is committed; its session cannot be used yet."""
    if not session.in_nested_transaction():
        session.info[_READY] = session.info[_KEY]
        session.info[_KEY] = []


def _drop(session: Session, previous: SessionTransaction) -> None:
    """Drop the calls of a transaction that was rolled back."""
    calls: Calls = session.info[_KEY]
    inside = [entry for entry in calls if not _is_within(entry[0], previous)]
    session.info[_KEY] = inside


def _transaction_ended(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        _run(session.info.pop(_READY, []))
    else:  # the calls of a savepoint belong to the transaction around it from now on
        calls: Calls = session.info[_KEY]
        session.info[_KEY] = [
            (ended.parent if owner is ended else owner, call) for owner, call in calls
        ]


def _run(calls: Calls) -> None:
    for _, call in calls:
        try:
            call()
        except Exception:
            _log.exception("a call after the commit failed")


def _is_within(owner: SessionTransaction | None, ended: SessionTransaction) -> bool:
    """Return whether ``owner`` is ``ended`` or a savepoint inside of it."""
    if owner is None:
        return ended.parent is None
    while owner is not None:
        if owner is ended:
            return True
        owner = owner.parent
    return False
