"""The health pages: liveness and readiness of the process.

``/health`` only responds, which proves that the process is alive; it does not check databases,
whose failure a restart of this process cannot fix. ``/ready`` runs the checks of the application's
readiness and returns 503 while one fails, or while the server is stopping, so that a load balancer
sends requests elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import msgspec

from photon_runtime.http import Request, Response, is_stopping
from photon_runtime.observability import Readiness

_NO_STORE = {"cache-control": "no-store"}


def alive(request: Request) -> Response:
    """Return 200: the process is alive."""
    return _json_response(200, {"status": "ok"})


def ready_page(readiness: Readiness) -> Callable[[Request], Response]:
    """Return a page that responds with 200 or 503, and the result of each check.

    The reason for a failed check is logged, not returned. The page blocks the calling task until
    the checks have finished or their time is over.
    """

    def page(request: Request) -> Response:
        if is_stopping():
            return _json_response(503, {"status": "stopping"})
        results = readiness.check()
        is_ready = all(result.status == "ok" for result in results.values())
        checks = {
            name: attrs.asdict(result, filter=lambda _, value: value is not None)
            for name, result in results.items()
        }
        document = {"status": "ok" if is_ready else "unavailable", "checks": checks}
        return _json_response(200 if is_ready else 503, document)

    return page


def _json_response(status: int, document: Mapping[str, object]) -> Response:
    body = msgspec.json.encode(document)
    return Response(status, body=body, headers=_NO_STORE, content_type="application/json")
