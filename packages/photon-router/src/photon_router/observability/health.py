"""The pages of health: whether the process lives, and whether it may get requests.

``/health`` only answers: that it does is the news, so it asks nothing of databases, whose failure
no restart of this process would mend. ``/ready`` runs the checks of the application's readiness
and answers 503 while one fails, or while the server is stopping: the sign for a load balancer to
send requests elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import msgspec

from photon_runtime.http import Request, Response, is_stopping
from photon_runtime.observability import Readiness

_FRESH = {"cache-control": "no-store"}


def alive(request: Request) -> Response:
    """Answer that the process lives."""
    return _answer(200, {"status": "ok"})


def ready_page(readiness: Readiness) -> Callable[[Request], Response]:
    """Return a page that answers 200 or 503, with the result of each check.

    The reason for a failed check is logged, not returned. The page blocks the calling task until
    the checks have finished or their time is over.
    """

    def page(request: Request) -> Response:
        if is_stopping():
            return _answer(503, {"status": "stopping"})
        results = readiness.check()
        is_ready = all(result.status == "ok" for result in results.values())
        checks = {
            name: attrs.asdict(result, filter=lambda _, value: value is not None)
            for name, result in results.items()
        }
        document = {"status": "ok" if is_ready else "unavailable", "checks": checks}
        return _answer(200 if is_ready else 503, document)

    return page


def _answer(status: int, document: Mapping[str, object]) -> Response:
    body = msgspec.json.encode(document)
    return Response(status, body=body, headers=_FRESH, content_type="application/json")
