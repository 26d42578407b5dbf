"""Many calls at once, beside a coroutine that notices when they hold up the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from probe import Probe
from program import MANY, at_once

_BOUND = 0.1
_ROUNDS = 6


def many(
    call: Callable[[int], Any], count: int = MANY, *, ping: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Make many calls at once beside a probe; return the answers, the seconds and the lateness.

    As in `at_once`, what a busy machine has delayed is measured again.
    """
    latest: list[float] = []
    while not latest or (min(latest) > _BOUND and len(latest) < _ROUNDS):
        probe = Probe(ping)
        with probe.running():
            answers, seconds = at_once(call, count)
        latest.append(probe.late)
    return {"answers": answers, "seconds": seconds, "latest": min(latest)}
