"""Limits for all operations that do not state their own."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

from photon_runtime.http import Handler, Request, Response

from ..dispatch import DEADLINE, with_deadline
from ._layer import Layer


@attrs.define(kw_only=True, eq=False)
class Deadline(Layer):
    """Gives each request so long for its answer; then it is cancelled, and answered with 504.

    It counts until the response is there: a body that is sent as it comes may take longer. An
    operation that states ``x-photon-deadline-ms`` is left to its own, be it less or more.

    Attributes:
        seconds: How long.
    """

    seconds: float = attrs.field(default=30.0, validator=gt(0))

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call on, for so long."""
        route = request.route
        if route is not None and route.operation is not None and DEADLINE in route.operation:
            return call_next(request)
        return with_deadline(call_next, self.seconds)(request)


@attrs.define(kw_only=True, eq=False)
class BodyLimit(Layer):
    """Lets bodies have so many bytes; more is 413.

    It stands in the place of ``[server] max_body_size`` for this application. An operation that
    states ``x-photon-body-limit`` goes by its own, be it less or more.

    Attributes:
        size: How many bytes.
    """

    size: int = attrs.field(default=1024 * 1024, validator=ge(0))

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Set the limit, which counts when the body is read."""
        request.body_limit = self.size
        return call_next(request)
