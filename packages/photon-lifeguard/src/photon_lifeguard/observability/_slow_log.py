"""The log of slow statements: one event each, without values, at a bounded rate."""

from __future__ import annotations

import logging
import math
from time import monotonic
from typing import Any

from .._call_site import call_site
from ..pool import current_purpose
from ._observer import DatabaseObserver
from ._statement_text import redacted, statement_text

_log = logging.getLogger("photon.database.slow")
_LIMIT = 20
_WINDOW = 10.0


class SlowLog:
    """Logs slow statements of one server, at most 20 in 10 seconds.

    Args:
        threshold: Seconds from which a statement is slow; zero for never.
        observer: Counts them all.
        system: Name of the kind of database.
    """

    def __init__(self, threshold: float, observer: DatabaseObserver, system: str) -> None:
        """Begin with an empty window."""
        self.threshold = threshold or math.inf
        self._observer = observer
        self._system = system
        self._window_ends = 0.0
        self._logged = 0
        self._suppressed = 0

    def report(
        self,
        statement: str,
        parameters: Any,
        seconds: float,
        *,
        rows: int | None,
        error: BaseException | None,
    ) -> None:
        """Log a statement that took ``seconds``."""
        self._observer.was_slow()
        if not self._is_admitted():
            return
        shown = statement_text(statement, self._system)
        fields: dict[str, object] = {
            "duration_ms": round(seconds * 1000, 3),
            "statement": shown.text,
            "parameters": redacted(parameters),
            "rows": rows,
            "error": None if error is None else type(error).__qualname__,
            "database": self._observer.name,
            "role": self._observer.role,
        }
        site = call_site(2)
        _log.warning(
            "slow statement: %s took %.3f s at %s%s",
            shown.summary,
            seconds,
            "unknown line" if site is None else site,
            f" ({purpose})" if (purpose := current_purpose()) else "",
            extra={name: value for name, value in fields.items() if value not in (None, "")},
        )

    def _is_admitted(self) -> bool:
        now = monotonic()
        if now >= self._window_ends:
            if self._suppressed:
                _log.warning("%d more slow statements were not logged", self._suppressed)
            self._window_ends = now + _WINDOW
            self._logged = self._suppressed = 0
        if self._logged >= _LIMIT:
            self._suppressed += 1
            return False
        self._logged += 1
        return True
