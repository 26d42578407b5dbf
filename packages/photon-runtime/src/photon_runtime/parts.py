"""Parts: subsystems that an application is composed of, and the interface it offers them.

A part (a database layer, a job queue, a template engine) belongs to a package of its own that does
not depend on routers. It names the class of its section of the settings, and `Part.install`
receives that section with a `Host`, the interface of the application for parts::

    class Database:
        settings = DatabaseSettings          # decorated by @section("database")

        def install(self, host: Host, settings: DatabaseSettings) -> None:
            engine = Engine(settings.url)
            host.provide(Session, engine.session)       # handlers take `db: Session`
            host.readiness.add("database", engine.ping)
            host.lifespan(engine.running)

    app.add(Database())

The order at start is: settings, `Part.install` of each part in the order in which they were added,
lifespans, values of the application's scope, first request; at the end the reverse. A part is
installed anew for each start of the application, and whenever the document is generated:
`Part.install` only registers. Resources are opened by a lifespan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs

from .http import Request, Response
from .observability import Meter, Readiness

T = TypeVar("T")

Scope: TypeAlias = Literal["request", "application"]
"""The life of a provided value: one for each request, or one for the run of an application."""
Release: TypeAlias = Literal["before_response", "after_response"]
"""When a generator that provides a value resumes: before the response is sent, or after it.

Before the response it can still fail the request, as a commit does. A streamed response, and a
protocol after an upgrade, keep such values to their end.
"""

Finish: TypeAlias = Callable[[T], AbstractContextManager[object] | None]
"""Called with a provided value after the handler has returned and before its result is encoded.

It prepares what the result depends on, as the flush of a session does; an error in it is the
response. The context manager that it may return is entered while the result is encoded, and for a
streamed result while each item is: it must be reusable, and must not suppress errors.
"""

Middleware: TypeAlias = Callable[[Request, Callable[[Request], Response]], Response]
"""Takes a request and the next handler, and returns a response."""
ErrorHandler: TypeAlias = Callable[[Request, BaseException], Response]
"""Returns the response to an error."""
ProblemPage: TypeAlias = Callable[[Request, Response], Response]
"""Returns the response in place of one whose body is a problem document, or that one itself."""


class Host(Protocol):
    """The interface of an application for parts."""

    @property
    def readiness(self) -> Readiness:
        """The checks of ``/ready``; see `photon_runtime.observability.Readiness`."""
        ...

    @property
    def meter(self) -> Meter:
        """Makes the counters, gauges and histograms that ``/metrics`` shows."""
        ...

    @property
    def root(self) -> Path | None:
        """The folder of ``photon.toml``; ``None`` for an application without settings."""
        ...

    @property
    def environment(self) -> str:
        """The name of the environment, such as ``production``; empty without settings."""
        ...

    @property
    def development(self) -> bool:
        """True in development mode, which shows details that production must not."""
        ...

    @property
    def validates_responses(self) -> bool:
        """True if responses are checked against the document, as in development and in tests."""
        ...

    @property
    def docs_url(self) -> str | None:
        """Path of the documentation page; ``None`` if it is not served."""
        ...

    @property
    def openapi_url(self) -> str | None:
        """Path of the OpenAPI document, without its ending; ``None`` if it is not served."""
        ...

    def document(self) -> dict[str, Any]:
        """Return a copy of the OpenAPI document of the application.

        It is complete when all parts are installed: call it in a lifespan, or for a request.

        Raises:
            PhotonError: The handlers cannot be written as a document.
        """
        ...

    def page(
        self,
        path: str,
        handler: Callable[[Request], Response],
        *,
        methods: Sequence[str] = ("GET",),
    ) -> None:
        """Serve a page about the application, such as its documentation, on ``path``.

        It is not an operation of the document. Middleware wraps it, operations take precedence.

        Args:
            path: Template of the path; the values of its parameters are in `Request.path_values`.
            handler: Returns the page.
            methods: Methods in capitals.
        """

    def provide(
        self,
        cls: type[T],
        provider: Callable[..., T] | Callable[..., Iterator[T]],
        *,
        scope: Scope = "request",
        release: Release = "before_response",
        finish: Finish[T] | None = None,
    ) -> None:
        """Let handlers and dependencies have arguments of type ``cls``, made by ``provider``."""

    def provided(
        self, *classes: Any, user: str
    ) -> Callable[[], AbstractContextManager[tuple[Any, ...]]]:
        """Return a function that makes values of provided classes outside of requests, as for jobs.

        ::

            made = host.provided(Session, user="the task charge")     # in a lifespan
            with made() as (session,):
                ...

        The block is for the values what a request is: each provider is called once, and a generator
        resumes at the end, with the error of the block, if any. An argument of a provider that
        would come from the request has its default. Overrides of tests apply.

        Args:
            classes: The classes, or annotations of them.
            user: What needs the values, for messages.

        Raises:
            SignatureError: A class is not provided, or its provider needs a request.
            RuntimeError: The application does not start or run: call it in a lifespan.
        """
        ...

    def lifespan(self, life: Callable[[], AbstractContextManager[object]]) -> None:
        """Enter a context manager before the first request, and leave it after the last."""

    def on_check(self, check: Callable[[], object]) -> None:
        """Call ``check`` where the application is checked without being started.

        It raises what a lifespan of the part would raise for the files and the code of the project,
        and connects to nothing.
        """

    def on_end(self, end: Callable[[], object]) -> None:
        """Call ``end`` after the last request, before provided values and lifespans are released.

        It is for work that uses them, such as that of requests which have ended; it may wait.
        """

    def on_drain(self, begin: Callable[[], object]) -> None:
        """Call ``begin`` when the server begins to stop, before requests have ended."""

    def middleware(
        self, middleware: Callable[[Request, Callable[[Request], Response]], Response]
    ) -> Any:
        """Wrap every request in ``middleware``."""

    def error_handler(
        self, *classes: type[BaseException]
    ) -> Callable[[ErrorHandler], ErrorHandler]:
        """Return a decorator for the function that makes the responses to errors of these classes.

        The application's own error handlers take precedence.
        """
        ...

    def problem_page(self, page: ProblemPage) -> None:
        """Call ``page`` with every error response of the application that is a problem document.

        It may return a page for people. An error in it is logged, and the document is sent.
        """

    def find_middleware(self, kind: type[T]) -> T | None:
        """Return middleware of a class, ``None`` if the application has none.

        It is found also if it is disabled, or belongs to a router only. A lifespan finds all, while
        parts are installed one after another.
        """
        ...

    def named_settings(self, cls: type[T]) -> Mapping[str, T]:
        """Return the further sections of a class, such as ``[database.reports]``, by name."""
        ...

    def url_for(self, operation_id: str, /, **values: object) -> str:
        """Return the path of an operation, with ``values`` filled in."""
        ...

    def asset_url(self, path: str, /) -> str:
        """Return the address of a file of the section ``[static]``, with its fingerprint.

        Raises:
            FileNotFoundError: The file does not exist.
            RuntimeError: The settings name no folder of static files.

        Blocks: the calling task, while the digest of the file is computed for the first time.
        """
        ...


@runtime_checkable
class Part(Protocol):
    """A subsystem that can be added to an application.

    Attributes:
        settings: Attrs class of its section, bound to it by `photon_runtime.settings.section`; its
            defaults apply where the section is missing.
    """

    settings: type[Any]

    def install(self, host: Host, settings: Any) -> None:
        """Register what the part provides, with an instance of `settings`; it must not wait.

        Raises:
            PhotonError: The settings cannot be used; the message gives the reason.
        """


@runtime_checkable
class ConsolePart(Protocol):
    """A part that has names to offer to ``photon console``; an optional interface of parts."""

    def console_values(self, application: Any) -> AbstractContextManager[Mapping[str, object]]:
        """Return a context manager that yields values by name, such as a session as ``db``.

        It is entered while the application runs, and exited before it stops.

        Args:
            application: The application that the part was added to.
        """
        ...


@attrs.frozen
class Finding:
    """The result of a check.

    Attributes:
        name: What was checked.
        status: ``failed`` for what keeps the application from running as it should.
        message: What was found, and for a problem what to do.
    """

    name: str
    status: Literal["ok", "warning", "failed"]
    message: str


@runtime_checkable
class CheckedPart(Protocol):
    """A part that has checks for ``photon doctor``; an optional interface of parts."""

    def findings(self, application: Any) -> Iterable[Finding]:
        """Check what the part uses, while the application runs; each check has to end.

        Args:
            application: The application that the part was added to.

        Blocks: the calling task.
        """
        ...


@runtime_checkable
class RereadingPart(Protocol):
    """A part that reads its files again when they change; an optional interface of parts.

    ``photon dev`` does not restart the application for these files, and reloads pages only.
    """

    @property
    def reread_folders(self) -> Sequence[Path]:
        """Folders of the files, once the application runs."""
        ...


@contextmanager
def under_inspection() -> Iterator[None]:
    """Let applications that start in the block know that they are only looked at.

    Parts that work by themselves, such as on jobs, leave that to processes that serve.
    """
    token = _UNDER_INSPECTION.set(True)
    try:
        yield
    finally:
        _UNDER_INSPECTION.reset(token)


def is_under_inspection() -> bool:
    """Return whether the calling code is inside of `under_inspection`. Does not wait."""
    return _UNDER_INSPECTION.get()


@contextmanager
def under_test() -> Iterator[None]:
    """Let applications that start in the block know that a test has started them.

    It matters for those without settings, whose environment is not known.
    """
    token = _UNDER_TEST.set(True)
    try:
        yield
    finally:
        _UNDER_TEST.reset(token)


def is_under_test() -> bool:
    """Return whether the calling code is inside of `under_test`. Does not wait."""
    return _UNDER_TEST.get()


_UNDER_INSPECTION: ContextVar[bool] = ContextVar("photon_under_inspection", default=False)
_UNDER_TEST: ContextVar[bool] = ContextVar("photon_under_test", default=False)
