"""Declarations: the handlers of a router, and what lies around them, as they are written down.

Nothing is compiled here. Decorators, views and marked functions become routes; routers take over
those of other routers. What comes of it all is the business of `router`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TypeAlias, TypeVar, Unpack

import attrs

from photon_openapi.document import OpenApi
from photon_runtime.callables import (
    CallableKind,
    kind_of,
    location,
    require_function,
    require_value,
)
from photon_runtime.http import Handler

from ._marks import marks_in
from ._views import methods_of
from .dispatch._mount import Mount, mounts_below
from .errors import SignatureError
from .handlers._declared import Declared, Route, name_operation
from .handlers._options import (
    DeclaredResponse,
    OperationOptions,
    RouteOptions,
    check_error_classes,
    check_middleware,
    check_operation_options,
    check_options,
    dependency_of,
    shared_options,
    surroundings_of,
    within,
)
from .handlers._surroundings import ErrorHandler, Middleware, Surroundings
from .middleware._chain import chain
from .security import Required, Verifier
from .signatures._signature import Signature, read_signature

F = TypeVar("F", bound=Callable[..., object])
E = TypeVar("E", bound=ErrorHandler)
V = TypeVar("V", bound=type)
Lifespan: TypeAlias = Callable[[], AbstractContextManager[object]]
NameOperation: TypeAlias = Callable[[Callable[..., object], str, str], str]
"""Names an operation, of its handler, its method in capitals and its path."""


class Declarations:
    """Handlers, and what lies around them.

    Args:
        prefix: Beginning of the paths of the handlers declared here.
        options: What they share.
        dependencies: What is made before each of them.
        middleware: Layers around them.
        name_operations: Names those that have no name of their own.

    Raises:
        ValueError: ``prefix`` does not begin with a slash, or ends with one.
    """

    def __init__(
        self,
        prefix: str,
        options: RouteOptions,
        dependencies: Sequence[object],
        middleware: Sequence[Middleware],
        *,
        name_operations: NameOperation | None,
    ) -> None:
        """Begin without handlers."""
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError(f"a prefix begins with a slash and ends without one, not {prefix!r}")
        self.prefix = prefix
        self._options = options
        self._dependencies = tuple(map(dependency_of, dependencies))
        self._name_operation = name_operations
        self._base: OpenApi | None = None
        self._routes: list[Route] = []
        self._operations: list[Declared] = []
        check_middleware(middleware)
        if name_operations is not None:
            require_function(name_operations, "generate_operation_id")
        self._layers: list[Middleware] = list(middleware)
        self._error_handlers: dict[type[BaseException], ErrorHandler] = {}
        self._mounts: list[Mount] = []
        self._lifespans: list[Lifespan] = []
        self._verifiers: dict[str, Verifier] = {}
        self._urls: dict[str, str] | None = None

    def route(self, path: str, *, method: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of ``method`` on ``path``.

        Args:
            path: Template with parameters in braces; ``{name:path}`` at the end takes the rest.
                Below a prefix it may be empty.
            method: HTTP method, in any case.
            options: See `RouteOptions`.

        Raises:
            SignatureError: The function cannot be a handler, or an option is unknown; says where
                and what to write.
        """
        check_options(options)

        def register(function: F) -> F:
            self._add(function, method.upper(), path, options)
            return function

        return register

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of GET (and HEAD) on ``path``; see `route`."""
        return self.route(path, method="GET", **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of POST on ``path``; see `route`."""
        return self.route(path, method="POST", **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of PUT on ``path``; see `route`."""
        return self.route(path, method="PUT", **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of PATCH on ``path``; see `route`."""
        return self.route(path, method="PATCH", **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of DELETE on ``path``; see `route`."""
        return self.route(path, method="DELETE", **options)

    def view(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[V], V]:
        """Make the methods of the decorated class the handlers of a path.

        Those named like methods of HTTP (``get``, ``put`` ...) are handlers. For each request the
        class is called, and what its ``__init__`` takes, for an attrs class its attributes, is
        bound like the arguments of a handler.

        Args:
            path: Template with parameters in braces; each method takes those of them that the
                class does not.
            options: See `RouteOptions`, for all of the methods.

        Raises:
            SignatureError: The class has no such methods, one of them cannot be a handler, or an
                option is unknown.
        """
        check_options(options)

        def register(view: V) -> V:
            for each in methods_of(view):
                named: RouteOptions = {"operation_id": each.operation_id, **options}
                self._add(each.function, each.method, path, named, signature=each.signature)
            return view

        return register

    def operation(self, operation_id: str, **options: Unpack[OperationOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of an operation of the loaded document.

        Args:
            operation_id: The ``operationId`` in the document.
            options: See `OperationOptions`; all else is said by the document.

        Raises:
            SignatureError: The function cannot be a handler, the operation has one already, or an
                option is unknown.
        """
        check_operation_options(options)
        around = surroundings_of(options)

        def register(function: F) -> F:
            signature, omit_none = read_signature(function), options.get("omit_none")
            self._take_operation(Declared(operation_id, function, signature, omit_none, around))
            return function

        return register

    def security(self, name: str, verifier: Verifier) -> None:
        """Let ``verifier`` verify the security scheme ``name`` of the loaded document.

        Args:
            name: The scheme, as it is called in ``components.securitySchemes``.
            verifier: Verifies its credentials.

        Raises:
            ValueError: The scheme has a verifier already.
        """
        if name in self._verifiers:
            raise ValueError(f"the security scheme {name!r} has a verifier already")
        self._verifiers[name] = verifier

    def middleware(self, layer: Middleware) -> Middleware:
        """Put a function around every request: ``def layer(request, call_next) -> Response``.

        The first one declared is the outermost. Of an application they lie around everything,
        refusals included; of a router that is included, around its handlers, and behind their
        authentication. ``call_next`` gives the answer to whatever happens inside and does not
        raise; an unexpected error is found as ``request.failure``.

        Raises:
            SignatureError: It is not a function, or a coroutine function or a generator function.
        """
        if not callable(layer):
            raise SignatureError(
                f"a layer is a function, not {layer!r}: write @app.middleware without brackets"
            )
        require_function(layer, "middleware")
        self._layers.append(layer)
        return layer

    def error_handler(self, *classes: type[BaseException]) -> Callable[[E], E]:
        """Make the decorated function answer for errors: ``def answer(request, error)``.

        It answers for those raised by the handlers of this router (of an application: by all),
        whose class is one of ``classes`` or derived from one; the nearest class counts.

        Args:
            classes: Classes of exceptions; `HttpError` and `ValidationError` among them.

        Raises:
            SignatureError: One of them is no class of exceptions.
        """
        check_error_classes(classes)

        def register(function: E) -> E:
            require_function(function, "an error handler")
            self._error_handlers |= dict.fromkeys(classes, function)
            return function

        return register

    def mount(self, prefix: str, handler: Handler, *, name: str | None = None) -> None:
        """Let ``handler`` answer all requests to ``prefix`` and below that no operation takes.

        For what is no operation: `StaticFiles`, a WSGI application, a handler of one's own. The
        rest of the path is the last of the request's ``path_values``.

        The layers and error handlers of a router lie around what it mounts, as around its handlers.
        Security and dependencies do not: they belong to operations. So a router that has them and
        mounts something cannot be included.

        Args:
            prefix: Begins with a slash; ``/`` for all. Below the prefix of the router.
            handler: From a request to a response.
            name: What people call it, for messages and listings.

        Raises:
            ValueError: ``prefix`` does not begin with a slash.
        """
        if not prefix.startswith("/"):
            raise ValueError(f"a prefix begins with a slash, not {prefix!r}")
        require_function(handler, "a mounted handler")
        named = name if name is not None else f"the mount at {prefix}"
        self._mounts += mounts_below(self.prefix + prefix, handler, named)

    def include(
        self,
        source: Callable[..., object] | ModuleType | Declarations,
        *,
        prefix: str = "",
        tags: Sequence[str] = (),
        dependencies: Sequence[object] = (),
        responses: Mapping[int, DeclaredResponse] | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
        security: Sequence[Required] | None = None,
        omit_none: bool | None = None,
    ) -> None:
        """Take over handlers: a marked function, all of a module, or those of another router.

        Args:
            source: Where the handlers are. Later changes to it do not count.
            prefix: Put before their paths.
            tags: Tags for them, beside their own.
            dependencies: Functions that are run before each of them.
            responses: Further responses of theirs, see `RouteOptions`.
            deprecated: Whether clients should stop using them.
            include_in_schema: Whether they stand in the published document.
            security: Who may call them, where neither they nor their router say it.
            omit_none: Whether they leave out ``None``, where neither they nor their router say it;
                see `OperationOptions`.

        Raises:
            ValueError: There is nothing to take over, or a router has security or dependencies and
                mounts what they would not guard.
            SignatureError: An operation of the document has a handler already.
        """
        outer = Surroundings(dependencies=tuple(map(dependency_of, dependencies)))
        shared = shared_options(
            tags,
            responses,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
            security=security,
            omit_none=omit_none,
        )
        if isinstance(source, Declarations):
            self._include_router(source, prefix, shared, outer)
            return
        marked = marks_in(source)
        if not marked:
            name = getattr(source, "__name__", repr(source))
            raise ValueError(f"{name} has no handlers: mark them with @photon_route(...)")
        for function, mark in marked:
            options = within(shared, mark.options)
            self._add(function, mark.method, prefix + mark.path, options, outer)

    def _include_router(
        self, other: Declarations, prefix: str, shared: RouteOptions, outer: Surroundings
    ) -> None:
        if other is self:
            raise ValueError("a router cannot include itself")
        if other._base is not None:
            raise ValueError(
                "only the application itself can have a spec, not a router that is included in it"
            )
        if _seems_guarded(shared, outer) or _seems_guarded(other._options, other._around(None)):
            _refuse_mounts(other._mounts)
        layers = tuple(placed.layer for placed in chain(None, other._layers))
        own = Surroundings(layers, (), other._error_handlers).inside(outer)
        for route in other._routes:
            inner = attrs.evolve(
                route,
                path=prefix + route.path,
                options=within(shared, route.options),
                surroundings=route.surroundings.inside(own),
            )
            is_named = "operation_id" in route.options or other._name_operation is not None
            self._take(inner, name=route.operation_id if is_named else None)
        for declared in other._operations:
            self._take_operation(declared.within(shared, own))
        for mount in other._mounts:
            template = (self.prefix + prefix + mount.template).rstrip("/") or "/"
            surroundings = mount.surroundings.inside(own)
            self._mounts.append(attrs.evolve(mount, template=template, surroundings=surroundings))
        self._lifespans += other._lifespans
        for name, verifier in other._verifiers.items():
            self.security(name, verifier)

    def _add(
        self,
        function: Callable[..., object],
        method: str,
        path: str,
        options: RouteOptions,
        outer: Surroundings | None = None,
        *,
        signature: Signature | None = None,
    ) -> None:
        if not path.startswith("/") and not (self.prefix and path == ""):
            raise SignatureError(f"{location(function)}: a path begins with a slash, not {path!r}")
        if kind_of(function) is CallableKind.CONTEXT_MANAGER:
            raise SignatureError(
                f"{location(function)} cannot be a handler: it is a context manager. Leave "
                "contextlib.contextmanager out; a generator function is answered as a stream"
            )
        signature = read_signature(function) if signature is None else signature
        around = surroundings_of(options).inside(outer or Surroundings())
        name = options.get("operation_id")
        self._take(Route(function, signature, method, path, "", options, around), name=name)

    def _take(self, route: Route, *, name: str | None) -> None:
        """Take over a route, which then is one of this router."""
        path = self.prefix + route.path
        if name is None and self._name_operation is not None:
            name = self._name_operation(route.function, route.method, path)
            require_value(name, self._name_operation)
        if name is None:
            name = name_operation(route.function, route.method, path, others=self._routes)
        own = attrs.evolve(
            route,
            path=path,
            operation_id=name,
            options=within(self._options, route.options),
            surroundings=self._around(route.surroundings),
        )
        self._routes.append(own)
        self._urls = None

    def _take_operation(self, declared: Declared) -> None:
        """Take over a handler of an operation, which then is one of this router."""
        for other in self._operations:
            if other.operation_id == declared.operation_id:
                raise SignatureError(
                    f"{location(declared.function)}: {location(other.function)} handles "
                    f"{declared.operation_id!r} already"
                )
        self._operations.append(declared.within(self._options, self._around(None)))

    def _around(self, inner: Surroundings | None) -> Surroundings:
        own = Surroundings(dependencies=self._dependencies)
        return own if inner is None else inner.inside(own)


def _seems_guarded(options: RouteOptions, around: Surroundings) -> bool:
    return bool(options.get("security") or around.dependencies)


def _refuse_mounts(mounts: Sequence[Mount]) -> None:
    """Refuse what would be open to all though it stands beside what is guarded.

    Raises:
        ValueError: There is such a mount.
    """
    for mount in mounts:
        raise ValueError(
            f"{mount.name} is no operation, and nothing of its router's security and dependencies "
            "guards it: mount it on the application, or on a router that guards it by middleware"
        )
