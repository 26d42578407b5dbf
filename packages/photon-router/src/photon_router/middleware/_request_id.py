"""A name for each request, in the answer, in the logs, and for the code."""

from __future__ import annotations

import logging
import os
import re
from contextvars import ContextVar

import attrs

from photon_runtime.http import Handler, Request, Response
from photon_runtime.logs import add_log_fields

from ._layer import Layer

STATE = "request_id"
_VALID = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
_FIELD_NAME = re.compile(r"[A-Za-z0-9-]+")
_current: ContextVar[str | None] = ContextVar("photon_request_id", default=None)


def _is_field_name(layer: RequestId, field: object, value: str) -> None:
    if not _FIELD_NAME.fullmatch(value):
        raise ValueError(f"not the name of a header field: {value!r}")


@attrs.define(kw_only=True, eq=False)
class RequestId(Layer):
    """Gives each request an id: that which it brings, or a new one.

    It is on the response, at ``request.state["request_id"]``, in each line of Photon's log, and
    known to `current_request_id` and `RequestIdFilter` in the request's task and in those that it
    starts.

    Attributes:
        header: The field that brings and returns it.
        accepts: Whether an id that the client sends is taken over, if it has up to 128 letters,
            digits and ``._~+/=:@-``; anything else is replaced and never logged.

    Example:
        >>> from photon_router import Request, Response
        >>> from photon_router.middleware import RequestId
        >>> request = Request("GET", "/", [(b"x-request-id", b"abc-1")])
        >>> from contextvars import copy_context  # each request has one of its own
        >>> response = copy_context().run(RequestId(), request, lambda request: Response())
        >>> response.header("x-request-id")
        'abc-1'
    """

    header: str = attrs.field(default="X-Request-ID", validator=_is_field_name)
    accepts: bool = True
    _raw_name: bytes = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare the name as requests have it."""
        self._raw_name = self.header.lower().encode("latin-1", "replace")

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Name the request, and say the name in the answer."""
        sent = request.raw_header(self._raw_name) if self.accepts else None
        if sent is not None and _VALID.fullmatch(sent):
            name = sent.decode("ascii")
        else:
            name = os.urandom(16).hex()
        request.state[STATE] = name
        add_log_fields(request_id=name)
        _current.set(name)  # the context is the request's own; streams see it, too
        response = call_next(request)
        response.set_header(self.header, name)
        return response


def current_request_id() -> str | None:
    """Return the id of the request that this code runs for, ``None`` outside of requests."""
    return _current.get()


class RequestIdFilter(logging.Filter):
    """Gives log records the id of their request as ``request_id``, ``-`` outside of requests.

    Example:
        >>> import logging
        >>> from photon_router.middleware import RequestIdFilter
        >>> handler = logging.StreamHandler()
        >>> handler.addFilter(RequestIdFilter())
        >>> handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id; every record passes."""
        record.request_id = _current.get() or "-"
        return True
