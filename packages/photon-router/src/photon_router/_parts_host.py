"""The host of an application's parts, for one start.

The registrations of parts are separate from those of the application's own code: the next start
installs the parts again, with the settings at that time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import attrs

from photon_openapi.document import OpenApi
from photon_runtime.http import Handler
from photon_runtime.observability import Meter, Readiness
from photon_runtime.parts import Finish, Part, ProblemPage, Release, Scope
from photon_runtime.settings import Settings
from photon_runtime.signatures import require_call

from ._preparation import Attempt, directly
from .annotations import Dependency
from .dependencies import Providers, Provision, check_provided
from .dispatch import Mount
from .errors import SignatureError
from .handlers import (
    ErrorHandler,
    Middleware,
    check_error_classes,
    check_error_handler,
    check_lifespan,
    check_middleware,
)
from .static import StaticFiles

T = TypeVar("T")


class _Owner(Protocol):
    """The application that parts are added to."""

    meter: Meter

    @property
    def settings(self) -> Settings | None: ...
    @property
    def docs_url(self) -> str | None: ...
    @property
    def openapi_url(self) -> str | None: ...
    def document(self) -> OpenApi: ...
    def validates_responses(self, *, development: bool) -> bool: ...

    def read_settings(self, cls: type[T]) -> T: ...
    def named_settings(self, cls: type[T]) -> Mapping[str, T]: ...
    def find_middleware(self, kind: type[T]) -> T | None: ...
    def url_for(self, operation_id: str, /, **values: object) -> str: ...
    @property
    def static(self) -> StaticFiles: ...


@attrs.define(eq=False)
class PartsHost:
    """The registrations of an application's parts; see `photon_runtime.parts.Host`.

    Attributes:
        development: True in development mode.
        readiness: Their readiness checks.
        by_type: The dependencies that they provide, by class.
        lifespans: Their lifespans, in order.
        ends: Their calls after the last request.
        drains: Their calls for the start of the shutdown.
        middlewares: Their middleware, the outermost first.
        error_handlers: Their error handlers, by class.
        problem_pages: Their functions that replace problem documents by pages.
        pages: Their pages about the application.
        start_checks: Their checks of what their lifespans would refuse.
    """

    _owner: _Owner
    development: bool
    readiness: Readiness = attrs.field(factory=Readiness, init=False)
    by_type: dict[type, Dependency] = attrs.field(factory=dict, init=False)
    lifespans: list[Callable[[], AbstractContextManager[object]]] = attrs.field(
        factory=list, init=False
    )
    ends: list[Callable[[], object]] = attrs.field(factory=list, init=False)
    drains: list[Callable[[], object]] = attrs.field(factory=list, init=False)
    middlewares: list[Middleware] = attrs.field(factory=list, init=False)
    error_handlers: dict[type[BaseException], ErrorHandler] = attrs.field(factory=dict, init=False)
    problem_pages: list[ProblemPage] = attrs.field(factory=list, init=False)
    pages: list[Mount] = attrs.field(factory=list, init=False)
    start_checks: list[Callable[[], object]] = attrs.field(factory=list, init=False)
    _providers: Callable[[], Providers] | None = attrs.field(default=None, init=False)

    @property
    def root(self) -> Path | None:
        """The folder of ``photon.toml``; ``None`` for an application without settings."""
        settings = self._owner.settings
        return None if settings is None else settings.root

    @property
    def environment(self) -> str:
        """The name of the environment; empty without settings."""
        settings = self._owner.settings
        return "" if settings is None else settings.environment

    @property
    def meter(self) -> Meter:
        """The meter, which makes the instruments of ``/metrics``."""
        return self._owner.meter

    @property
    def validates_responses(self) -> bool:
        """True if responses are checked against the document."""
        return self._owner.validates_responses(development=self.development)

    @property
    def docs_url(self) -> str | None:
        """Path of the documentation page; ``None`` if it is not served."""
        return self._owner.docs_url

    @property
    def openapi_url(self) -> str | None:
        """Path of the OpenAPI document, without its ending; ``None`` if it is not served."""
        return self._owner.openapi_url

    def document(self) -> OpenApi:
        """Return a copy of the OpenAPI document of the application."""
        return self._owner.document()

    def page(self, path: str, handler: Handler, *, methods: Sequence[str] = ("GET",)) -> None:
        """Serve a page about the application."""
        require_call(handler, "a page", "request")
        self.pages.append(Mount(path, handler, tuple(methods), is_optional=True))

    def provide(
        self,
        cls: type[T],
        provider: Callable[..., T] | Callable[..., Iterator[T]],
        *,
        scope: Scope = "request",
        release: Release = "before_response",
        finish: Finish[T] | None = None,
    ) -> None:
        """Provide arguments of type ``cls`` of handlers and dependencies with ``provider``."""
        add_provider(self.by_type, cls, provider, scope=scope, release=release, finish=finish)

    def provided(
        self, *classes: Any, user: str
    ) -> Callable[[], AbstractContextManager[tuple[Any, ...]]]:
        """Return a function that makes values of provided classes outside of requests.

        Raises:
            SignatureError: A class is not provided, or its provider needs a request.
            RuntimeError: The application is not started yet; call it in a lifespan.
        """
        if self._providers is None:
            raise RuntimeError(
                "what an application provides is known when all parts are installed: call this in "
                "a lifespan"
            )
        return Provision(self._providers, classes, user)

    def use_providers(self, providers: Callable[[], Providers]) -> None:
        """Set the function that returns the providers of the application, overrides included."""
        self._providers = providers

    def lifespan(self, life: Callable[[], AbstractContextManager[object]]) -> None:
        """Enter a context manager before the first request, and exit it after the last."""
        check_lifespan(life)
        self.lifespans.append(life)

    def on_check(self, check: Callable[[], object]) -> None:
        """Call ``check`` where the application is checked without being started."""
        require_call(check, "a check")
        self.start_checks.append(check)

    def on_end(self, end: Callable[[], object]) -> None:
        """Call ``end`` after the last request, before values and lifespans are released."""
        require_call(end, "a call at the end")
        self.ends.append(end)

    def on_drain(self, begin: Callable[[], object]) -> None:
        """Call ``begin`` when the server begins to stop."""
        require_call(begin, "a call at shutdown")
        self.drains.append(begin)

    def middleware(self, middleware: Middleware) -> Middleware:
        """Wrap every request in ``middleware``."""
        check_middleware([middleware])
        self.middlewares.append(middleware)
        return middleware

    def error_handler(
        self, *classes: type[BaseException]
    ) -> Callable[[ErrorHandler], ErrorHandler]:
        """Return a decorator for the function that makes the responses to errors of ``classes``."""
        check_error_classes(classes)

        def register(function: ErrorHandler) -> ErrorHandler:
            check_error_handler(function)
            self.error_handlers |= dict.fromkeys(classes, function)
            return function

        return register

    def problem_page(self, page: ProblemPage) -> None:
        """Call ``page`` with every error response that is a problem document."""
        require_call(page, "a page for problem documents", "request", "response")
        self.problem_pages.append(page)

    def find_middleware(self, kind: type[T]) -> T | None:
        """Return middleware of a class, ``None`` if the application has none."""
        own = next((each for each in self.middlewares if isinstance(each, kind)), None)
        return self._owner.find_middleware(kind) if own is None else own

    def named_settings(self, cls: type[T]) -> Mapping[str, T]:
        """Return the further sections of a class by their names."""
        return self._owner.named_settings(cls)

    def url_for(self, operation_id: str, /, **values: object) -> str:
        """Return the path of an operation."""
        return self._owner.url_for(operation_id, **values)

    def asset_url(self, path: str, /) -> str:
        """Return the address of a file of the section ``[static]``, with its fingerprint."""
        return self._owner.static.url(path)


def install_parts(
    owner: _Owner,
    parts: Sequence[Part],
    *,
    development: bool = False,
    attempt: Attempt = directly,
) -> PartsHost:
    """Return the registrations of ``parts`` in an application, with its settings.

    Args:
        owner: The application.
        parts: The parts.
        development: True in development mode.
        attempt: Installs each of them.

    Raises:
        SettingsError: The section of a part is invalid.
        PhotonError: A part cannot be installed.
    """
    host = PartsHost(owner, development)
    for part in parts:
        attempt(functools.partial(_install, owner, part, host), None)
    return host


def _install(owner: _Owner, part: Part, host: PartsHost) -> None:
    part.install(host, owner.read_settings(part.settings))


def add_provider(
    by_type: dict[type, Dependency],
    cls: type[Any],
    provider: object,
    *,
    scope: Scope,
    release: Release,
    finish: Finish[Any] | None,
) -> None:
    """Add the provider of a class.

    Raises:
        TypeError: ``cls`` is not a class, or one whose values come from requests.
        ValueError: The class has a provider already.
        SignatureError: The provider is not a function, or is asynchronous.
    """
    check_provided(cls)
    if not callable(provider):
        raise SignatureError(
            f"values of {cls.__qualname__} are provided by a function or a class, not by "
            f"{provider!r}: pass the function, without calling it, or write `lambda: value`"
        )
    if finish is not None:
        require_call(finish, "`finish` of a provider", "value")
    dependency = Dependency(provider, scope, release=release, finish=finish)
    if cls in by_type:
        raise ValueError(f"the class {cls.__qualname__} has a provider already")
    by_type[cls] = dependency
