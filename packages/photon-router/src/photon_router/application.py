"""The application: its document, its parts, and its start.

An `Application` is a `Router` that runs. Its handlers become operations of one OpenAPI document,
in addition to those of a loaded document (spec first); `Application.start` compiles the document
once and yields the handler that a host calls.

The order at start-up is: settings, parts, document and endpoints, lifespans, values of the
application, first request; at the end the reverse. Every request begins with the context variables
that are set when start-up ends.
"""

from __future__ import annotations

import contextvars
import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs

from photon_openapi.annotations import ClassRules, NameRule, require_rule, using_class_rules
from photon_openapi.document import Document, OpenApi, Operation, load_document
from photon_openapi.errors import DocumentError, SignatureError
from photon_runtime.callables import calling_module, kind_of
from photon_runtime.collector import collector_paused
from photon_runtime.http import (
    Handler,
    PartAdapter,
    Request,
    Response,
    ServerSettings,
    current_root_path,
    is_below,
)
from photon_runtime.isolation import Renewal, renew, shareable
from photon_runtime.observability import Meter, Readiness
from photon_runtime.parts import Finish, Part, Release, Scope, is_under_test
from photon_runtime.settings import Settings, require_table
from photon_runtime.signatures import require_call, resolve_local_names
from photon_runtime.unattended import UnattendedErrors

from . import _docs
from ._document_writer import (
    begin_document,
    required_by,
    title_of,
    write_entries,
    write_security,
)
from ._own_sections import OwnSections
from ._parts_host import PartsHost, add_provider, install_parts
from ._preparation import Attempt, Collected, directly
from ._router_settings import RouterSettings
from .annotations import Dependency, Overrides
from .arguments import FormSettings
from .dependencies import Providers
from .dispatch import (
    HANDLER,
    Dispatch,
    Endpoint,
    ErrorResponses,
    PathTree,
    Running,
    build_url,
    compile_routes,
    import_object,
)
from .handlers import (
    CompilationContext,
    DeclaredResponse,
    HandlerEntry,
    Middleware,
    WriterContext,
    check_list,
    entered,
    path_problem,
)
from .middleware import (
    ChainEntry,
    MiddlewareSettings,
    bind_chain,
    chain,
    log_hints,
    operations_of,
)
from .observability import ObservabilitySettings, Observation, Observer, observe, observers
from .responses import ResponseCheck
from .router import Lifespan, NameOperation, Router
from .security import Guards, Requirement, Verifier, merge_verifiers
from .static import ConfiguredFiles, StaticFiles, set_mount_paths
from .wsgi import WsgiExport

S = TypeVar("S")
T = TypeVar("T")


class Application(Router):
    """Handlers, and the application that they make.

    Args:
        title: Title of the document.
        version: Version of the application in the document.
        description: Description in the document; CommonMark.
        spec: A loaded OpenAPI document (spec first): the path of a YAML or JSON file, or the
            document itself.
        prefix: See `Router`, as for ``tags``, ``dependencies``, ``responses``, ``deprecated``,
            ``include_in_schema``, ``generate_operation_id``, ``security``, ``lifespan`` and
            ``omit_none``.
        middleware: Middleware for every request, as `Router.middleware` adds it.
        validate_responses: True to check responses of handlers against the document and replace
            invalid ones by a 500; ``None`` leaves it to the settings, and by default they are
            checked in development and in the environment ``test``.
        servers: URLs of the application; it is served below the path of each of them.
        docs_url: Path of the documentation page; ``None`` for none.
        openapi_url: Path of the document, without its ending; ``None`` for none.
        validation_status: Status of the response to requests with invalid values, 422 or 400.
        strict_content_type: True to reject JSON bodies without a ``Content-Type`` of JSON with 415,
            because a page of another site could have sent them; ``None`` leaves it to the settings,
            and by default they are rejected.
        strict_query: True to reject parameters of the query that an operation does not have, with
            the nearest name; ``None`` leaves it to the settings, and by default they are ignored.
        strict_members: True to reject members of objects that their classes do not have, with the
            nearest name: all classes are then `closed`, also in the document. ``None`` leaves it to
            the settings, and by default they are ignored. A loaded document decides for itself.
        rename: The rule for names on the wire of the members of all classes, such as ``camel``: see
            `rename`, which is the rule for one class and takes precedence. Arguments of functions
            and members of header models keep their names.
        assert_formats: True to assert ``format`` in the schemas of ``spec``; ``None`` leaves it to
            the settings, and by default it is a description only.

    Attributes:
        module: Name of the module that has made it.
        readiness: The checks of ``/ready``: ``app.readiness.add("database", check)``.
        meter: Declares metrics of the application: ``app.meter.counter("orders", "…")``; the page
            of metrics shows them together with those of requests. Replace it by the meter of
            another application before the start to share its metrics.

    Raises:
        DocumentError: The document in ``spec`` cannot be loaded.
        SignatureError: The rule for names does not exist.

    Example:
        >>> from photon_router import Application
        >>> api = Application(title="Greetings", version="1.0.0")
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
        security: Sequence[Verifier | Requirement] | None = None,
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
        strict_members: bool | None = None,
        rename: NameRule | None = None,
    ) -> None:
        """Begin without handlers."""
        super().__init__(
            prefix=prefix,
            tags=tags,
            dependencies=dependencies,
            responses=responses,
            deprecated=deprecated,
            include_in_schema=include_in_schema,
            generate_operation_id=generate_operation_id,
            security=security,
            middleware=middleware,
            lifespan=lifespan,
            omit_none=omit_none,
        )
        check_list(servers, "servers", '["https://api.example"]')
        for name, url in (("docs_url", docs_url), ("openapi_url", openapi_url)):
            problem = None if url is None else path_problem(url, is_prefix=True)
            if problem is not None:
                raise ValueError(f"{name}: {problem}")
        self._switches = {
            "validate_responses": validate_responses,
            "strict_content_type": strict_content_type,
            "strict_query": strict_query,
            "strict_members": strict_members,
            "assert_formats": assert_formats,
        }
        if rename is not None:
            require_rule(rename, "rename")
        self._rename = rename
        self.validation_status = validation_status
        self.module = calling_module()
        self.readiness = Readiness()
        self.meter = Meter()
        self._docs_url = docs_url
        self._openapi_url = openapi_url
        self._base = load_document(spec) if spec is not None else None
        self._info = {"title": title, "version": version, "description": description}
        self._servers = tuple(servers)
        self._settings: Settings | None = None
        self._static = ConfiguredFiles()
        self._parts: list[Part] = []
        self._by_type: dict[type, Dependency] = {}
        self._own_sections = OwnSections()
        self._drains: list[Callable[[], object]] = []
        self._urls: tuple[int, dict[str, str]] | None = None
        self._overrides: Overrides = {}
        self._running: list[Running] = []

    @property
    def docs_url(self) -> str | None:
        """Path of the documentation page; ``None`` without one."""
        return None if self.openapi_url is None else self._docs_url

    @property
    def openapi_url(self) -> str | None:
        """Path of the document, without its ending; ``None`` if it is not served."""
        return self._openapi_url if self._behaviour().docs else None

    @functools.cached_property
    def wsgi(self) -> WsgiExport:
        """This application for any WSGI server: ``gunicorn 'shop:app.wsgi'``; see `WsgiExport`."""
        return WsgiExport(self)

    def layers(self, *, development: bool = False) -> list[Observer | ChainEntry]:
        """Return the middleware of every request, outermost first, with its origin.

        Observers are outermost, then the middleware of the settings, then that of the code.

        Args:
            development: True for the middleware in development mode.

        Raises:
            SettingsError: The section ``[middleware]`` or ``[observability]`` is invalid.
        """
        settings = self.read_settings(ObservabilitySettings)
        return [
            *observers(settings, development=development),
            *chain(self._settings, self._middleware),
        ]

    def url_for(self, operation_id: str, /, **values: object) -> str:
        """Return the path of an operation as clients see it, base path and root path included.

        Args:
            operation_id: The name of the operation.
            values: Values of the parameters of its path; further values are a query. Values are
                encoded and cannot lead to another path.

        Raises:
            LookupError: The operation does not exist.
            ValueError: A parameter of the path is missing or empty, or it is ``.`` or ``..``.
        """
        try:
            template = self._url_templates()[operation_id]
        except KeyError:
            raise LookupError(f"the operation {operation_id!r} does not exist") from None
        return self.public_path(build_url(template, values))

    @property
    def root_path(self) -> str:
        """The path below which clients see the application, of the running request if there is one.

        Otherwise ``root_path`` of the section ``[server]``; usually empty.

        Raises:
            SettingsError: The section is invalid.
        """
        current = current_root_path()
        return self._root_path if current is None else current

    def public_path(self, path: str) -> str:
        """Return a path of this application as clients see it: below `root_path`.

        A path below the base path of ``servers`` has it already, if both are the same.
        """
        root_path = self.root_path
        return path if not root_path or self._is_based_at(root_path, path) else root_path + path

    @functools.cached_property
    def _root_path(self) -> str:
        return self.read_settings(ServerSettings).root_path

    def _is_based_at(self, root_path: str, path: str) -> bool:
        """Return whether ``path`` has ``root_path`` from the servers of the document."""
        base = self._begun_document().base_path
        return is_below(base, root_path) and is_below(path, base)

    def _url_templates(self) -> dict[str, str]:
        """Return the templates of all operations by name, cached until there are more."""
        key = len(self._entries)
        if self._urls is None or self._urls[0] != key:
            document = self._begun_document()
            base = document.base_path
            loaded = {each.name: each.base_paths[0] + each.path for each in document.operations()}
            own = {
                entry.operation_id: base + entry.path for entry in self._entries if entry.is_written
            }
            self._urls = key, loaded | own
        return self._urls[1]

    def add(self, part: Part | str) -> None:
        """Add a part: a subsystem from another package, such as a database layer.

        Args:
            part: The part, or ``package.module:name`` of a part or of its class, which is imported
                only here.

        Raises:
            TypeError: It is not a part.
            ValueError: It cannot be imported.
        """
        resolved = part
        if isinstance(part, str):
            imported = import_object(part, "part")
            resolved = imported() if isinstance(imported, type) else imported  # type: ignore[assignment]
        if isinstance(part, type) and hasattr(part, "install"):
            raise TypeError(f"{part.__name__} is a class: write app.add({part.__name__}(...))")
        # A class has the members of its instances, and would pass for a part.
        if isinstance(resolved, type) or not isinstance(resolved, Part):
            raise TypeError(
                f"a part must be an object with `settings` and `install`, unlike {resolved!r}"
            )
        self._parts.append(resolved)

    def needed_parts(self) -> list[Part]:
        """Return the parts that were added, and those that adapters of routes need besides.

        Subclasses may add others; it is called at each start, and for the document.
        """
        parts = list(self._parts)
        for entry in self._entries:
            adapter: object = entry.adapter
            if adapter is None or not isinstance(adapter, PartAdapter):
                continue
            kind = import_object(adapter.part, "part")
            if isinstance(kind, type) and not any(isinstance(each, kind) for each in parts):
                parts.append(kind())
        return parts

    def provide(
        self,
        cls: type[T],
        provider: Callable[..., T] | Callable[..., Iterator[T]],
        *,
        scope: Scope = "request",
        release: Release = "before_response",
        finish: Finish[T] | None = None,
    ) -> None:
        """Provide arguments of type ``cls`` of handlers and dependencies with ``provider``.

        An argument ``db: Session`` then gets its value from the provider, like ``db: Session =
        Depends(provider)``. An argument with a marker, such as ``Json[Session]``, does not.

        Args:
            cls: The class in the annotations of arguments.
            provider: A function whose arguments are bound like a handler's. If it yields, it
                resumes at the time of ``release``, and gets the error of the request, if any.
            scope: ``request`` makes a value for each request, ``application`` one for each start.
            release: ``before_response``, so that the generator can still fail the request, or
                ``after_response``. For a streamed response the former is after it was sent.
            finish: A function that is called with the value after the handler has returned and
                before its result is encoded, for what the result depends on; see
                `photon_runtime.parts.Finish`.

        Raises:
            TypeError: ``cls`` is not a class, or one whose values come from requests.
            ValueError: The class has a provider already.
            SignatureError: The provider is asynchronous.
        """
        add_provider(self._by_type, cls, provider, scope=scope, release=release, finish=finish)

    def provide_settings(self, cls: type[T]) -> None:
        """Provide arguments of type ``cls`` with the application's own section of the settings.

        The section is ``[app]`` of ``photon.toml``, or that of a class with
        ``@photon_runtime.settings.section("name")`` of a package. It is read, and all its errors
        are reported, at each start; without ``photon.toml`` the defaults count.

        Args:
            cls: An attrs class, a dataclass or a `msgspec.Struct`: its members are the keys.

        Raises:
            TypeError: It is another kind of class.
            ValueError: The class has a provider already.
        """
        require_table(cls)
        read = functools.partial(self._own_section, cls)
        self.provide(cls, read, scope="application")
        self._own_sections.classes.append(cls)

    def _own_section(self, cls: type[T]) -> T:
        return self._own_sections.read(cls, self._settings)

    def on_drain(self, begin: Callable[[], object]) -> Callable[[], object]:
        """Call ``begin`` when the server begins to stop, while requests still run.

        Use it to end connections that last longer than a request. It runs in a task of its own. An
        error in it is logged.

        Raises:
            SignatureError: It is not a plain function without arguments.
        """
        require_call(begin, "a call at shutdown")
        self._drains.append(begin)
        return begin

    @contextmanager
    def overrides(
        self, replacements: Mapping[Callable[..., Any], Callable[..., Any]]
    ) -> Iterator[None]:
        """Replace providers of dependencies within the block; for tests.

        It affects this application alone. If the application runs already, it affects later
        requests. A replacement has arguments of its own, like any provider.

        Args:
            replacements: The replacement of each provider, or of the provider of each class.

        Raises:
            SignatureError: A replacement is not callable or is asynchronous.
            DocumentError: A replacement is not a valid provider.
        """
        for replacement in replacements.values():
            kind_of(replacement)
            resolve_local_names(replacement)
        before = self._overrides
        compiled = {each: (each.current, each.tree) for each in self._running}
        self._overrides = {**before, **replacements}
        try:
            self._replace_endpoints(self._running)
            yield
        finally:
            self._overrides = before
            for running, (providers, tree) in compiled.items():
                running.use(providers, tree)
            self._replace_endpoints([each for each in self._running if each not in compiled])

    def use_settings(self, settings: Settings) -> None:
        """Set the settings used at the next start.

        ``photon run`` and similar commands call it with the settings of the project.
        """
        self._settings = settings
        self._static = ConfiguredFiles(settings)
        self.__dict__.pop("_root_path", None)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that were added, in that order."""
        return tuple(self._parts)

    @property
    def settings(self) -> Settings | None:
        """The settings of the project; ``None`` for an application without settings."""
        return self._settings

    @property
    def static(self) -> StaticFiles:
        """The files of the section ``[static]``: ``app.static.url("site.css")``.

        Raises:
            RuntimeError: The settings are not set yet, or name no folder.
            PhotonError: The section is invalid.
        """
        return self._static.files

    # -- the document and the start ---------------------------------------------------------

    def document(self) -> OpenApi:
        """Return a copy of the complete OpenAPI document.

        Raises:
            SignatureError: A handler does not match its path.
            DocumentError: The loaded document is not well-formed, or two of its components have the
                same name.
        """
        running = self._running[-1] if self._running else None
        base = self._begun_document()
        if running is None and base.schema_errors:  # one that runs was checked at its start
            raise DocumentError([str(problem) for problem in base.schema_errors])
        shown = [
            entry
            for entry in self._entries
            if entry.is_written and entry.options.get("include_in_schema", True)
        ]
        by_type = (
            running.providers.by_type
            if running is not None
            else {**self._by_type, **install_parts(self, self.needed_parts()).by_type}
        )
        providers = Providers(by_type)
        context = WriterContext(self.validation_status, is_published=True, providers=providers)
        with using_class_rules(self._class_rules()):
            write_entries(base.data, shown, context)
        return copy.deepcopy(base.data)

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start the application: compile the document, enter the lifespans, yield the handler.

        Args:
            development: True for development mode, which shows details that production must not.

        Raises:
            DocumentError: Document and handlers do not match; lists every problem.
            SignatureError: A handler does not match its path, or a lifespan has returned something
                else than a context manager.
            SettingsError: A section of the settings is invalid.
        """
        host, observed, running = self._prepare(directly, development=development)
        with ExitStack() as stack:
            stack.enter_context(self.meter.observing())
            stack.enter_context(UnattendedErrors(self.meter, keeps=is_under_test()).noting())
            for lifespan in (*host.lifespans, *self._lifespans):
                stack.enter_context(entered(lifespan))
            stack.enter_context(running.providers.application.made())
            for end in host.ends:
                stack.callback(end)
            self._running.append(running)
            stack.callback(self._running.remove, running)
            running.dispatch.context, renewals = shareable(contextvars.copy_context())
            running.dispatch.wrap(observed.wrap)
            if renewals:
                running.dispatch.wrap(functools.partial(_renewing, renewals))
            yield running.dispatch

    def problems(self, *, development: bool = False) -> list[str]:
        """Return everything that keeps the application from starting, as far as it is known.

        It prepares a start and checks what lifespans would refuse, without entering them: nothing
        is opened or connected. Within `photon_runtime.run` also the templates are checked.

        Args:
            development: True for the problems in development mode.

        Blocks: the calling task, while files are read.
        """
        collected = Collected()
        host, _, _ = self._prepare(collected, development=development)
        for check in host.start_checks:
            collected(check, None)
        return collected.problems

    def missing_handlers(self) -> list[str]:
        """Return the names of the operations of the loaded document without a handler."""
        document = self._begun_document()
        handlers = {entry.operation_id for entry in self._entries}
        return [
            each.name
            for each in document.operations()
            if each.name not in handlers and HANDLER not in each.data
        ]

    def _prepare(
        self, attempt: Attempt, *, development: bool
    ) -> tuple[PartsHost, Observation, Running]:
        """Do what a start does before it enters lifespans."""
        settings = attempt(
            lambda: self.read_settings(ObservabilitySettings), ObservabilitySettings()
        )
        attempt(lambda: self._own_sections.check(self._settings), None)
        parts = attempt(self.needed_parts, [])
        host = install_parts(self, parts, development=development, attempt=attempt)
        readiness = Readiness(timeout=settings.ready_timeout)
        readiness.include(self.readiness)
        readiness.include(host.readiness)
        observed = attempt(
            lambda: observe(settings, readiness, self.meter, development=development),
            Observation(None, None, [], []),
        )
        pages = [*observed.pages, *attempt(self._static.mounts, []), *host.pages]
        attempt(lambda: set_mount_paths([*self._mounts, *pages], root_path=self._root_path), None)
        running = Running(host, Providers({**self._by_type, **host.by_type}), pages, development)
        attempt(lambda: self._compile(running, host, observed.middleware), None)
        return host, observed, running

    def read_settings(self, cls: type[S]) -> S:
        """Return the section of a class, with its defaults if there are no settings.

        Raises:
            SettingsError: The section is invalid.
        """
        return cls() if self._settings is None else self._settings.read(cls)

    def find_middleware(self, kind: type[S]) -> S | None:
        """Return middleware of a class, disabled or of a router only included; ``None`` if missing.

        Raises:
            SettingsError: The section ``[middleware]`` is invalid.
        """
        section = self.read_settings(MiddlewareSettings)
        scopes = [*(each.scope for each in self._entries), *(each.scope for each in self._mounts)]
        known = [
            *(getattr(section, field.name) for field in attrs.fields(MiddlewareSettings)),
            *self._middleware,
            *(middleware for scope in scopes for middleware in scope.middleware),
        ]
        return next((each for each in known if isinstance(each, kind)), None)

    def named_settings(self, cls: type[S]) -> Mapping[str, S]:
        """Return the further sections of a class, such as ``[database.reports]``, by their names.

        Raises:
            SettingsError: One of them is invalid.
        """
        return {} if self._settings is None else self._settings.read_named(cls)

    def validates_responses(self, *, development: bool = False) -> bool:
        """Return true if responses are checked against the document.

        Args:
            development: True for the answer in development mode.
        """
        stated = self._behaviour().validate_responses
        return development or self._is_test if stated is None else stated

    def _refuse_inclusion(self) -> None:
        if self._base is not None:
            raise ValueError(
                "only the application itself can have a spec, not a router that is included in it"
            )
        stated = [name for name, value in self._switches.items() if value is not None]
        stated += ["servers"] if self._servers else []
        stated += ["rename"] if self._rename is not None else []
        if stated:
            raise ValueError(
                f"{', '.join(stated)} of an application that is included in another one would have "
                "no effect: set it for the outer one, and include a Router"
            )
        if self._parts or self._by_type:
            raise ValueError(
                "an application with parts or providers cannot be included in another one: add "
                "them to the outer one, and include a Router"
            )

    def _add_to(self, outer: Router) -> None:
        if not isinstance(outer, Application):
            raise ValueError(  # noqa: TRY004 - as the other errors of an inclusion
                "an application is included in an application, which has its checks of readiness "
                "and calls at shutdown, not in a router: include a Router"
            )
        outer.readiness.include(self.readiness)
        outer._drains += self._drains

    def _behaviour(self) -> RouterSettings:
        """Return the section ``[router]``, overridden by options in the code."""
        stated = {name: value for name, value in self._switches.items() if value is not None}
        return attrs.evolve(self.read_settings(RouterSettings), **stated)

    def _compile(self, running: Running, host: PartsHost, outermost: Sequence[Middleware]) -> None:
        """Compile the document to the handler of all requests."""
        host.use_providers(lambda: running.current)
        document, running.tree = self._compiled_endpoints(running)
        handlers = {**host.error_handlers, **self._error_handlers}
        error_responses = ErrorResponses(
            handlers, validation_status=self.validation_status, pages=host.problem_pages
        )
        placed = chain(self._settings, [*host.middlewares, *self._middleware])
        middleware = bind_chain(placed, operations_of(document))
        inner = [each for entry in self._entries for each in entry.scope.middleware]
        log_hints(placed, document, self._settings, inner=inner)
        running.dispatch = Dispatch(
            running.tree,
            error_responses=error_responses,
            middleware=[*outermost, *middleware],
            drains=[*host.drains, *self._drains],
        )

    def _replace_endpoints(self, started: Sequence[Running]) -> None:
        """Replace the endpoints of running applications by those with the present overrides."""
        for running in started:
            _, tree = self._compiled_endpoints(running)
            running.providers.application.make()
            running.use(running.current, tree)

    def _compiled_endpoints(self, running: Running) -> tuple[Document, PathTree[Endpoint]]:
        with collector_paused(), using_class_rules(self._class_rules()):
            return self._compile_endpoints(running)

    def _class_rules(self) -> ClassRules:
        """Return the rules by which the document and the endpoints read classes."""
        return ClassRules(self._rename, closed=self._behaviour().strict_members)

    def _compile_endpoints(self, running: Running) -> tuple[Document, PathTree[Endpoint]]:
        document, behaviour = self._begun_document(), self._behaviour()
        providers = attrs.evolve(running.providers, overrides=self._overrides)
        running.current = providers
        entries = [entry for entry in self._entries if not entry.is_written]
        refused: list[SignatureError] = []
        if not document.schema_errors:  # otherwise the document cannot be extended
            written = [entry for entry in self._entries if entry.is_written]
            context = WriterContext(self.validation_status, providers=providers)
            entries += write_entries(document.data, written, context, refused)
            document = Document(
                document.data, is_checked=True, assert_formats=behaviour.assert_formats
            )
        compilation = CompilationContext(
            document,
            providers,
            behaviour,
            self.read_settings(FormSettings),
            problems=list(map(str, refused)),
            substitute=self._substitute(),
        )
        try:
            tree = self._compiled_routes(running, compilation, entries)
        except DocumentError as error:
            if len(error.problems) == len(refused) == 1:
                raise refused[0] from None
            raise
        return document, tree

    def _compiled_routes(
        self, running: Running, compilation: CompilationContext, entries: Sequence[HandlerEntry]
    ) -> PathTree[Endpoint]:
        try:
            verifiers = merge_verifiers(self._verifiers, required_by(self._entries))
        except DocumentError as error:
            compilation.problems.extend(error.problems)
            verifiers = dict(self._verifiers)
        return compile_routes(
            compilation,
            {entry.operation_id: entry for entry in entries},
            [
                *_docs.pages(
                    self.docs_url,
                    self.openapi_url,
                    title_of(self._base, self._info),
                    self.document,
                ),
                *self._mounts,
                *running.pages,
            ],
            guards=Guards(verifiers, compilation.providers),
            error_handlers={**running.host.error_handlers, **self._error_handlers},
            validation_status=self.validation_status,
            problem_pages=running.host.problem_pages,
            checks=self._checks(development=running.development),
        )

    def _substitute(self) -> Callable[[Operation, Sequence[str]], Handler] | None:
        """Return the factory of handlers for operations that cannot be served; `None` to refuse."""
        return None

    def _checks(
        self, *, development: bool
    ) -> Callable[[Document, Operation], ResponseCheck] | None:
        """Return the factory of the checks of responses; ``None`` if they are not checked."""
        if not self.validates_responses(development=development):
            return None
        return functools.partial(ResponseCheck, is_shown=development or self._is_test)

    @property
    def _is_test(self) -> bool:
        return self._settings is not None and self._settings.environment == "test"

    def _begun_document(self) -> Document:
        """Return the loaded document, or an empty one, with the title of the application."""
        data = begin_document(self._base, self._info, self._servers)
        document = Document(data, is_checked=self._base is None)
        if not document.schema_errors:
            write_security(document, self._entries)
        return document


def _renewing(renewals: list[Renewal], handler: Handler) -> Handler:
    def call(request: Request) -> Response:
        renew(renewals)
        return handler(request)

    return call
