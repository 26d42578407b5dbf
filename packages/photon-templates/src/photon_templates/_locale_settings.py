"""The table ``[templates.locales]`` of photon.toml."""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

LOCALE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def _is_locale(instance: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if not LOCALE.fullmatch(value):
        raise ValueError(f"is a language tag such as en or de-AT, not {value!r}")


@attrs.frozen(kw_only=True)
class LocaleSettings:
    """The table ``[templates.locales]``: the languages of pages.

    Attributes:
        folder: The folder of the catalogs, relative to that of photon.toml; each file in it,
            such as ``de.toml``, is a locale.
        default: The locale of requests that accept none of the others.
        query: Name of the parameter of the query that chooses the locale; empty for none.
        cookie: Name of the cookie that chooses the locale; empty for none. The parameter precedes
            it, and both precede ``Accept-Language``.
    """

    folder: str = "locales"
    default: str = attrs.field(default="en", validator=_is_locale)
    query: str = ""
    cookie: str = ""
