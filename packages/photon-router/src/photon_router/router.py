"""The router: decorators, includes, and the start of an application.

A `Router` collects handlers. Decorators and marked functions become operations of one OpenAPI
document, beside those of a document that was loaded (spec first); `Router.start` compiles the
document once and yields the handler that the server runs.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs

from photon_openapi.document import Document, OpenApi, Operation, load_document
from photon_openapi.errors import DocumentError
from photon_runtime.callables import kind_of, require_context_manager
from photon_runtime.http import Handler
from photon_runtime.observability import Meter, Readiness
from photon_runtime.settings import Settings

from . import _docs
from ._declarations import Declarations, Lifespan, NameOperation
from ._marks import photon_route as photon_route
from ._router_settings import RouterSettings
from ._written import begin_document, required_by, write_routes
from .annotations._depends import Overrides
from .arguments._form import FormSettings
from .dispatch._compile import compile_routes
from .dispatch._dispatch import Dispatch, Endpoint
from .dispatch._layers import ErrorAnswers
from .dispatch._match import PathTree
from .dispatch._mount import Mount
from .dispatch._plan import Bound
from .dispatch._provide import ApplicationValues
from .dispatch._running import Running
from .dispatch._urls import build_url
from .handlers._declared import Declared, Route
from .handlers._notes import Notes
from .handlers._operation import Places
from .handlers._options import DeclaredResponse, shared_options
from .handlers._surroundings import Middleware
from .middleware._chain import PlacedLayer, chain, operations_of, settled
from .observability.settings import ObservabilitySettings, Observer, observe, observers
from .responses import AnswerCheck
from .security import Guards, Required
from .security._write import merged
from .static import StaticFiles
from .static._settings import ConfiguredFiles, tell_places
from .wsgi import WsgiExport

S = TypeVar("S")


class Router(Declarations):
    """A collection of handlers, and the application that they make.

    Args:
        title: Title of the document.
        version: Version of the application in the document.
        description: Description in the document; CommonMark.
        spec: An OpenAPI document to begin with: the path of a YAML or JSON file, or the
            document itself.
        prefix: Beginning of the paths of the handlers declared here.
        tags: Tags of the handlers declared here, beside their own.
        dependencies: Functions, perhaps marked by `Depends`, that are run before every handler
            declared here.
        responses: Further responses of the handlers declared here, see `RouteOptions`.
        deprecated: Whether clients should stop using the handlers declared here.
        include_in_schema: Whether they stand in the published document.
        generate_operation_id: Names the operations declared here that have no name of their own;
            by default they are called like their functions.
        validate_responses: Whether what handlers answer is checked against the document, so that
            what does not fit is a 500; ``None`` leaves it to the settings, and by default it is
            so in development and in the environment ``test``.
        security: Who may call the handlers declared here, where they do not say it themselves; see
            `RouteOptions`. Operations of ``spec`` go by what stands there.
        middleware: Layers around every request, as `Router.middleware` adds them.
        servers: Where the application is reached; it is served below the path of each of them.
        lifespan: A function that returns a context manager, entered before the first request
            and left after the last.
        omit_none: Whether the handlers declared here leave ``None`` out of their answers, where
            they do not say it themselves; see `OperationOptions`.
        docs_url: Path of the documentation page; ``None`` for none.
        openapi_url: Path of the document, without its ending; ``None`` for none.
        validation_status: Status for requests that do not fit, 422 or 400.
        strict_content_type: Whether a body of JSON without a ``Content-Type`` that names JSON is
            refused with 415, because a page of another site could have sent it; ``None`` leaves it
            to the settings, and by default it is refused.
        strict_query: Whether parameters of the query that an operation does not have are
            refused, with the nearest name; ``None`` leaves it to the settings, and by default they
            are passed over.
        assert_formats: Whether ``format`` in the schemas of ``spec`` is asserted; ``None`` leaves
            it to the settings, and by default it only describes.

    Attributes:
        readiness: The checks of ``/ready``: ``app.readiness.add("database", check)``.
        meter: Declares metrics of the application: ``app.meter.counter("orders", "…")``; shown
            on the page of metrics beside those of requests. Replace it by another application's
            before the start to share its figures.

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
        dependencies: Sequence[object] = (),
        responses: Mapping[int, DeclaredResponse] | None = None,
        deprecated: bool = False,
        include_in_schema: bool = True,
        generate_operation_id: NameOperation | None = None,
        validate_responses: bool | None = None,
        security: Sequence[Required] | None = None,
        middleware: Sequence[Middleware] = (),
        servers: Sequence[str] = (),
        lifespan: Lifespan | None = None,
        omit_none: bool | None = None,
        docs_url: str | None = "/docs",
        openapi_url: str | None = "/openapi",
        validation_status: int = 422,
        assert_formats: bool | None = None,
        strict_content_type: bool | None = None,
        strict_query: bool | None = None,
    ) -> None:
        """Begin without handlers."""
        super().__init__(
            prefix,
            shared_options(
                tags,
                responses,
                deprecated=deprecated,
                include_in_schema=include_in_schema,
                security=security,
                omit_none=omit_none,
            ),
            dependencies,
            middleware,
            name_operations=generate_operation_id,
        )
        self._switches = {
            "validate_responses": validate_responses,
            "strict_content_type": strict_content_type,
            "strict_query": strict_query,
            "assert_formats": assert_formats,
        }
        self._overrides: Overrides = {}
        self._running: list[Running] = []
        self._docs_url = docs_url
        self._openapi_url = openapi_url
        self.validation_status = validation_status
        self._base = load_document(spec) if spec is not None else None
        self._info = {"title": title, "version": version, "description": description}
        self._servers = tuple(servers)
        self._settings: Settings | None = None
        self._static = ConfiguredFiles()
        self.readiness = Readiness()
        self.meter = Meter()
        if lifespan is not None:
            require_context_manager(lifespan, "lifespan")
            self._lifespans.append(lifespan)

    @property
    def docs_url(self) -> str | None:
        """Path of the documentation page; ``None`` where there is none."""
        return None if self.openapi_url is None else self._docs_url

    @property
    def openapi_url(self) -> str | None:
        """Path of the document, without its ending; ``None`` where it is not served."""
        return self._openapi_url if self._behaviour().docs else None

    @functools.cached_property
    def wsgi(self) -> WsgiExport:
        """This application for any WSGI server: ``gunicorn 'shop:app.wsgi'``; see `WsgiExport`."""
        return WsgiExport(self)

    def layers(self, *, development: bool = False) -> list[Observer | PlacedLayer]:
        """Return the layers around every request, outermost first, and where each comes from.

        What observes requests lies around the layers of the settings, and these around those of
        the code.

        Args:
            development: Whether to return those of an application that people are developing.

        Raises:
            SettingsError: The section ``[middleware]`` or ``[observability]`` is wrong.
        """
        told = self._section(ObservabilitySettings)
        return [
            *observers(told, development=development),
            *chain(self._settings, self._layers),
        ]

    def url_for(self, operation_id: str, /, **values: object) -> str:
        """Return the path of an operation, base path included.

        Args:
            operation_id: The name of the operation.
            values: What its path's parameters are; others make a query. Values are encoded and
                cannot lead to another path.

        Raises:
            LookupError: There is no such operation.
            ValueError: A parameter of the path is missing or empty, or it is ``.`` or ``..``.
        """
        if self._urls is None:
            self._urls = self._find_urls()
        try:
            template = self._urls[operation_id]
        except KeyError:
            raise LookupError(f"there is no operation {operation_id!r}") from None
        return build_url(template, values)

    def _find_urls(self) -> dict[str, str]:
        document = self._begun()
        base = document.base_path
        found = {each.name: each.base_paths[0] + each.path for each in document.operations()}
        return found | {route.operation_id: base + route.path for route in self._routes}

    @contextmanager
    def overrides(
        self, replacements: Mapping[Callable[..., Any], Callable[..., Any]]
    ) -> Iterator[None]:
        """Let other functions stand in for those of dependencies, within the block; for tests.

        It concerns this application alone, also while it runs, and then the requests that come
        from now on. A stand-in has arguments of its own, like any dependency.

        Args:
            replacements: The stand-in for each function that `Depends` names.

        Raises:
            SignatureError: A stand-in is not callable or is asynchronous.
            DocumentError: A stand-in cannot be one.
        """
        for replacement in replacements.values():
            kind_of(replacement)
        before = self._overrides
        self._overrides = {**before, **replacements}
        try:
            self._replace_plans()
            yield
        finally:
            self._overrides = before
            self._replace_plans()

    def use_settings(self, settings: Settings) -> None:
        """Take settings over, of which the sections of this package count at the next start.

        ``photon run`` and its kin call it with those of the project.
        """
        self._settings = settings
        self._static = ConfiguredFiles(settings)

    @property
    def static(self) -> StaticFiles:
        """The files of the section ``[static]``: ``app.static.url("site.css")``.

        Raises:
            RuntimeError: There are no settings yet, or they name no folder.
            PhotonError: The section is wrong.
        """
        return self._static.files

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
        self._write(base.data, shown, is_published=True)
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
        told = self._section(ObservabilitySettings)
        self.readiness.timeout = told.ready_timeout
        observed = observe(told, self.readiness, self.meter, development=development)
        pages = observed.pages + self._static.mounts()
        tell_places([*self._mounts, *pages])
        running = self._compiled(observed.middleware, pages, development=development)
        with ExitStack() as stack:
            stack.enter_context(self.meter.observing())
            for lifespan in self._lifespans:
                stack.enter_context(lifespan())
            stack.enter_context(running.values.made())
            self._running.append(running)
            stack.callback(self._running.remove, running)
            yield observed.around(running.dispatch)

    def _section(self, cls: type[S]) -> S:
        return cls() if self._settings is None else self._settings.read(cls)

    def _behaviour(self) -> RouterSettings:
        """Return the section ``[router]``, where the code does not say otherwise."""
        said = {name: value for name, value in self._switches.items() if value is not None}
        return attrs.evolve(self._section(RouterSettings), **said)

    def _compiled(
        self, outermost: Sequence[Middleware], pages: Sequence[Mount], *, development: bool
    ) -> Running:
        values = ApplicationValues()
        document, tree = self._planned(values, pages, development=development)
        answers = ErrorAnswers(self._error_handlers, validation_status=self.validation_status)
        layers = settled(chain(self._settings, self._layers), operations_of(document))
        dispatch = Dispatch(tree, answers=answers, layers=[*outermost, *layers])
        return Running(dispatch, values, pages, development)

    def _replace_plans(self) -> None:
        """Let what runs go on with new plans."""
        for running in self._running:
            _, tree = self._planned(running.values, running.pages, development=running.development)
            running.values.make()
            running.dispatch.use(tree)

    def _planned(
        self, values: ApplicationValues, pages: Sequence[Mount], *, development: bool
    ) -> tuple[Document, PathTree[Endpoint]]:
        document, behaviour = self._begun(), self._behaviour()
        declared: list[tuple[Declared | Route, Places | None]]
        declared = [(each, None) for each in self._operations]
        if not document.problems_of_shape:  # else there is nothing to write into
            places = self._write(document.data, self._routes)
            document = Document(
                document.data, is_shaped=True, assert_formats=behaviour.assert_formats
            )
            declared += zip(self._routes, places, strict=True)
        handlers = {
            each.operation_id: Bound(
                each.function, each.signature, each.status, own, each.surroundings, each.outcomes
            )
            for each, own in declared
        }
        tree = compile_routes(
            document,
            handlers,
            [*_docs.pages(self.docs_url, self.openapi_url, self.document), *self._mounts, *pages],
            guards=Guards(merged(self._verifiers, required_by(self._routes))),
            error_handlers=self._error_handlers,
            validation_status=self.validation_status,
            forms=self._section(FormSettings),
            strict_content_type=behaviour.strict_content_type,
            strict_query=behaviour.strict_query,
            application=values,
            overrides=self._overrides,
            checks=self._checks(development=development),
        )
        return document, tree

    def _checks(self, *, development: bool) -> Callable[[Document, Operation], AnswerCheck] | None:
        """Return what makes the checks of answers; ``None`` where they are not checked."""
        is_test = self._settings is not None and self._settings.environment == "test"
        wished = self._behaviour().validate_responses
        if not (development or is_test if wished is None else wished):
            return None
        return functools.partial(AnswerCheck, is_shown=development or is_test)

    def _begun(self) -> Document:
        """Return the loaded document, or an empty one, under the names of the application."""
        data = begin_document(self._base, self._info, self._servers)
        return Document(data, is_shaped=self._base is None)

    def _write(
        self, data: OpenApi, routes: Sequence[Route], *, is_published: bool = False
    ) -> list[Places]:
        """Write the operations of ``routes`` into a document; return where their arguments are."""
        overrides = {} if is_published else self._overrides
        return write_routes(data, routes, Notes(self.validation_status, is_published, overrides))
