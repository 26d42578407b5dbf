"""Texts in the locale of the request: `translate`, and ``t`` in templates.

Theory of operation. The locale is negotiated when a request first needs it, and kept in its state:
a page that has no texts does not depend on ``Accept-Language``. `use_locale` sets another one for a
block, for mails and jobs, in a context variable.

A text whose key ends with ``_html`` is markup, and its values are escaped; any other text is plain,
and the template escapes it as a whole. Values are inserted by name and never looked into.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import attrs
from markupsafe import Markup, escape

from photon_runtime.errors import PhotonError
from photon_runtime.http import HttpError, Request, Response

from .._current import current_request
from .._facts import ConstantCall
from .._globals import Contribution
from .._locale_settings import LocaleSettings
from ..errors import TranslationErrors
from ..negotiation import note_fields
from ._catalogs import COUNT, Catalog, Text, fill, load_catalogs
from ._negotiation import choose_locale, parents_of
from ._plurals import plural_category

_log = logging.getLogger("photon.templates")
LOCALE_STATE: Final = "photon_templates.locale"
"""The key in `Request.state` of the locale of a request that needed one."""

translations_variable: ContextVar[Translations] = ContextVar("photon_translations")
_locale_variable: ContextVar[str | None] = ContextVar("photon_locale", default=None)


@attrs.define(eq=False, repr=False)  # a page may show one of its methods
class Translations:
    """The texts of one application.

    Attributes:
        settings: The settings of locales.
        is_strict: True if a key that does not exist is an error; otherwise it is logged, and shown.
        catalogs: The catalogs by locale; empty until `load`.
    """

    settings: LocaleSettings
    is_strict: bool = True
    catalogs: dict[str, Catalog] = attrs.field(factory=dict, init=False)
    _by_tag: dict[str, Catalog] = attrs.field(factory=dict, init=False)

    def load(self, root: Path) -> None:
        """Read the catalogs below a folder; what a locale lacks is logged.

        Raises:
            TranslationErrors: Catalogs are wrong; lists every error.

        Blocks: the calling thread, while files are read.
        """
        settings = self.settings
        folder, shown = root / settings.folder, settings.folder
        self.catalogs, errors, missing = load_catalogs(folder, shown, settings.default)
        self._by_tag = {locale.lower(): catalog for locale, catalog in self.catalogs.items()}
        if errors:
            raise TranslationErrors(errors)
        for line in missing:
            _log.warning("texts are missing in the locale %s", line)

    @property
    def locales(self) -> tuple[str, ...]:
        """The locales, the default one first."""
        default = self.settings.default
        return (default, *(each for each in self.catalogs if each != default))

    def contribution(self) -> Contribution:
        """Return the functions of templates, ``t`` and ``locale``, and their check at start."""
        functions = {"t": self.translate, "locale": self.current_locale}
        return Contribution(functions, checks={"t": self.check})

    # -- texts ----------------------------------------------------------------------------------

    def translate(self, key: str, /, *, locale: str | None = None, **values: Any) -> str:
        """Return a text; see the function `translate`."""
        chosen = self.current_locale() if locale is None else locale
        found = self._find(key, chosen)
        if found is None:
            if self.is_strict:
                raise LookupError(f"no catalog has the text {key!r}")
            _log.warning("no catalog has the text %r", key)
            return key
        text, owner = found
        form = self._form(text, owner, key, values)
        if key.endswith("_html"):
            return Markup(fill(form, {name: str(escape(value)) for name, value in values.items()}))
        return fill(form, {name: str(value) for name, value in values.items()})

    def has(self, key: str) -> bool:
        """Return whether the current locale, or the default one, has a text."""
        return bool(self.catalogs) and self._find(key, self.current_locale()) is not None

    def _form(self, text: Text, locale: str, key: str, values: Mapping[str, Any]) -> str:
        if not text.is_plural:
            return text.forms["other"]
        if COUNT not in values:
            raise TypeError(f"the text {key!r} has plural forms: pass count=…")
        category = plural_category(locale, values[COUNT])
        return text.forms.get(category, text.forms["other"])

    def _find(self, key: str, locale: str) -> tuple[Text, str] | None:
        """Return a text and the locale that has it: a regional one inherits its language's."""
        for tag in (*parents_of(locale), self.settings.default.lower()):
            text = self._by_tag.get(tag, {}).get(key)
            if text is not None:
                return text, tag
        return None

    def check(self, call: ConstantCall) -> str | None:
        """Return what is wrong with a call of ``t``."""
        found = self._find(call.argument, self.settings.default)
        if found is None:
            return f"t: no catalog has the text {call.argument!r}"
        if call.keywords is None:
            return None
        missing = sorted(found[0].placeholders() - set(call.keywords))
        return f"t: {call.argument!r} needs {', '.join(missing)}" if missing else None

    # -- the locale -----------------------------------------------------------------------------

    def current_locale(self) -> str:
        """Return the locale of the calling code; see the function `current_locale`."""
        chosen = _locale_variable.get()
        if chosen is not None:
            return chosen
        request = current_request()
        if request is None or len(self.catalogs) < 2:
            return self.settings.default
        locale = request.state.get(LOCALE_STATE)
        if not isinstance(locale, str):
            locale = request.state[LOCALE_STATE] = self._negotiated(request)
        return locale

    def _negotiated(self, request: Request) -> str:
        query, cookie = self.settings.query, self.settings.cookie
        available = self.locales
        if query:
            chosen = choose_locale(_parameter(request, query), available)
            if chosen is not None:
                return chosen
        if cookie:
            note_fields(request, ("Cookie",))
            chosen = choose_locale(request.cookies.get(cookie, ""), available)
            if chosen is not None:
                return chosen
        note_fields(request, ("Accept-Language",))
        accepted = ", ".join(request.headers.getlist("accept-language"))
        return choose_locale(accepted, available) or self.settings.default


def _parameter(request: Request, name: str) -> str:
    """Return a parameter of the query; empty if the query cannot be decoded, which has a page."""
    try:
        return request.query.get(name) or ""
    except HttpError:
        return ""


def name_locale(request: Request, response: Response) -> None:
    """Name the locale of a response in ``Content-Language``, if the request needed one."""
    locale = request.state.get(LOCALE_STATE)
    if isinstance(locale, str) and response.header("content-language") is None:
        response.add_header("content-language", locale)


def translate(key: str, /, *, locale: str | None = None, **values: Any) -> str:
    """Return a text in the locale of the request, outside of templates.

    Args:
        key: The key, such as ``posts.count``. With ``_html`` at its end the text is markup, and
            the values are escaped.
        locale: Another locale.
        values: The values of its placeholders; ``count`` chooses the plural form.

    Raises:
        LookupError: The text does not exist; in production it is logged and the key is returned.
        TypeError: The text has plural forms and ``count`` is missing.
        PhotonError: The calling code does not belong to an application with `TemplatesPart`.
    """
    return _translations().translate(key, locale=locale, **values)


def current_locale() -> str:
    """Return the locale of the request, or of the innermost `use_locale`.

    Raises:
        PhotonError: The calling code does not belong to an application with `TemplatesPart`.
    """
    return _translations().current_locale()


@contextmanager
def use_locale(locale: str) -> Iterator[None]:
    """Use a locale in a block: for a mail to somebody else, or in a job."""
    token = _locale_variable.set(locale)
    try:
        yield
    finally:
        _locale_variable.reset(token)


def _translations() -> Translations:
    translations = translations_variable.get(None)
    if translations is None:
        raise PhotonError(
            "there are no texts here: add TemplatesPart() to the application, and call this from a "
            "handler or a task of the running application"
        )
    return translations
