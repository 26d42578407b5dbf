"""One record for each handler, from its decorator to the compiler.

A decorator makes it, routers that include the handler change its path, options and scope, and the
document writer adds the parameters of its arguments. A handler of an operation in the loaded
document (spec first) has no method and no path of its own.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from photon_openapi.annotations import strip_alias, without_none
from photon_openapi.schema import mapped_class_in
from photon_runtime.callables import location
from photon_runtime.http import ArgumentAdapter, CallAdapter

from ..dependencies import Owned, Providers, connection_argument
from ..errors import SignatureError
from ..responses import ResponseCase, response_cases_of
from ..signatures import Argument, Signature
from ._options import RouteOptions, merge_options
from ._route_scope import RouteScope

ParameterKey: TypeAlias = tuple[str, str]
"""The location and the name of a parameter; see `photon_openapi.document.parameter_key`."""
ParameterKeys: TypeAlias = Mapping[tuple[Callable[..., Any], str], ParameterKey]
"""The parameter of each argument, by the argument's function and name."""


@attrs.frozen
class HandlerEntry:
    """A handler, and the properties of its operation that are not in the document.

    Attributes:
        function: The handler.
        signature: Its signature.
        operation_id: The name of its operation.
        options: The options of its decorator, and of the routers that include it.
        scope: Inherited middleware, dependencies and error handlers of those routers.
        method: Method in capitals; empty if the operation is in the loaded document.
        path: Template, ``{name:path}`` for a catch-all; empty if the method is.
        sources: The parameters of its arguments, after its operation was written.
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
        """True if its operation is written from the signature (code first)."""
        return bool(self.method)

    @property
    def status(self) -> int | None:
        """Status of its responses; ``None`` leaves it to the annotation, or to the document."""
        return self.options.get("status")

    @property
    def adapter(self) -> CallAdapter | None:
        """The adapter of the connection; ``None`` if the handler's result is the response."""
        return self.options.get("adapter")

    @property
    def connection(self) -> Argument | None:
        """The argument for the connection of the adapter.

        Raises:
            SignatureError: The handler has an adapter, but not exactly one such argument; or it is
                a generator, which would not run.
        """
        if self.adapter is None:
            return None
        if inspect.isgeneratorfunction(self.function):
            raise SignatureError(
                f"{location(self.function)}: a handler of this route must not yield: it sends by "
                f"its argument of the class {self.adapter.argument.__qualname__}"
            )
        try:
            return connection_argument(self.signature, self.adapter)
        except SignatureError as error:
            raise SignatureError(f"{location(self.function)}: {error}") from None

    def resolved_adapter(self) -> CallAdapter | None:
        """Return the adapter for the type of the argument; ``None`` without an adapter.

        Raises:
            SignatureError: The handler has not exactly one such argument, or one of a type that
                the adapter refuses.
        """
        adapter: object = self.adapter
        connection = self.connection
        if connection is None or not isinstance(adapter, ArgumentAdapter):
            return self.adapter
        try:
            return adapter.for_argument(strip_alias(without_none(connection.annotation.type)))
        except TypeError as error:
            where = f"{location(self.function)}, argument {connection.name}"
            raise SignatureError(f"{where}: {error}") from error

    def request_arguments(self, providers: Providers) -> list[Owned]:
        """Return the arguments from the request, including those of dependencies.

        Raises:
            SignatureError: A dependency is invalid, or depends on itself; an argument would be
                decoded into a class that SQLAlchemy maps.
        """
        connection, signature = self.connection, self.signature
        if connection is not None:
            others = [each for each in signature.arguments if each is not connection]
            signature = attrs.evolve(signature, arguments=others)
        owned = providers.request_arguments(self.function, signature, self.scope.dependencies)
        if self.sources is None:  # otherwise they were checked when the operation was written
            for owner, argument in owned:
                _refuse_mapped_class(owner, argument)
        return owned

    @functools.cached_property
    def response_cases(self) -> Sequence[ResponseCase]:
        """The possible responses to its results.

        Raises:
            SignatureError: Two of them have the same class and different statuses.
        """
        return response_cases_of(
            self.function,
            self.signature.result,
            media=self.options.get("media_type"),
            responses=self.options.get("responses") if self.is_written else None,
            omit_none=self.options.get("omit_none", False),
        )

    def inherit(
        self, options: RouteOptions, outer: RouteScope, *, path: str, operation_id: str
    ) -> HandlerEntry:
        """Return the entry in an outer router.

        Args:
            options: The options of the router.
            outer: The scope of the router.
            path: The path in the router.
            operation_id: The name in the router.
        """
        if not self.is_written:  # the document has all other options
            options = {key: options[key] for key in ("omit_none",) if key in options}  # type: ignore[assignment]
        # Not by attrs.evolve: it takes ten times as long, and runs at each level of routers.
        return HandlerEntry(
            self.function,
            self.signature,
            operation_id,
            merge_options(options, self.options),
            self.scope.inherit(outer),
            self.method,
            path,
            self.sources,
        )

    def with_sources(self, sources: ParameterKeys) -> HandlerEntry:
        """Return the entry with the parameters of its arguments, after it was written."""
        return HandlerEntry(
            self.function,
            self.signature,
            self.operation_id,
            self.options,
            self.scope,
            self.method,
            self.path,
            sources,
        )


def _refuse_mapped_class(owner: Callable[..., object], argument: Argument) -> None:
    """Refuse an argument whose value would be an object of a database, set by the client.

    Raises:
        SignatureError: It has, or contains, a class that SQLAlchemy maps.
    """
    try:
        cls = mapped_class_in(argument.annotation.type)
    except TypeError:  # an annotation that cannot be resolved, reported by the schema
        return
    if cls is not None:
        name = cls.__qualname__
        raise SignatureError(
            f"{location(owner)}, argument {argument.name}: a request is not decoded into {name}, "
            "which SQLAlchemy maps: clients could set every column of it. Write an attrs class "
            f"with the members that clients may send, and make the {name} from it"
        )


@attrs.define
class OperationNames:
    """The functions of a router by the names of their operations, for names of further ones.

    A router may have thousands of them, so adding one does not look at all others.
    """

    _functions: dict[str, set[Callable[..., object]]] = attrs.field(factory=dict)
    _unhashable: dict[str, list[Callable[..., object]]] = attrs.field(factory=dict)

    def add(self, entry: HandlerEntry) -> None:
        """Add the function of an operation that is written."""
        function, name = entry.function, entry.operation_id
        try:
            self._functions.setdefault(name, set()).add(function)
        except TypeError:
            self._unhashable.setdefault(name, []).append(function)

    def has(self, function: Callable[..., object], name: str) -> bool:
        """Return whether an operation of this name has the function as its handler."""
        try:
            return function in self._functions.get(name, ())
        except TypeError:
            return function in self._unhashable.get(name, ())


def name_operation(
    function: Callable[..., object], method: str, path: str, *, others: OperationNames
) -> str:
    """Return the default name of an operation: the name of its function.

    A function with several routes is distinguished by method and path.

    Raises:
        SignatureError: The handler is an object without a name.
    """
    name: str | None = getattr(function, "__name__", None)
    if name is None:
        raise SignatureError(
            f"{location(function)} has no name for its operation: add an operation_id"
        )
    if others.has(function, name):
        slug = re.sub(r"\W+", "_", path).strip("_")
        name = f"{name}_{method.lower()}_{slug}".rstrip("_")
    return name
