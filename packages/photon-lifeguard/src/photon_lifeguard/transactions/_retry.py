"""`run_transaction`: a transaction that is repeated when the server could not order it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from photon_runtime.patch import new_waiter

T = TypeVar("T")
_PAUSE = 0.02
# SQLSTATE of PostgreSQL: serialization_failure, deadlock_detected.
_STATES = frozenset(["40001", "40P01"])
# Numbers of MySQL: ER_LOCK_DEADLOCK, ER_CHECKREAD (the row changed since the last read).
_NUMBERS = frozenset([1213, 1020])


def repeat_transaction(
    begin: Callable[[], AbstractContextManager[Session]],
    function: Callable[[Session], T],
    attempts: int,
) -> T:
    """Return what ``function`` returns in a transaction that was committed; see `Database`.

    Args:
        begin: Opens the transaction of one attempt.
        function: Function that is called with its session.
        attempts: Maximum number of attempts.

    Raises:
        ValueError: ``attempts`` is less than one.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, not {attempts}")
    for attempt in range(1, attempts + 1):
        try:
            with begin() as session:
                return function(session)
        except DBAPIError as error:
            if attempt == attempts or not is_transient(error):
                raise
        new_waiter().wait(_PAUSE * 2**attempt * random.uniform(0.5, 1))
    raise AssertionError("unreachable: the last attempt returns or raises")


def is_transient(error: DBAPIError) -> bool:
    """Return whether the same transaction may succeed when it is repeated."""
    original = error.orig
    if getattr(original, "sqlstate", None) in _STATES:
        return True
    number = None if original is None or not original.args else original.args[0]
    return number in _NUMBERS
