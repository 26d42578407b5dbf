"""One record for each handler, from its decorator to the compiler.

A decorator makes it, routers that include the handler change its path, options and scope, and the
document writer adds where its arguments have their values. A handler of an operation that the
loaded document has (spec first) has no method and no path of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from photon_runtime.callables import location
from photon_runtime.http import CallAdapter

from ..dependencies import Owned, Providers, connection_argument
from ..errors import SignatureError
from ..responses import ResponseCase, response_cases_of
from ..signatures import Argument, Signature
from ._options import RouteOptions, within
from ._route_scope import RouteScope

ParameterKey: TypeAlias = tuple[str, str]
"""The place and the name of a parameter; see `photon_openapi.document.parameter_key`."""
ParameterKeys: TypeAlias = Mapping[tuple[Callable[..., Any], str], ParameterKey]
"""Where each argument has its value, by its function and its name."""


@attrs.frozen
class HandlerEntry:
    """A handler, and all that is known of its operation apart from the document.

    Attributes:
        function: The handler.
        signature: Its signature.
        operation_id: The name of its operation.
        options: The options of its decorator, and of the routers that have it.
        scope: What those routers inherit to it: middleware, dependencies, error handlers.
        method: In capitals; empty where the loaded document has the operation.
        path: The template, ``{name:path}`` for a catch-all; empty as the method is.
        sources: Where its arguments have their values, once its operation was written from it.
    """

    function: Callable[..., Any]
    signature: Signature
    operation_id: str
    options: RouteOptions
    scope: RouteScope = attrs.field(factory=RouteScope)
    method: str = ""
    path: str = ""
    sources: ParameterKeys | None = None

    @property
    def is_written(self) -> bool:
        """Whether its operation is written from it (code first)."""
        return bool(self.method)

    @property
    def status(self) -> int | None:
        """Status of its responses; ``None`` leaves it to the annotation, or to the document."""
        return self.options.get("status")

    @property
    def adapter(self) -> CallAdapter | None:
        """What its connection becomes; ``None`` where its result is the response."""
        return self.options.get("adapter")

    @property
    def connection(self) -> Argument | None:
        """The argument that the adapter gives.

        Raises:
            SignatureError: There is an adapter, and not one such argument.
        """
        if self.adapter is None:
            return None
        try:
            return connection_argument(self.signature, self.adapter)
        except SignatureError as error:
            raise SignatureError(f"{location(self.function)}: {error}") from None

    def request_arguments(self, providers: Providers) -> list[Owned]:
        """Return the arguments that the request has, those of dependencies included.

        Raises:
            SignatureError: A dependency cannot be one, or depends on itself.
        """
        connection, signature = self.connection, self.signature
        if connection is not None:
            others = [each for each in signature.arguments if each is not connection]
            signature = attrs.evolve(signature, arguments=others)
        return providers.request_arguments(self.function, signature, self.scope.dependencies)

    def response_cases(self) -> list[ResponseCase]:
        """Return the responses that its results may become.

        Raises:
            SignatureError: Two of them have the same class and another status.
        """
        return response_cases_of(
            self.function,
            self.signature.result,
            media=self.options.get("media_type"),
            responses=self.options.get("responses") if self.is_written else None,
            omit_none=self.options.get("omit_none", False),
        )

    def inherit(self, options: RouteOptions, outer: RouteScope) -> HandlerEntry:
        """Return the entry as one of a router with these options and this scope."""
        if not self.is_written:  # the document has said the rest
            options = {key: options[key] for key in ("omit_none",) if key in options}  # type: ignore[assignment]
        return attrs.evolve(
            self, options=within(options, self.options), scope=self.scope.inherit(outer)
        )


def name_operation(
    function: Callable[..., object], method: str, path: str, *, others: Sequence[HandlerEntry]
) -> str:
    """Return the name of an operation that has none of its own: the function's.

    A function that has a route already is told apart by method and path.

    Raises:
        SignatureError: The handler is an object without a name.
    """
    name: str | None = getattr(function, "__name__", None)
    if name is None:
        raise SignatureError(
            f"{location(function)} has no name to call its operation by: give it an operation_id"
        )
    if any(other.function == function and other.operation_id == name for other in others):
        slug = re.sub(r"\W+", "_", path).strip("_")
        name = f"{name}_{method.lower()}_{slug}".rstrip("_")
    return name
