"""An id for each request, in the response, in the logs, and for the code.

Theory of operation. A new id is 128 random bits. They are requested from the operating system for
many ids at once, because the system call is most of the cost of one; a forked process drops those
that it inherits, which its parent uses. An id is in no two responses, so its field is encoded
without the cache that other fields have.
"""

from __future__ import annotations

import logging
import os
import re
import weakref

import attrs

from photon_runtime.http import CheckedName, Handler, Request, Response
from photon_runtime.logs import log_request_id

from ._layer import Layer

STATE = "request_id"
_VALID = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
_FIELD_NAME = re.compile(r"[A-Za-z0-9-]+")
_TAKEN = frozenset(
    ("connection", "content-length", "content-type", "date", "transfer-encoding", "upgrade")
)
_AT_ONCE = 128


class _NewIds:
    """New ids, of 32 hexadecimal digits; any thread may take one of those that are ready."""

    __slots__ = ("__weakref__", "ready")

    def __init__(self) -> None:
        self.ready: list[str] = []
        find = weakref.ref(self)

        def forget() -> None:
            own = find()
            if own is not None:
                own.ready.clear()

        os.register_at_fork(after_in_child=forget)

    def add(self) -> str:
        """Make many ids, and return another one."""
        digits = os.urandom(16 * _AT_ONCE).hex()
        ids = [digits[start : start + 32] for start in range(0, len(digits), 32)]
        own = ids.pop()
        self.ready += ids
        return own


def _is_field_name(layer: RequestId, field: object, value: str) -> None:
    if not _FIELD_NAME.fullmatch(value):
        raise ValueError(f"not the name of a header field: {value!r}")
    if value.lower() in _TAKEN:
        raise ValueError(f"the field {value!r} has another meaning: use X-Request-ID")


@attrs.define(kw_only=True, eq=False)
class RequestId(Layer):
    """Assigns each request an id: that of the client, or a new one.

    The id is in the response, in ``request.state["request_id"]``, in each line of Photon's log,
    and available to `current_request_id` and `RequestIdFilter` in the request's task and in the
    tasks that it spawns.

    Attributes:
        header: The header field of the id, in requests and responses.
        accepts: True to use an id that the client sends, if it consists of up to 128 letters,
            digits and ``._~+/=:@-``; any other value is replaced and never logged.

    Example:
        >>> from photon_router import Request, Response
        >>> from photon_router.middleware import RequestId
        >>> request = Request("GET", "/", [(b"x-request-id", b"abc-1")])
        >>> from contextvars import copy_context  # each request has its own context
        >>> response = copy_context().run(RequestId(), request, lambda request: Response())
        >>> response.header("x-request-id")
        'abc-1'
    """

    header: str = attrs.field(default="X-Request-ID", validator=_is_field_name)
    accepts: bool = True
    _lower_name: str = attrs.field(init=False, repr=False)
    _raw_name: bytes = attrs.field(init=False, repr=False)
    _new_ids: _NewIds = attrs.field(init=False, repr=False, factory=_NewIds)

    def __attrs_post_init__(self) -> None:
        """Prepare the names of the field."""
        self._lower_name = self.header.lower()
        self._raw_name = self._lower_name.encode("latin-1", "replace")

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Set the id of the request, and return it in the response."""
        return self._wrap_handler(call_next)(request)

    def _wrap_handler(self, call_next: Handler) -> Handler:  # noqa: C901 - see below
        """Return a handler that calls ``call_next`` and sets the id; used by the chain."""
        header, lower_name, raw_name = CheckedName(self.header), self._lower_name, self._raw_name
        accepts, new_ids = self.accepts, self._new_ids
        ready_ids, set_log_id = new_ids.ready, log_request_id.set

        def identify(request: Request) -> Response:  # noqa: C901 - calls would cost more
            request_id = None
            if accepts:
                for name, value in request._raw_headers:
                    if name == raw_name:
                        if _VALID.fullmatch(value):
                            request_id = value.decode("ascii")
                        break
            if request_id is None:
                try:
                    request_id = ready_ids.pop()
                except IndexError:
                    request_id = new_ids.add()
            if request._state is None:
                request._state = {STATE: request_id}
            else:
                request._state[STATE] = request_id
            set_log_id(request_id)  # the context is the request's own; streams see it, too
            response = call_next(request)
            if response.headers:
                response._remove_headers(lower_name)
                response.headers.append((header, request_id))
            else:
                response.headers = [(header, request_id)]
            return response

        return identify


def current_request_id() -> str | None:
    """Return the id of the request that this code runs for, ``None`` outside of requests."""
    return log_request_id.get()


class RequestIdFilter(logging.Filter):
    """Adds the id of the request to log records as ``request_id``, ``-`` outside of requests.

    Example:
        >>> import logging
        >>> from photon_router.middleware import RequestIdFilter
        >>> handler = logging.StreamHandler()
        >>> handler.addFilter(RequestIdFilter())
        >>> handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id; accept every record."""
        record.request_id = log_request_id.get() or "-"
        return True
