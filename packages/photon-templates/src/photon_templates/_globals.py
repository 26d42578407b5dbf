"""What the templates of an application have besides the values of a render.

A `Contribution` is what one subsystem adds to the environment; `TemplatesPart` merges them, those
of the application last, so that they take precedence. Globals are used by all renders, and macros
of imported files keep them: so each is a function or an object without state of a request, which
reads context variables when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import attrs

from photon_runtime.errors import PhotonError
from photon_runtime.http import current_root_path, is_below
from photon_runtime.parts import Host

from ._current import CurrentRequest
from ._facts import ConstantCall
from ._streaming import flush
from ._templates_settings import TemplatesSettings

T = TypeVar("T")
_MOST_ASSETS = 10_000  # addresses of files, below all root paths
Check: TypeAlias = Callable[[ConstantCall], str | None]
"""Returns what is wrong with a call of a function in a template, ``None`` if nothing is."""

Requirement: TypeAlias = Callable[[], str | None]
"""Returns what the application lacks for a function of templates, ``None`` if nothing."""

is_absolute: ContextVar[bool] = ContextVar("photon_templates_absolute", default=False)
"""True while a mail is rendered: its links need the URL of the site."""


@attrs.frozen
class Contribution:
    """What a subsystem adds to the environment.

    Attributes:
        globals: Functions and values, by name.
        filters: Filters.
        tests: Tests.
        checks: Checks at start, by the name of the global function whose calls they check.
        requirements: Checks at start of the application, by the global function that needs them.
    """

    globals: Mapping[str, Any] = attrs.field(factory=dict)
    filters: Mapping[str, Callable[..., Any]] = attrs.field(factory=dict)
    tests: Mapping[str, Callable[..., Any]] = attrs.field(factory=dict)
    checks: Mapping[str, Check] = attrs.field(factory=dict)
    requirements: Mapping[str, Requirement] = attrs.field(factory=dict)


def merge(contributions: Iterable[Contribution]) -> Contribution:
    """Return all contributions in one; later ones replace names of earlier ones."""
    merged = Contribution()
    for each in contributions:
        merged = Contribution(
            {**merged.globals, **each.globals},
            {**merged.filters, **each.filters},
            {**merged.tests, **each.tests},
            {**_without(merged.checks, each.globals), **each.checks},
            {**_without(merged.requirements, each.globals), **each.requirements},
        )
    return merged


def _without(checks: Mapping[str, T], names: Mapping[str, Any]) -> dict[str, T]:
    """Return the checks of functions that are not replaced."""
    return {name: check for name, check in checks.items() if name not in names}


def site_globals(host: Host, settings: TemplatesSettings, *, sandbox: bool) -> Contribution:
    """Return the globals about the application: ``url_for``, ``asset``, ``request`` ..."""
    addresses = _Addresses(host, settings.base_url.rstrip("/"))
    functions: dict[str, Any] = {
        "url_for": addresses.url_for,
        "asset": addresses.asset,
        "absolute_url": addresses.absolute_url,
        "flush": flush,
    }
    if not sandbox:  # the authors of templates could read its cookies
        functions["request"] = CurrentRequest()
    checks = {"url_for": addresses.check_operation, "asset": addresses.check_asset}
    return Contribution(functions, checks=checks)


@attrs.define(eq=False, repr=False)  # a page may show one of its methods
class _Addresses:
    """The addresses of operations and files, as templates use them."""

    _host: Host
    _base_url: str
    _assets: dict[tuple[str | None, str], str] = attrs.field(factory=dict, init=False)

    def url_for(self, operation_id: str, /, **values: object) -> str:
        """Return the path of an operation; in a mail, its URL."""
        path = self._host.url_for(operation_id, **values)
        return self.absolute_url(path) if is_absolute.get() else path

    def asset(self, path: str, /) -> str:
        """Return the address of a static file, with its fingerprint; in a mail, its URL."""
        key = current_root_path(), path
        address = self._assets.get(key)
        if address is None:
            address = self._host.asset_url(path)
            if not self._host.development:  # there, files do not change while the application runs
                if len(self._assets) >= _MOST_ASSETS:
                    self._assets.clear()
                self._assets[key] = address
        return self.absolute_url(address) if is_absolute.get() else address

    def absolute_url(self, path: str, /) -> str:
        """Return the URL of a path of this site, from ``[templates] base_url``.

        The host of a request is never used: a client could have chosen it. A path below the root
        path has the path of ``base_url`` already.
        """
        if not path.startswith("/") or path.startswith("//"):
            return path
        if not self._base_url:
            raise PhotonError(
                "a complete URL is needed, as in a mail, and the settings do not have the URL of "
                'the site: set `base_url = "https://…"` in [templates]'
            )
        root_path = urlsplit(self._base_url).path
        if root_path and is_below(path, root_path):
            return self._base_url.removesuffix(root_path) + path
        return self._base_url + path

    def check_operation(self, call: ConstantCall) -> str | None:
        """Return what is wrong with a call of ``url_for``."""
        try:
            self._host.url_for(call.argument, **dict.fromkeys(call.keywords or (), "x"))
        except LookupError:
            return f"url_for: the operation {call.argument!r} does not exist"
        except ValueError as error:
            return None if call.keywords is None else f"url_for: {error}"
        return None

    def check_asset(self, call: ConstantCall) -> str | None:
        """Return what is wrong with a call of ``asset``."""
        try:
            self._host.asset_url(call.argument)
        except (OSError, RuntimeError, ValueError) as error:
            return f"asset: {error}"
        return None
