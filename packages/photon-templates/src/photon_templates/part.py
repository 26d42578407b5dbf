"""`TemplatesPart`: templates for an application.

::

    app.add(TemplatesPart())

    @app.get("/posts")
    def list_posts(db: Session) -> Html:
        return render_template("posts/index.html", posts=...)

Each start of the application makes an environment of its own, checks and compiles all templates,
and refuses to start if one of them is wrong: see `_preload`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from jinja2.ext import Extension

import photon_runtime as rt
from photon_runtime.errors import PhotonError
from photon_runtime.http import Request, Response
from photon_runtime.parts import Host

from ._compiled import CompiledCache
from ._current import request_variable, templates_variable
from ._environment import EnvironmentOptions
from ._folders import BUILTIN_FOLDER, package_folder
from ._function_checks import check_functions, check_globals, check_lists
from ._globals import Contribution, merge, site_globals
from ._preload import preload
from ._templates_settings import TemplatesSettings
from .csrf import csrf_globals
from .error_pages import ErrorPages
from .flash import flash_globals
from .negotiation import add_noted_fields
from .templates import Templates
from .translation import Translations, name_locale, translations_variable

T = TypeVar("T")


class TemplatesPart:
    """The templates of an application.

    Args:
        folders: Folders that are searched before those of the settings; then the folder
            ``templates`` need not exist.
        packages: Packages with a folder ``templates``, which are searched after them, in order.
        filters: Filters, by name. They are called at each render, and may wait.
        globals: Values that all templates have, by name. Every render uses the same objects.
        tests: Tests, by name.
        extensions: Extensions of Jinja2, or their import names.
        sandbox: True if templates are not trusted, because users can write them: they cannot reach
            what begins with an underscore, cannot change values, and do not have ``request``.

    Raises:
        SignatureError: A filter or a test is not a function of a value, a function is asynchronous,
            or an argument is of another kind, such as a text in place of a list.
    """

    settings = TemplatesSettings

    def __init__(
        self,
        *,
        folders: Sequence[str | os.PathLike[str]] = (),
        packages: Sequence[str] = (),
        filters: Mapping[str, Callable[..., Any]] | None = None,
        globals: Mapping[str, Any] | None = None,
        tests: Mapping[str, Callable[..., Any]] | None = None,
        extensions: Sequence[str | type[Extension]] = (),
        sandbox: bool = False,
    ) -> None:
        """Check and note the arguments; nothing is read."""
        check_lists(folders=folders, packages=packages, extensions=extensions)
        check_functions("filters", filters or {})
        check_functions("tests", tests or {})
        check_globals(globals or {})
        self._folders = tuple(folders)
        self._packages = tuple(packages)
        self._extensions = tuple(extensions)
        self._sandbox = sandbox
        self._own = Contribution(dict(globals or {}), dict(filters or {}), dict(tests or {}))
        self._reread_folders: tuple[Path, ...] = ()

    @property
    def reread_folders(self) -> Sequence[Path]:
        """The folders whose files are read again when they change: in development mode, all."""
        return self._reread_folders

    def install(self, host: Host, settings: TemplatesSettings) -> None:
        """Register the templates, the middleware, and the checks at start.

        Raises:
            PhotonError: A package that brings templates is not installed.
        """
        site = site_globals(host, settings, sandbox=self._sandbox)
        translations = Translations(settings.locales, is_strict=_is_strict(host, settings))
        people = [csrf_globals(host), flash_globals(), translations.contribution()]
        contribution = merge([site, *people, self._own])
        templates = self._templates(host, settings, contribution)
        if settings.error_pages:
            host.problem_page(ErrorPages(templates, host.development))
        if host.development:
            self._reread_folders = tuple(templates.loader.folders.folders)
        host.provide(Templates, lambda: templates, scope="application")
        host.middleware(bind_request)
        host.on_check(lambda: _load_texts(translations, host))
        host.on_check(lambda: _load_templates(templates, contribution, host))
        host.lifespan(lambda: _speaking(translations, host))
        host.lifespan(lambda: _life(templates, contribution, host))

    def _templates(
        self, host: Host, settings: TemplatesSettings, contribution: Contribution
    ) -> Templates:
        root = Path.cwd() if host.root is None else host.root
        options = EnvironmentOptions(
            filters=contribution.filters,
            globals=contribution.globals,
            tests=contribution.tests,
            extensions=self._extensions,
            sandbox=self._sandbox,
            strict=_is_strict(host, settings),
            reload=host.development,
            text_suffixes=settings.text_suffixes,
            trim_blocks=settings.trim_blocks,
            lstrip_blocks=settings.lstrip_blocks,
        )
        folder = root / settings.cache if settings.cache and host.root is not None else None
        cache = CompiledCache(folder, options.variant())
        return Templates(*self._search_path(root, settings), options=options, cache=cache)

    def _search_path(self, root: Path, settings: TemplatesSettings) -> list[Path]:
        folders = [root / each for each in self._folders]
        folders += [root / each for each in (settings.folder, *settings.folders) if each]
        packages = [package_folder(each) for each in self._packages]
        usual = root / TemplatesSettings().folder
        if (self._folders or packages) and usual in folders and not usual.is_dir():
            folders.remove(usual)  # the part names its own
        return [*folders, *packages, BUILTIN_FOLDER]


def bind_request(request: Request, call_next: Callable[[Request], Response]) -> Response:
    """Middleware: makes the request known to templates, and names what a page depends on."""
    request_variable.set(request)
    response = call_next(request)
    name_locale(request, response)
    add_noted_fields(request, response)
    return response


def _is_strict(host: Host, settings: TemplatesSettings) -> bool:
    """Return whether missing values and texts are errors."""
    if settings.undefined != "auto":
        return settings.undefined == "strict"
    return host.development or host.environment == "test" or host.root is None


def _load_texts(translations: Translations, host: Host) -> None:
    rt.offload(translations.load, Path.cwd() if host.root is None else host.root)


@contextmanager
def _speaking(translations: Translations, host: Host) -> Iterator[None]:
    """Read the texts, and let requests and tasks find them."""
    _load_texts(translations, host)
    with _bound(translations_variable, translations):
        yield


@contextmanager
def _life(templates: Templates, contribution: Contribution, host: Host) -> Iterator[None]:
    """Check and load the templates, and let requests and tasks find them."""
    _load_templates(templates, contribution, host)
    with _bound(templates_variable, templates):
        yield


def _load_templates(templates: Templates, contribution: Contribution, host: Host) -> None:
    for folder in templates.loader.folders.folders:
        if not folder.is_dir():
            raise PhotonError(
                f"the folder of templates does not exist: {str(folder)!r}; create it, or name "
                f"another one by `folder` in [templates]"
            )
    preload(templates, contribution.checks, host.root, contribution.requirements)


@contextmanager
def _bound(variable: ContextVar[T], value: T) -> Iterator[None]:
    """Set a context variable for the life of an application."""
    token = variable.set(value)
    try:
        yield
    finally:
        with suppress(ValueError):  # the end of an application may be in another context
            variable.reset(token)
