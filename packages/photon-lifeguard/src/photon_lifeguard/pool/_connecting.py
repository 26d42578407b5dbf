"""Opening connections to a server that may be down: one attempt at a time until one succeeds.

Theory of operation. While the server responds, every caller that holds an empty slot opens its own
connection. The first failed attempt closes the gate: from then on the callers take turns, at most
one attempt is under way, and attempts are separated by a pause that doubles up to `_MAX_PAUSE`. So
a server that restarts meets one client, not all of them, and is in use again within a pause. The
first success opens the gate. A caller leaves the gate at its own time limit.

The first connection of an engine is opened alone, too: SQLAlchemy then asks the server for its
version under a lock that would block the thread of all tasks.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from photon_runtime.patch import Lock, new_waiter

from ..errors import DatabaseUnavailable

T = TypeVar("T")

_FIRST_PAUSE = 0.05
_MAX_PAUSE = 0.5


class ConnectGate:
    """Decides when connections may be opened.

    Args:
        is_unreachable: Decides for an error of an attempt whether another attempt may succeed.
    """

    def __init__(self, is_unreachable: Callable[[BaseException], bool]) -> None:
        """Begin closed, for the first connection."""
        self._is_unreachable = is_unreachable
        self._turn = Lock()
        self._is_open = False
        self._pause = 0.0
        self._not_before = 0.0
        self.error: BaseException | None = None

    @property
    def is_down(self) -> bool:
        """True while the last attempt to connect has failed."""
        return self.error is not None

    def connect(self, attempt: Callable[[], T], timeout: float) -> T:
        """Return the result of ``attempt``, repeating it while the server cannot be reached.

        Raises:
            DatabaseUnavailable: No attempt succeeded within ``timeout`` seconds.
            Exception: Any other error of an attempt, such as a wrong password.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        expires = monotonic() + timeout
        while True:
            try:
                return self._attempt(attempt) if self._is_open else self._in_turn(attempt, expires)
            except Exception as error:
                if not self._is_unreachable(error):
                    raise
                self._close(error)

    def _attempt(self, attempt: Callable[[], T]) -> T:
        result = attempt()
        self._is_open = True
        self._pause = 0.0
        self.error = None
        return result

    def _in_turn(self, attempt: Callable[[], T], expires: float) -> T:
        if not self._turn.acquire(timeout=max(0.0, expires - monotonic())):
            raise self._unavailable()
        try:
            if not self._is_open:
                now = monotonic()
                if self._not_before > expires:
                    _pause(expires - now)
                    raise self._unavailable()
                _pause(self._not_before - now)
            return self._attempt(attempt)
        finally:
            self._turn.release()

    def _close(self, error: BaseException) -> None:
        self.error = error
        self._is_open = False
        self._pause = min(_MAX_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self._not_before = monotonic() + self._pause * random.uniform(0.7, 1.0)

    def _unavailable(self) -> DatabaseUnavailable:
        error = DatabaseUnavailable(
            "the database server cannot be reached: check its address in [database] url, "
            f"and that it runs (last attempt: {self.error})"
        )
        error.__cause__ = self.error
        return error


def _pause(seconds: float) -> None:
    """Wait in a task or in a thread."""
    if seconds > 0:
        new_waiter().wait(seconds)
