"""Adapters: what a connection becomes after a route has accepted its request.

A route with an adapter (a WebSocket, a line protocol) is matched, authenticated, bound and wrapped
in middleware like any other, and its dependencies are made, all before the upgrade. Then the
adapter responds: it refuses, or it returns an `upgrade` that calls the handler once the ``101`` was
sent. The dependencies are released when the protocol has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from ._request import Request
from ._response import Response


@runtime_checkable
class CallAdapter(Protocol):
    """Calls a handler with a connection in place of answering with its result.

    Attributes:
        argument: The class of the argument that the handler takes the connection by, such as
            ``WebSocket``; a subclass, or one with type arguments, is recognised, too.
    """

    argument: type

    def respond(self, request: Request, call: Callable[[Any], object]) -> Response:
        """Return the response: a refusal (426, 403), or an `upgrade` that runs ``call``.

        Args:
            request: The request, whose arguments are bound and whose dependencies are made.
            call: Calls the handler with the connection, an instance of `argument`; to be called
                at most once, after the upgrade. Its result has no meaning.

        Raises:
            HttpError: The request is refused.
        """
        ...

    def describe(self, operation: dict[str, Any], schema: Callable[[Any], dict[str, Any]]) -> None:
        """Complete the OpenAPI operation that was written from the handler, in place.

        Args:
            operation: The operation.
            schema: Returns the JSON Schema of a Python type; classes become components of the
                document.
        """


@runtime_checkable
class ArgumentAdapter(Protocol):
    """An adapter that depends on the annotation of the argument; an optional interface of adapters.

    It is for connections with type arguments, such as ``WebSocket[Received, Sent]``, and with
    subclasses.
    """

    def for_argument(self, annotation: Any) -> CallAdapter:
        """Return the adapter for one handler; called at start-up.

        Args:
            annotation: The type of the handler's argument for the connection: the class in
                `CallAdapter.argument` or a subclass, with its type arguments.

        Raises:
            TypeError: The connection cannot have this type. The error of the start names the
                handler and the argument.
        """
        ...


@runtime_checkable
class PartAdapter(Protocol):
    """An adapter that needs a part of the application; an optional interface of adapters.

    Attributes:
        part: The class of the part, as ``package.module:name``. An application that has a route
            with the adapter, and no part of that class, adds one.
    """

    @property
    def part(self) -> str:
        """The class of the part."""
        ...
