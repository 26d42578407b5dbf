"""Readiness: the checks of an application's parts decide whether it may receive requests.

Readiness fails closed: a coroutine function or a generator function is refused when it is added,
and a check that returns a coroutine, a generator or the like has failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Literal

import attrs

from .._scope import deadline, scope
from ..callables import require_value
from ..errors import DeadlineExceeded
from ..signatures import require_call

_log = logging.getLogger("photon.health")


@attrs.frozen
class CheckResult:
    """The result of one check.

    Attributes:
        status: ``ok``, ``failed``, or ``timeout`` where it did not finish in time.
        seconds: Its duration; ``None`` where it did not finish in time.
    """

    status: Literal["ok", "failed", "timeout"]
    seconds: float | None = None


class Readiness:
    """Checks whether everything that an application needs is available.

    Args:
        timeout: Seconds for all checks together; they run at the same time.

    Example:
        >>> from photon_runtime.observability import Readiness
        >>> ready = Readiness()
        >>> ready.add("database", lambda: None)
    """

    def __init__(self, *, timeout: float = 5.0) -> None:
        """Begin without checks, which is ready."""
        self.timeout = timeout
        self._checks: dict[str, Callable[[], object]] = {}
        self._included: list[Readiness] = []

    def add(self, name: str, check: Callable[[], object]) -> None:
        """Add a check: a function that raises, or returns ``False``, when something is missing.

        Raises:
            ValueError: A check with that name exists already.
            SignatureError: It is a coroutine function, a generator function, or the like.
        """
        require_call(check, "a readiness check")
        if name in self._checks:
            raise ValueError(f"there is a check {name!r} already")
        self._checks[name] = check

    def include(self, other: Readiness) -> None:
        """Also run the checks of ``other``, including those that are added to it later."""
        self._included.append(other)

    def _all_checks(self) -> dict[str, Callable[[], object]]:
        checks = dict(self._checks)
        for other in self._included:
            checks |= other._all_checks()
        return checks

    def check(self) -> Mapping[str, CheckResult]:
        """Run all checks and return their results by name.

        The reason for a failed check is logged.

        Blocks: the calling task, until the checks have finished or their time is over.
        """
        checks = self._all_checks()
        results = dict.fromkeys(checks, CheckResult("timeout"))
        try:
            with deadline(self.timeout), scope() as running:
                for name, check in checks.items():
                    running.spawn(_run, name, check, results)
        except DeadlineExceeded:
            slow = [name for name, result in results.items() if result.status == "timeout"]
            _log.warning("not ready: no result in time from %s", ", ".join(slow))
        return results


def _run(name: str, check: Callable[[], object], results: dict[str, CheckResult]) -> None:
    begun = perf_counter()
    status: Literal["ok", "failed"] = "failed"
    try:
        if require_value(check(), check, is_decision=True) is False:
            _log.warning("not ready: %s", name)
        else:
            status = "ok"
    except Exception as error:
        _log.warning("not ready: %s: %s: %s", name, type(error).__name__, error)
    results[name] = CheckResult(status, round(perf_counter() - begun, 6))
