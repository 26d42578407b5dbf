"""A started application, as what hosts it sees it: a handler with a context and an end.

Theory of operation. An application sets context variables while it starts: a lifespan sets up a
logger, a tenant, a client. Every request is to see them, whatever hosts the application: Photon's
server, a test client, a WSGI server with a scheduler for each request. So a started application
keeps the context variables as they were at the end of its start (`StartedHandler.context`), and
each host begins a request by `begin_request`, in a copy of them. What a request sets ends with it.

A bare function is a handler, too; its requests start in a copy of the context of its host.
"""

from __future__ import annotations

import contextvars
from typing import Protocol, runtime_checkable

from .._pooled_greenlet import current_task
from ._request import Request
from ._response import Response
from ._wire import Handler


@runtime_checkable
class StartedHandler(Protocol):
    """The handler of an application that has started.

    Attributes:
        context: The context variables that each request starts with a copy of.
    """

    context: contextvars.Context

    def __call__(self, request: Request) -> Response:
        """Return the response to a request."""
        ...

    def drain(self) -> None:
        """Begin to end what lasts longer than a request; called when the host begins to stop."""


def context_of(handler: Handler) -> contextvars.Context:
    """Return a copy of the context variables that requests to ``handler`` start with."""
    if isinstance(handler, StartedHandler):
        return handler.context.copy()
    return contextvars.copy_context()


def function_of(handler: Handler) -> Handler:
    """Return what to call for each request to ``handler``.

    A call of an object has to find its method first, so an object may offer a function as its
    attribute ``respond``.
    """
    function: Handler = getattr(handler, "respond", handler)
    return function


def begin_request(handler: Handler) -> None:
    """Give the calling task the context variables that a request to ``handler`` starts with.

    For hosts that call a handler in a task of their own, once for each request.
    """
    current_task().use_context(context_of(handler))
