"""Health: whether the process lives, and whether it may get requests.

``/health`` only answers: that it does is the news, so it asks nothing of databases, whose failure
no restart of this process would mend. ``/ready`` asks the checks that the application declared
and says 503 while one fails, or while the server is stopping: the sign for a load balancer to
send requests elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from time import perf_counter

import msgspec

from photon_runtime import deadline, scope
from photon_runtime.callables import require_function, require_value
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.http import Request, Response, is_stopping

_log = logging.getLogger("photon.health")
_FRESH = {"cache-control": "no-store"}


def alive(request: Request) -> Response:
    """Answer that the process lives."""
    return _answer(200, {"status": "ok"})


class Readiness:
    """Answers whether all that the application needs is there.

    Args:
        timeout: Seconds that the checks, which run at the same time, have together.

    Example:
        >>> from photon_router.observability import Readiness
        >>> ready = Readiness()
        >>> ready.add("database", lambda: None)
    """

    def __init__(self, *, timeout: float = 5.0) -> None:
        """Begin without checks, which is ready."""
        self.timeout = timeout
        self._checks: dict[str, Callable[[], object]] = {}

    def add(self, name: str, check: Callable[[], object]) -> None:
        """Add a check: a function that raises, or returns ``False``, when something is missing.

        Raises:
            ValueError: There is one of that name.
            SignatureError: It is a coroutine function, a generator function, or the like.
        """
        require_function(check, "a readiness check")
        if name in self._checks:
            raise ValueError(f"there is a check {name!r} already")
        self._checks[name] = check

    def __call__(self, request: Request) -> Response:
        """Answer 200 or 503 with the state of each check.

        Why a check failed is logged and not told.

        Blocks: the calling task, until the checks are done or their time is over.
        """
        if is_stopping():
            return _answer(503, {"status": "stopping"})
        states = self._states()
        is_ready = all(state["status"] == "ok" for state in states.values())
        document = {"status": "ok" if is_ready else "unavailable", "checks": states}
        return _answer(200 if is_ready else 503, document)

    def _states(self) -> dict[str, dict[str, object]]:
        states: dict[str, dict[str, object]] = {
            name: {"status": "timeout"} for name in self._checks
        }
        try:
            with deadline(self.timeout), scope() as running:
                for name, check in self._checks.items():
                    running.spawn(_run, name, check, states)
        except DeadlineExceeded:
            slow = [name for name, state in states.items() if state["status"] == "timeout"]
            _log.warning("not ready: no answer from %s", ", ".join(slow))
        return states


def _run(name: str, check: Callable[[], object], states: dict[str, dict[str, object]]) -> None:
    begun = perf_counter()
    status = "ok"
    try:
        if require_value(check(), check, verdict=True) is False:
            status = "failed"
            _log.warning("not ready: %s", name)
    except Exception as error:
        status = "failed"
        _log.warning("not ready: %s: %s: %s", name, type(error).__name__, error)
    states[name] = {"status": status, "seconds": round(perf_counter() - begun, 6)}


def _answer(status: int, document: Mapping[str, object]) -> Response:
    body = msgspec.json.encode(document)
    return Response(status, body=body, headers=_FRESH, content_type="application/json")
