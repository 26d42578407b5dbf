"""Reading rows in the thread, without keeping the other threads of Python from running.

Theory of operation. SQLite computes without Python's lock, but every row is made with it. Several
threads that read many rows, and the hub, then take the lock from each other all the time: four
readers need three times the time, and with sixteen the hub waits up to 200 ms for its turn. So
readers of many rows take turns of `_BURST` seconds, and pause for a moment in between, in which the
hub runs. A reader whose rows take long to find does not need Python's lock, nor a turn. The first
rows of a result are read without a turn.

*Reading ahead.* ``execute()`` brings the first rows along, at most `FIRST_ROWS` of them and for
`_BURST` seconds at the most, so that short results need one visit to the thread, and large values
do not fill the memory. They are tuples; the row factory of the cursor makes rows of them when they
are fetched, in the task.
"""

from __future__ import annotations

import _sqlite3
import time
from collections import deque
from typing import Any, cast

import attrs

from ...patch import real_allocate_lock, real_sleep

FIRST_ROWS = 64
MORE_ROWS = 1024
_BURST = 0.001
_PAUSE = 0.00002
_LONGEST_WAIT = 0.05
_CHUNK = 64

_time = time.perf_counter
_next_row = _sqlite3.Cursor.__next__
_fetchmany = _sqlite3.Cursor.fetchmany
# Python's lock is one per process, so the turns are, too.
_turn = real_allocate_lock()

Row = tuple[Any, ...]


@attrs.define
class Ahead:
    """Rows that were read and not fetched yet.

    Attributes:
        rows: The rows, as tuples.
        has_more: True if the cursor may have further rows.
        error: The error that followed the rows.
    """

    rows: deque[Row]
    has_more: bool
    error: Exception | None = None


def read_ahead(cursor: _sqlite3.Cursor, most: int) -> Ahead:
    """Read the next rows of ``cursor``, ``most`` of them at the most."""
    rows: deque[Row] = deque()
    factory = cursor.row_factory
    cursor.row_factory = None
    end = _time() + _BURST
    try:
        while True:
            rows.append(cast("Row", _next_row(cursor)))
            if len(rows) >= most or _time() > end:
                return Ahead(rows, has_more=True)
    except StopIteration:
        return Ahead(rows, has_more=False)
    except Exception as error:
        return Ahead(rows, has_more=True, error=error)
    finally:
        cursor.row_factory = factory


def read_many(cursor: _sqlite3.Cursor, rows: list[Any], most: int | None, is_unwanted: Any) -> bool:
    """Append rows of ``cursor`` to ``rows``, until there are ``most`` of them.

    Args:
        cursor: The cursor.
        rows: The rows so far.
        most: Number of rows to have; ``None`` for all.
        is_unwanted: Function that returns whether the caller has left.

    Returns:
        Whether the cursor may have further rows.
    """
    is_slow = False
    while True:
        begun = _time()
        has_turn = not is_slow and _turn.acquire(True, _LONGEST_WAIT)
        try:
            if has_turn:
                begun = _time()
            has_more = _read_burst(cursor, rows, most, begun + _BURST)
        finally:
            if has_turn:
                _turn.release()
        if not has_more or (most is not None and len(rows) >= most):
            return has_more
        if is_unwanted():
            _drop(rows)
            return True
        is_slow = _time() - begun > 10 * _BURST
        real_sleep(_PAUSE)


def _read_burst(cursor: _sqlite3.Cursor, rows: list[Any], most: int | None, end: float) -> bool:
    while True:
        size = _CHUNK if most is None else min(_CHUNK, most - len(rows))
        chunk = _fetchmany(cursor, size)
        rows += chunk
        if len(chunk) < size:
            return False
        if len(rows) == most or _time() > end:
            return True


def _drop(rows: list[Any]) -> None:
    """Release ``rows`` in pieces: a long list is released without a break for other threads."""
    while rows:
        del rows[-_CHUNK * 16 :]
        real_sleep(0)
