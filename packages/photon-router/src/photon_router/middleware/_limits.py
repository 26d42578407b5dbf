"""Limits for all operations that do not declare their own."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

from photon_openapi.serving import DEADLINE
from photon_runtime.http import Handler, Request, Response

from ..dispatch import with_deadline
from ._layer import Layer


@attrs.define(kw_only=True, eq=False)
class Deadline(Layer):
    """Limits the time of each request; when it is over, the handler is cancelled: 504.

    The limit ends with the response of the handler: sending a streamed body may take longer. An
    operation that declares ``x-photon-deadline-ms`` has its own limit instead, shorter or longer.

    Attributes:
        seconds: The time limit in seconds.
    """

    seconds: float = attrs.field(default=30.0, validator=gt(0))

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call the next handler with the deadline."""
        route = request.route
        if route is not None and route.operation is not None and DEADLINE in route.operation:
            return call_next(request)
        return with_deadline(call_next, self.seconds)(request)


@attrs.define(kw_only=True, eq=False)
class BodyLimit(Layer):
    """Limits the size of request bodies; a larger body gets 413.

    It replaces ``[server] max_body_size`` for this application. An operation that declares
    ``x-photon-body-limit`` has its own limit instead, smaller or larger.

    Attributes:
        size: Maximum number of bytes.
    """

    size: int = attrs.field(default=1024 * 1024, validator=ge(0))

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Set the limit, which applies when the body is read."""
        request.body_limit = self.size
        return call_next(request)
