"""The ``[templates]`` section of photon.toml."""

from __future__ import annotations

from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import attrs

from photon_runtime.settings import section

from ._locale_settings import LocaleSettings

UndefinedPolicy: TypeAlias = Literal["auto", "strict", "lenient"]


def _base_url(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
        raise ValueError(f"is a URL such as https://shop.example, not {value!r}")


def _suffixes(instance: object, attribute: attrs.Attribute[list[str]], value: list[str]) -> None:
    for suffix in value:
        if suffix in (".html", ".htm", ".xhtml", ".xml", ".svg"):
            raise ValueError(
                f"has suffixes of plain text, not {suffix}, whose values must be escaped"
            )
        if not suffix.startswith(".") or suffix != suffix.lower():
            raise ValueError(f"has suffixes in lower case such as .txt, not {suffix!r}")


@section("templates")
@attrs.frozen(kw_only=True)
class TemplatesSettings:
    """Where templates are, and how they are rendered.

    Attributes:
        folder: The folder of the templates, relative to that of photon.toml.
        folders: Further folders, which are searched after ``folder``, in order.
        undefined: ``strict`` makes the use of a missing value an error; ``lenient`` renders it as
            nothing and logs a warning; ``auto`` is strict in development and in the environment
            ``test``, and lenient elsewhere.
        text_suffixes: Suffixes of templates of plain text, whose values are not escaped; in all
            others they are.
        trim_blocks: True to remove the line end after a block tag.
        lstrip_blocks: True to remove spaces and tabs before a block tag at the start of a line.
        base_url: URL of the site, such as ``https://shop.example``, for links in mails, which have
            no request.
        cache: The folder of compiled templates, relative to that of photon.toml; empty to compile
            all at each start. It is not used if other users could have written into it.
        error_pages: True to answer errors with pages where the client wants HTML.
        locales: The languages of pages.
    """

    folder: str = "templates"
    folders: list[str] = attrs.field(factory=list)
    undefined: UndefinedPolicy = "auto"
    text_suffixes: list[str] = attrs.field(
        factory=lambda: [".txt", ".text", ".csv"], validator=_suffixes
    )
    trim_blocks: bool = False
    lstrip_blocks: bool = False
    base_url: str = attrs.field(default="", validator=_base_url)
    cache: str = ".photon/cache"
    error_pages: bool = True
    locales: LocaleSettings = attrs.field(factory=LocaleSettings)
