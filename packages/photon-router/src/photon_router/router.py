"""The router: handlers, and what wraps them, as they are declared.

Nothing is compiled here. Decorators, views and marked functions become entries; a router takes over
those of the routers that it includes. `Application` makes something that runs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TypeAlias, TypeVar, Unpack, cast

import attrs

from photon_runtime.callables import (
    CallableKind,
    kind_of,
    location,
    require_context_manager,
    require_function,
    require_value,
)
from photon_runtime.http import Handler

from ._route_marks import marks_in
from ._route_marks import photon_route as photon_route
from ._views import methods_of
from .dispatch import Mount, mounts_below
from .errors import SignatureError
from .handlers import (
    DeclaredResponse,
    ErrorHandler,
    HandlerEntry,
    Middleware,
    OperationOptions,
    RouteOptions,
    RouteScope,
    check_error_classes,
    check_middleware,
    check_operation_options,
    check_options,
    dependency_of,
    name_operation,
    scope_of,
    shared_options,
    within,
)
from .middleware import chain
from .security import Required, Verifier
from .signatures import Signature, read_signature

F = TypeVar("F", bound=Callable[..., object])
E = TypeVar("E", bound=ErrorHandler)
V = TypeVar("V", bound=type)
Lifespan: TypeAlias = Callable[[], AbstractContextManager[object]]
NameOperation: TypeAlias = Callable[[Callable[..., object], str, str], str]
"""Names an operation, of its handler, its method in capitals and its path."""


class Router:
    """A collection of handlers, to be included in an application or in another router.

    Args:
        prefix: Beginning of the paths of the handlers declared here.
        tags: Tags of the handlers declared here, beside their own.
        dependencies: Functions, perhaps marked by `Depends`, that are run before every handler
            declared here.
        responses: Further responses of the handlers declared here, see `RouteOptions`.
        deprecated: Whether clients should stop using the handlers declared here.
        include_in_schema: Whether the published document has them.
        generate_operation_id: Names the operations declared here that have no name of their own;
            by default they have the names of their functions.
        security: Credentials that the handlers declared here require, where they do not state
            their own; see `RouteOptions`. Operations of a loaded document go by the document.
        middleware: Middleware around the handlers declared here, as `Router.middleware` adds it.
        lifespan: A function that returns a context manager, entered before the first request
            and left after the last.
        omit_none: Whether responses of the handlers declared here leave out ``None``, where the
            handlers do not state it; see `OperationOptions`.

    Raises:
        ValueError: ``prefix`` does not begin with a slash, or ends with one.
        SignatureError: A dependency, middleware or lifespan cannot be one.

    Example:
        >>> from photon_router import Application, Router
        >>> items = Router(prefix="/items")
        >>> @items.get("/{item_id}")
        ... def read_item(item_id: int) -> dict[str, int]:
        ...     return {"item_id": item_id}
        >>> app = Application(title="Shop", version="1.0.0")
        >>> app.include(items)
        >>> sorted(app.document()["paths"])
        ['/items/{item_id}']
    """

    def __init__(
        self,
        *,
        prefix: str = "",
        tags: Sequence[str] = (),
        dependencies: Sequence[object] = (),
        responses: Mapping[int, DeclaredResponse] | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
        generate_operation_id: NameOperation | None = None,
        security: Sequence[Required] | None = None,
        middleware: Sequence[Middleware] = (),
        lifespan: Lifespan | None = None,
        omit_none: bool | None = None,
    ) -> None:
        """Begin without handlers."""
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError(f"a prefix begins with a slash and ends without one, not {prefix!r}")
        check_middleware(middleware)
        if generate_operation_id is not None:
            require_function(generate_operation_id, "generate_operation_id")
        self.prefix = prefix
        self._options = shared_options(
            tags,
            responses,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
            security=security,
            omit_none=omit_none,
        )
        self._scope = RouteScope(dependencies=tuple(map(dependency_of, dependencies)))
        self._name_operation = generate_operation_id
        self._entries: list[HandlerEntry] = []
        self._middleware: list[Middleware] = list(middleware)
        self._error_handlers: dict[type[BaseException], ErrorHandler] = {}
        self._mounts: list[Mount] = []
        self._lifespans: list[Lifespan] = []
        self._verifiers: dict[str, Verifier] = {}
        if lifespan is not None:
            self.lifespan(lifespan)

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
        named = cast("RouteOptions", options)  # those of every handler are among those of routes

        def register(function: F) -> F:
            signature = read_signature(function)
            self._take(HandlerEntry(function, signature, operation_id, named, scope_of(options)))
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
        self._middleware.append(layer)
        return layer

    def lifespan(self, life: Lifespan) -> Lifespan:
        """Enter a context manager before the first request, and leave it after the last.

        Usable as a decorator. Context variables that it sets are seen by every request.

        Raises:
            SignatureError: It is not a function that returns a context manager.
        """
        require_context_manager(life, "a lifespan")
        self._lifespans.append(life)
        return life

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
        source: Callable[..., object] | ModuleType | Router,
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
        outer = RouteScope(dependencies=tuple(map(dependency_of, dependencies)))
        shared = shared_options(
            tags,
            responses,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
            security=security,
            omit_none=omit_none,
        )
        if isinstance(source, Router):
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
        self, other: Router, prefix: str, shared: RouteOptions, outer: RouteScope
    ) -> None:
        if other is self:
            raise ValueError("a router cannot include itself")
        other._refuse_inclusion()
        if _seems_guarded(shared, outer) or _seems_guarded(other._options, other._scope):
            _refuse_mounts(other._mounts)
        middleware = tuple(entry.middleware for entry in chain(None, other._middleware))
        own = RouteScope(middleware, (), other._error_handlers).inherit(outer)
        for entry in other._entries:
            inner = entry.inherit(shared, own)
            if entry.is_written:
                inner = attrs.evolve(inner, path=prefix + entry.path)
            is_named = "operation_id" in entry.options or other._name_operation is not None
            self._take(inner, is_named=is_named or not entry.is_written)
        for mount in other._mounts:
            template = (self.prefix + prefix + mount.template).rstrip("/") or "/"
            scope = mount.scope.inherit(own)
            self._mounts.append(attrs.evolve(mount, template=template, scope=scope))
        self._lifespans += other._lifespans
        for name, verifier in other._verifiers.items():
            self.security(name, verifier)

    def _refuse_inclusion(self) -> None:
        """Refuse to be included, where that would drop something.

        Raises:
            ValueError: It would.
        """

    def _add(
        self,
        function: Callable[..., object],
        method: str,
        path: str,
        options: RouteOptions,
        outer: RouteScope | None = None,
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
        scope = scope_of(options).inherit(outer or RouteScope())
        name = options.get("operation_id")
        entry = HandlerEntry(function, signature, name or "", options, scope, method, path)
        self._take(entry, is_named=name is not None)

    def _take(self, entry: HandlerEntry, *, is_named: bool = True) -> None:
        """Take over an entry, which then is one of this router."""
        if entry.is_written:
            path = self.prefix + entry.path
            entry = attrs.evolve(entry, path=path)
            if not is_named:
                entry = attrs.evolve(entry, operation_id=self._name(entry))
        else:
            self._refuse_second(entry)
        self._entries.append(entry.inherit(self._options, self._scope))

    def _name(self, entry: HandlerEntry) -> str:
        if self._name_operation is not None:
            name = self._name_operation(entry.function, entry.method, entry.path)
            return require_value(name, self._name_operation)
        others = [other for other in self._entries if other.is_written]
        return name_operation(entry.function, entry.method, entry.path, others=others)

    def _refuse_second(self, entry: HandlerEntry) -> None:
        for other in self._entries:
            if not other.is_written and other.operation_id == entry.operation_id:
                raise SignatureError(
                    f"{location(entry.function)}: {location(other.function)} handles "
                    f"{entry.operation_id!r} already"
                )


def _seems_guarded(options: RouteOptions, scope: RouteScope) -> bool:
    return bool(options.get("security") or scope.dependencies)


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
