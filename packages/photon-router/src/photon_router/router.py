"""The router: the declaration of handlers, middleware and error handlers.

This module compiles nothing. Decorators, views and marked functions become entries; a router adds
the entries of the routers that it includes. `Application` compiles them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Unpack, cast

import attrs

from photon_runtime.callables import (
    CallableKind,
    kind_of,
    location,
    require_value,
)
from photon_runtime.http import Handler
from photon_runtime.refusals import refusable
from photon_runtime.signatures import names_of, require_call, require_instance

from ._foreign_calls import missing
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
    OperationNames,
    OperationOptions,
    RouteOptions,
    RouteScope,
    check_error_classes,
    check_error_handler,
    check_handler,
    check_lifespan,
    check_method,
    check_middleware,
    check_operation_options,
    check_options,
    dependencies_of,
    is_wsgi,
    merge_options,
    name_operation,
    path_problem,
    scope_of,
    shared_options,
)
from .middleware import chain
from .security import Requirement, Verifier
from .signatures import Signature, read_signature

F = TypeVar("F", bound=Callable[..., object])
E = TypeVar("E", bound=ErrorHandler)
V = TypeVar("V", bound=type)
Lifespan: TypeAlias = Callable[[], AbstractContextManager[object]]
NameOperation: TypeAlias = Callable[[Callable[..., object], str, str], str]
"""Returns the name of an operation for its handler, its method in capitals and its path."""


class Router:
    """A collection of handlers, to be included in an application or in another router.

    Args:
        prefix: Prefix of the paths of the router's handlers.
        tags: Tags of the router's handlers, in addition to their own.
        dependencies: Functions, optionally marked by `Depends`, that run before every handler of
            the router.
        responses: Further responses of the router's handlers, see `RouteOptions`.
        deprecated: True if clients should stop using the router's handlers.
        include_in_schema: False to leave them out of the published document.
        generate_operation_id: Names the router's operations that have no name of their own; by
            default they have the names of their functions.
        security: Credentials that the router's handlers require, unless they declare their own; see
            `RouteOptions`. Operations of a loaded document follow the document.
        middleware: Middleware for the router's handlers, as `Router.middleware` adds it.
        lifespan: A function that returns a context manager, entered before the first request and
            exited after the last.
        omit_none: True if responses of the router's handlers leave out ``None``, unless a handler
            declares its own option; see `OperationOptions`.

    Raises:
        ValueError: ``prefix`` does not begin with a slash, or ends with one.
        SignatureError: A dependency, middleware or lifespan is invalid.

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
        security: Sequence[Verifier | Requirement] | None = None,
        middleware: Sequence[Middleware] = (),
        lifespan: Lifespan | None = None,
        omit_none: bool | None = None,
    ) -> None:
        """Begin without handlers."""
        _check_prefix(prefix)
        check_middleware(middleware)
        if generate_operation_id is not None:
            require_call(
                generate_operation_id, "generate_operation_id", "function", "method", "path"
            )
        self.prefix = prefix
        self._options = shared_options(
            tags,
            responses,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
            security=security,
            omit_none=omit_none,
        )
        self._scope = RouteScope(dependencies=dependencies_of(dependencies))
        self._name_operation = generate_operation_id
        self._entries: list[HandlerEntry] = []
        self._names = OperationNames()
        self._by_operation_id: dict[str, HandlerEntry] = {}  # those of the loaded document
        self._middleware: list[Middleware] = list(middleware)
        self._error_handlers: dict[type[BaseException], ErrorHandler] = {}
        self._mounts: list[Mount] = []
        self._lifespans: list[Lifespan] = []
        self._verifiers: dict[str, Verifier] = {}
        if lifespan is not None:
            self.lifespan(lifespan)

    def route(
        self, path: str, *, method: str = "", **options: Unpack[RouteOptions]
    ) -> Callable[[F], F]:
        """Make the decorated function the handler of ``method`` on ``path``.

        Args:
            path: Template with parameters in braces; ``{name:path}`` at the end takes the rest.
                Below a prefix it may be empty.
            method: HTTP method, in any case; required.
            options: See `RouteOptions`.

        Raises:
            SignatureError: The function cannot be a handler, the path is in the style of another
                framework, or an option is unknown; names the line and the correct form.
        """
        with refusable():
            check_options(options)
        _check_called(path, '@app.get("/items")')
        with refusable():
            check_method(method)

        def register(function: F) -> F:
            with refusable():
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

        Methods named after those of HTTP (``get``, ``put`` ...) are handlers. For each request the
        class is called, and the arguments of its ``__init__``, for an attrs class its attributes,
        are bound like the arguments of a handler.

        Args:
            path: Template with parameters in braces; each method takes the parameters that the
                class does not.
            options: See `RouteOptions`, for all of the methods.

        Raises:
            SignatureError: The class has no such methods, one of them cannot be a handler, or an
                option is unknown.
        """
        with refusable():
            check_options(options)
        _check_called(path, '@app.view("/items/{id}")')

        def register(view: V) -> V:
            with refusable():
                for each in methods_of(view):
                    named: RouteOptions = {"operation_id": each.operation_id, **options}
                    self._add(each.function, each.method, path, named, signature=each.signature)
            return view

        return register

    def operation(self, operation_id: str, **options: Unpack[OperationOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of an operation of the loaded document.

        Args:
            operation_id: The ``operationId`` in the document.
            options: See `OperationOptions`; the document has all other options.

        Raises:
            SignatureError: The function cannot be a handler, the operation has one already, or an
                option is unknown.
        """
        with refusable(operation_id):
            check_operation_options(options)
        _check_called(operation_id, '@app.operation("readItem")')
        named = cast("RouteOptions", options)  # options of handlers are a subset of route options

        def register(function: F) -> F:
            with refusable(operation_id):
                signature = read_signature(function)
                entry = HandlerEntry(function, signature, operation_id, named, scope_of(options))
                self._add_entry(entry, self._options, self._scope)
            return function

        return register

    def security(self, name: str, verifier: Verifier) -> None:
        """Verify the security scheme ``name`` of the loaded document with ``verifier``.

        Args:
            name: Name of the scheme in ``components.securitySchemes``.
            verifier: Verifier of its credentials.

        Raises:
            ValueError: The scheme has a verifier already.
            SignatureError: It is not a verifier, but a class of verifiers, for example.
        """
        if not isinstance(verifier, Verifier):
            raise SignatureError(
                f"the security scheme {name!r} has a verifier, such as JwtBearer(...), not "
                f"{verifier!r}"
            )
        if name in self._verifiers:
            raise ValueError(f"the security scheme {name!r} has a verifier already")
        self._verifiers[name] = verifier

    def middleware(self, middleware: Middleware) -> Middleware:
        """Add middleware to every request.

        Middleware is a function ``def audit(request, call_next) -> Response``. The first one
        declared is the outermost. Middleware of an application wraps everything, including error
        responses; middleware of an included router wraps its handlers, inside their authentication.
        ``call_next`` always returns a response and does not raise; an unexpected
        error is available as ``request.failure``.

        Raises:
            SignatureError: It is not a function, a class in place of an instance, a coroutine
                function or a generator function, or takes other arguments.
        """
        with refusable():
            check_middleware([middleware])
            self._middleware.append(middleware)
        return middleware

    def lifespan(self, life: Lifespan) -> Lifespan:
        """Enter a context manager before the first request, and exit it after the last.

        Usable as a decorator. Context variables that it sets are visible to every request.

        Raises:
            SignatureError: It is not a function without arguments that returns a context manager.
        """
        with refusable():
            check_lifespan(life)
            self._lifespans.append(life)
        return life

    def error_handler(self, *classes: type[BaseException]) -> Callable[[E], E]:
        """Make the decorated function an error handler: ``def respond(request, error)``.

        It returns the responses to errors of the handlers of this router (of an application: of all
        handlers), whose class is one of ``classes`` or derived from one; the nearest class counts.

        Args:
            classes: Classes of exceptions, including `HttpError` and `ValidationError`.

        Raises:
            SignatureError: One of them is not a class of exceptions, or none is named; the
                function takes other arguments.
        """
        if not classes:
            raise SignatureError(
                "an error handler is for classes of errors: write @app.error_handler(Exception) "
                "for all of them"
            )
        check_error_classes(classes)

        def register(function: E) -> E:
            with refusable():
                check_error_handler(function)
                self._error_handlers |= dict.fromkeys(classes, function)
            return function

        return register

    def mount(self, prefix: str, handler: Handler, *, name: str | None = None) -> None:
        """Call ``handler`` for all requests to ``prefix`` and below that match no operation.

        Use it for `StaticFiles`, a WSGI application, or a handler of your own without an operation.
        The rest of the path is the last of the request's ``path_values``.

        The middleware and error handlers of a router apply to its mounts as to its handlers.
        Security and dependencies do not: they belong to operations. So a router with these and a
        mount cannot be included.

        Args:
            prefix: Prefix that begins with a slash; ``/`` for all. Below the prefix of the router.
            handler: A function from a request to a response.
            name: Name in messages and listings.

        Raises:
            ValueError: ``prefix`` does not begin with a slash, or is not a path.
            SignatureError: ``handler`` is not a function from a request to a response; routers and
                applications are included, see `include`.
        """
        problem = path_problem(prefix, is_prefix=True)
        if problem is not None:
            raise ValueError(f"the prefix of a mount: {problem}")
        _check_mounted(handler, prefix)
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
        security: Sequence[Verifier | Requirement] | None = None,
        omit_none: bool | None = None,
    ) -> None:
        """Include handlers: a marked function, all of a module, or those of another router.

        Args:
            source: Source of the handlers. Later changes to it have no effect.
            prefix: Prefix of their paths.
            tags: Tags for them, in addition to their own.
            dependencies: Functions that run before each of them.
            responses: Their further responses, see `RouteOptions`.
            deprecated: True if clients should stop using them.
            include_in_schema: False to leave them out of the published document.
            security: Credentials that they require, unless they or their router declare their own.
            omit_none: True to leave out ``None``, unless they or their router declare their own
                option; see `OperationOptions`.

        Raises:
            ValueError: The source has no handlers, or a router has security or dependencies and
                mounts that these would not guard.
            SignatureError: An operation of the document has a handler already.
        """
        _check_included(source)
        _check_prefix(prefix)
        outer = RouteScope(dependencies=dependencies_of(dependencies))
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
            options = merge_options(shared, mark.options)
            self._add(function, mark.method, prefix + mark.path, options, outer)

    def _include_router(
        self, other: Router, prefix: str, shared: RouteOptions, outer: RouteScope
    ) -> None:
        if other is self:
            raise ValueError("a router cannot include itself")
        other._refuse_inclusion()
        if _is_guarded(shared, outer) or _is_guarded(other._options, other._scope):
            _refuse_mounts(other._mounts)
        middleware = tuple(entry.middleware for entry in chain(None, other._middleware))
        own = RouteScope(middleware, (), dict(other._error_handlers)).inherit(outer)
        # Both levels at once: a route below ten routers is copied ten times, not thirty times.
        options, scope = merge_options(self._options, shared), own.inherit(self._scope)
        for entry in other._entries:
            is_named = "operation_id" in entry.options or other._name_operation is not None
            is_named = is_named or not entry.is_written
            self._add_entry(entry, options, scope, prefix=prefix, is_named=is_named)
        for mount in other._mounts:
            template = (self.prefix + prefix + mount.template).rstrip("/") or "/"
            scope = mount.scope.inherit(own)
            self._mounts.append(attrs.evolve(mount, template=template, scope=scope))
        self._lifespans += other._lifespans
        other._add_to(self)
        for name, verifier in other._verifiers.items():
            self.security(name, verifier)

    if not TYPE_CHECKING:  # for type-checkers an unknown name is an error already

        def __getattr__(self, name: str) -> Any:
            """Refuse the name of a registration of another framework with its equivalent."""
            raise missing(type(self).__name__, name)

    def _add_to(self, outer: Router) -> None:
        """Add what an application has besides a router to the router that includes it."""

    def _refuse_inclusion(self) -> None:
        """Reject the inclusion in another router if it would lose settings.

        Raises:
            ValueError: The inclusion would lose settings.
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
        problem = None if self.prefix and path == "" else path_problem(path)
        if problem is not None:
            raise SignatureError(f"{location(function)}: {problem}")
        if signature is None:  # that of a view belongs to a method
            check_handler(function)
        if kind_of(function) is CallableKind.CONTEXT_MANAGER:
            raise SignatureError(
                f"{location(function)} cannot be a handler: it is a context manager. Leave "
                "contextlib.contextmanager out; the response of a generator function is a stream"
            )
        signature = read_signature(function) if signature is None else signature
        scope = scope_of(options).inherit(outer or RouteScope())
        name = options.get("operation_id")
        entry = HandlerEntry(function, signature, name or "", options, scope, method, path)
        if "adapter" in options:
            entry.resolved_adapter()  # refuses a handler without an argument for the connection
        self._add_entry(entry, self._options, self._scope, is_named=name is not None)

    def _add_entry(
        self,
        entry: HandlerEntry,
        options: RouteOptions,
        scope: RouteScope,
        *,
        prefix: str = "",
        is_named: bool = True,
    ) -> None:
        """Add an entry, with the prefix of this router, and with the options and scope around."""
        path, name = entry.path, entry.operation_id
        if entry.is_written:
            path = self.prefix + prefix + path
            if "{" in self.prefix or "{" in prefix:  # with a parameter that the path has, too
                problem = path_problem(path)
                if problem is not None:
                    raise SignatureError(f"{location(entry.function)}: {problem}")
            name = name if is_named else self._name(entry, path)
        else:
            self._check_operation_id(entry)
        entry = entry.inherit(options, scope, path=path, operation_id=name)
        self._entries.append(entry)
        if entry.is_written:
            self._names.add(entry)
        else:
            self._by_operation_id[entry.operation_id] = entry

    def _name(self, entry: HandlerEntry, path: str) -> str:
        if self._name_operation is not None:
            name = self._name_operation(entry.function, entry.method, path)
            return require_value(name, self._name_operation)
        return name_operation(entry.function, entry.method, path, others=self._names)

    def _check_operation_id(self, entry: HandlerEntry) -> None:
        other = self._by_operation_id.get(entry.operation_id)
        if other is not None:
            raise SignatureError(
                f"{location(entry.function)}: {location(other.function)} handles "
                f"{entry.operation_id!r} already"
            )


def _check_prefix(prefix: str) -> None:
    """Reject an invalid prefix of a router.

    Raises:
        ValueError: It does not begin with a slash, ends with one, or is not a path.
    """
    if prefix == "":
        return
    problem = path_problem(prefix, is_prefix=True)
    if problem is None and prefix.endswith("/"):
        problem = f"{prefix!r} ends with a slash, and the paths below it begin with one"
    if problem is not None:
        raise ValueError(
            f"a prefix must begin with a slash and end without one, not {prefix!r}: {problem}"
        )


def _check_called(path: object, example: str) -> None:
    """Reject a decorator that is used without its brackets.

    Raises:
        SignatureError: The path, or the name of an operation, is not a text.
    """
    if not isinstance(path, str):
        subject = "an operation with its operationId" if "operation" in example else "its path"
        begins = subject if "operation" in example else f"a route with {subject}"
        raise SignatureError(
            f"a decorator of {begins} does not take {path!r}: call the decorator, as in `{example}`"
        )


def _check_included(source: object) -> None:
    """Reject what has no handlers to include.

    Raises:
        ValueError: It is the name of a module, or a class of routers.
    """
    if isinstance(source, str):
        raise ValueError(  # noqa: TRY004 - as for other sources without handlers
            f"{source!r} is a text: import the module or router, and include that object"
        )
    if isinstance(source, type) and issubclass(source, Router):
        raise ValueError(  # noqa: TRY004 - as for other sources without handlers
            f"{source.__name__} is a class: include an instance of it"
        )


def _check_mounted(handler: object, prefix: str) -> None:
    """Reject what cannot respond to the requests of a mount.

    Raises:
        SignatureError: It is a router, an application of another kind, a class, or a function with
            other arguments.
    """
    if isinstance(handler, Router):
        option = "" if prefix == "/" else f", prefix={prefix.rstrip('/')!r}"
        raise SignatureError(
            f"a {type(handler).__name__} is included, not mounted: write `app.include(router"
            f"{option})`; its routes, lifespans and documentation are part of the application then"
        )
    require_instance(handler, "a mounted handler", f"app.mount({prefix!r}, {{}})")
    if not callable(handler):
        raise SignatureError(f"a mounted handler is a function of a request, not {handler!r}")
    names = names_of(handler) if is_wsgi(handler) else []
    if names:
        raise SignatureError(
            f"{location(handler)} takes ({', '.join(names)}), as an application of WSGI does: "
            f"write app.mount({prefix!r}, Wsgi(application))"
        )
    require_call(handler, "a mounted handler", "request")


def _is_guarded(options: RouteOptions, scope: RouteScope) -> bool:
    return bool(options.get("security") or scope.dependencies)


def _refuse_mounts(mounts: Sequence[Mount]) -> None:
    """Reject mounts of a guarded router, since they would be public.

    Raises:
        ValueError: The router has a mount.
    """
    for mount in mounts:
        raise ValueError(
            f"{mount.name} is not an operation, so the security and dependencies of its router do "
            "not guard it: mount it on the application, or on a router that guards it by middleware"
        )
