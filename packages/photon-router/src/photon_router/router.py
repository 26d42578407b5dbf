"""The router: decorators, includes, and the start of an application.

A `Router` collects handlers. Decorators and marked functions become operations of one OpenAPI
document, beside those of a document that was loaded (spec first); `Router.start` compiles the
document once and yields the handler that the server runs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, TypeVar, Unpack

import attrs

from photon_runtime.http import Handler, Request, Response

from . import _docs
from ._compile import Bound, compile_routes
from ._dispatch import Dispatch, wrap
from ._document import Document, OpenApi
from ._load import load_document
from ._operation import (
    Notes,
    Places,
    Route,
    RouteOptions,
    check_options,
    name_operation,
    write_operation,
)
from ._signature import Signature, read_signature, where
from .errors import DocumentError, SignatureError

F = TypeVar("F", bound=Callable[..., object])
Middleware: TypeAlias = Callable[[Request, Handler], Response]
Lifespan: TypeAlias = Callable[[], AbstractContextManager[object]]

_MARK = "__photon_routes__"


@attrs.frozen
class _Mark:
    """What `photon_route` leaves on a function."""

    method: str
    path: str
    options: RouteOptions


def photon_route(*, method: str, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
    """Mark a function as a handler, without an application at hand.

    The function stays what it is; ``app.include(function)`` or ``app.include(module)`` makes it
    an operation. Several marks make several operations.

    Args:
        method: HTTP method, in any case.
        path: Template with parameters in braces.
        options: See `RouteOptions`.

    Raises:
        SignatureError: The function cannot be a handler, or an option is unknown.
    """
    check_options(options)

    def mark(function: F) -> F:
        read_signature(function)
        marks = [*getattr(function, _MARK, ()), _Mark(method.upper(), path, options)]
        setattr(function, _MARK, marks)
        return function

    return mark


class Router:
    """A collection of handlers, and the application that they make.

    Args:
        title: Title of the document.
        version: Version of the application in the document.
        description: Description in the document; CommonMark.
        spec: An OpenAPI document to begin with: the path of a YAML or JSON file, or the
            document itself.
        prefix: Beginning of the paths of the handlers declared here.
        tags: Tags of the handlers declared here, beside their own.
        servers: Where the application is reached; the path of the first is the base path.
        lifespan: A function that returns a context manager, entered before the first request
            and left after the last.
        docs_url: Path of the documentation page; ``None`` for none.
        openapi_url: Path of the document, without its ending; ``None`` for none.
        validation_status: Status for requests that do not fit, 422 or 400.

    Raises:
        DocumentError: The document in ``spec`` cannot be loaded.

    Example:
        >>> from photon_router import Router
        >>> api = Router(title="Greetings", version="1.0.0")
        >>> @api.get("/hello/{name}")
        ... def hello(name: str) -> dict[str, str]:
        ...     return {"message": f"Hello, {name}!"}
        >>> sorted(api.document()["paths"])
        ['/hello/{name}']
    """

    def __init__(
        self,
        *,
        title: str | None = None,
        version: str | None = None,
        description: str | None = None,
        spec: str | Path | Mapping[str, Any] | None = None,
        prefix: str = "",
        tags: Sequence[str] = (),
        servers: Sequence[str] = (),
        lifespan: Lifespan | None = None,
        docs_url: str | None = "/docs",
        openapi_url: str | None = "/openapi",
        validation_status: int = 422,
    ) -> None:
        """Begin without handlers."""
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise ValueError(f"a prefix begins with a slash and ends without one, not {prefix!r}")
        self.prefix = prefix
        self.tags = tuple(tags)
        self.docs_url = docs_url
        self.openapi_url = openapi_url
        self.validation_status = validation_status
        self._base = load_document(spec) if spec is not None else None
        self._info = {"title": title, "version": version, "description": description}
        self._servers = tuple(servers)
        self._routes: list[Route] = []
        self._operations: list[tuple[str, Callable[..., object], Signature]] = []
        self._middleware: list[Middleware] = []
        self._lifespans: list[Lifespan] = [] if lifespan is None else [lifespan]

    # -- declaring --------------------------------------------------------------------------

    def route(self, path: str, *, method: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """Make the decorated function the handler of ``method`` on ``path``.

        Args:
            path: Template with parameters in braces; ``{name:path}`` at the end takes the rest.
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

    def operation(self, operation_id: str) -> Callable[[F], F]:
        """Make the decorated function the handler of an operation of the loaded document.

        Args:
            operation_id: The ``operationId`` in the document.

        Raises:
            SignatureError: The function cannot be a handler, or the operation has one already.
        """

        def register(function: F) -> F:
            self._add_operation(operation_id, function)
            return function

        return register

    def middleware(self, layer: Middleware) -> Middleware:
        """Put a function around every request: ``def layer(request, call_next) -> Response``.

        The first one declared is the outermost. It sees refusals (404, 422 ...) as responses and
        errors of handlers as exceptions.
        """
        self._middleware.append(layer)
        return layer

    def include(self, source: Callable[..., object] | ModuleType | Router) -> None:
        """Take over handlers: a marked function, all of a module, or those of another router.

        Raises:
            ValueError: There is nothing to take over.
            SignatureError: An operation of the document has a handler already.
        """
        if isinstance(source, Router):
            self._include_router(source)
            return
        functions = vars(source).values() if isinstance(source, ModuleType) else [source]
        marked = {
            id(function): function for function in functions if getattr(function, _MARK, None)
        }.values()
        if not marked:
            name = getattr(source, "__name__", repr(source))
            raise ValueError(f"{name} has no handlers: mark them with @photon_route(...)")
        for function in marked:
            for mark in getattr(function, _MARK):
                self._add(function, mark.method, mark.path, mark.options)

    def _include_router(self, other: Router) -> None:
        if other is self:
            raise ValueError("a router cannot include itself")
        if other._base is not None or other._middleware:
            raise ValueError(
                "only the application itself can have a spec or middleware, not a router that "
                "is included in it"
            )
        for route in other._routes:
            self._add(route.function, route.method, route.path, route.options)
        for operation_id, function, _ in other._operations:
            self._add_operation(operation_id, function)
        self._lifespans += other._lifespans

    def _add(
        self, function: Callable[..., object], method: str, path: str, options: RouteOptions
    ) -> None:
        if not path.startswith("/"):
            raise SignatureError(f"{where(function)}: a path begins with a slash, not {path!r}")
        merged = options.copy()
        merged["tags"] = list(dict.fromkeys([*self.tags, *options.get("tags", ())]))
        signature = read_signature(function)
        path = self.prefix + path
        name = options.get("operation_id") or name_operation(
            function, method, path, others=self._routes
        )
        self._routes.append(Route(function, signature, method, path, name, merged))

    def _add_operation(self, operation_id: str, function: Callable[..., object]) -> None:
        for name, other, _ in self._operations:
            if name == operation_id:
                raise SignatureError(
                    f"{where(function)}: {where(other)} handles {operation_id!r} already"
                )
        self._operations.append((operation_id, function, read_signature(function)))

    # -- the document and the start ---------------------------------------------------------

    def document(self) -> OpenApi:
        """Return the OpenAPI document, complete, as a copy of its own.

        Raises:
            SignatureError: A handler does not fit its path.
            DocumentError: The loaded document has not the shape of one, or two things in it have
                the same name.
        """
        base = self._begun()
        if base.problems_of_shape:
            raise DocumentError([str(problem) for problem in base.problems_of_shape])
        shown = [route for route in self._routes if route.options.get("include_in_schema", True)]
        self._write(base.data, shown)
        return copy.deepcopy(base.data)

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start the application: compile the document, enter the lifespans, yield the handler.

        Args:
            development: Whether people are developing it; allows what production must not show.

        Raises:
            DocumentError: Document and handlers do not fit; lists every problem.
            SignatureError: A handler does not fit its path.
        """
        handler = self._compiled()
        with ExitStack() as stack:
            for lifespan in self._lifespans:
                stack.enter_context(lifespan())
            yield handler

    def _compiled(self) -> Handler:
        document = self._begun()
        handlers = {
            name: Bound(function, signature, None, None)
            for name, function, signature in self._operations
        }
        if not document.problems_of_shape:  # else there is nothing to write into
            places = self._write(document.data, self._routes)
            document = Document(document.data, is_shaped=True)
            for route, own in zip(self._routes, places, strict=True):
                status = route.options.get("status")
                handlers[route.operation_id] = Bound(route.function, route.signature, status, own)
        pages = _docs.pages(self.docs_url, self.openapi_url, self.document)
        tree = compile_routes(document, handlers, pages)
        return wrap(Dispatch(tree, validation_status=self.validation_status), self._middleware)

    def _begun(self) -> Document:
        """Return the loaded document, or an empty one, under the names of the application."""
        data: OpenApi = {"openapi": "3.1.0", "info": {}, "paths": {}}
        if self._base is not None:
            data |= copy.deepcopy(self._base)
        if isinstance(data["info"], dict):
            info = {key: value for key, value in self._info.items() if value is not None}
            data["info"] = {"title": "Photon", "version": "0.1.0"} | data["info"] | info
        if self._servers:
            data["servers"] = [{"url": url} for url in self._servers]
        return Document(data, is_shaped=self._base is None)

    def _write(self, data: OpenApi, routes: Sequence[Route]) -> list[Places]:
        """Write the operations of ``routes`` into a document; return where their arguments are."""
        notes = Notes(self.validation_status)
        places = [write_operation(route, data, notes) for route in routes]
        present = data.get("components", {}).get("schemas", {})
        schemas = notes.schemas(present)
        _refuse_namesakes(present, schemas)
        if schemas:
            components = data.setdefault("components", {})
            components["schemas"] = present | {name: schemas[name] for name in sorted(schemas)}
        return places


def _refuse_namesakes(present: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    taken = sorted(name for name in schemas if name in present and present[name] != schemas[name])
    if taken:
        raise DocumentError(
            [
                f"/components/schemas/{name}: the document and a class of the code share the "
                "name; rename one of them"
                for name in taken
            ]
        )
