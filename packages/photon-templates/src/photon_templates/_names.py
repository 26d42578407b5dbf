"""Names of templates: which are valid, what they say about escaping and the media type.

Theory of operation. A name may come from a user, so each template has exactly one: names along the
path, with slashes, in the spelling of the folder. Other spellings (``./a.html``, ``a//b.html``)
do not exist. So nothing outside of the folders can be named, and the number of loaded templates is
bounded by the number of files.

``list.html#rows`` is the block ``rows`` of ``list.html`` (`_fragments`). A second ``#`` marks the
part that a parent plays in it; such a name is valid only where a fragment extends its parent.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"[^\x00-\x1f\x7f\\/:#]+(?:/[^\x00-\x1f\x7f\\/:#]+)*")
_MAX_LENGTH: Final = 500
_ENGINE_SUFFIXES: Final = (".j2", ".jinja", ".jinja2")
_HTML: Final = "text/html; charset=utf-8"
_CONTENT_TYPES: Final = {
    "atom": "application/atom+xml; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "ics": "text/calendar; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "vcf": "text/vcard; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "xhtml": "application/xhtml+xml; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
    "yaml": "application/yaml; charset=utf-8",
    "yml": "application/yaml; charset=utf-8",
}


class TemplateName(NamedTuple):
    """A name, split.

    Attributes:
        file: Name of the file.
        block: Name of the block; empty for the whole template.
        is_inherited: True for the part that a parent plays in a fragment.
    """

    file: str
    block: str = ""
    is_inherited: bool = False


def parse_name(name: str) -> TemplateName | None:
    """Return the parts of a name, ``None`` if it cannot be that of a template."""
    file, mark, block = name.partition("#")
    is_inherited = block.endswith("#")
    if not is_file_name(file):
        return None
    if not mark:
        return TemplateName(file)
    block = block.removesuffix("#")
    return TemplateName(file, block, is_inherited) if block.isidentifier() else None


def is_file_name(name: str) -> bool:
    """Return whether a name can be that of the file of a template."""
    if len(name) > _MAX_LENGTH or _NAME.fullmatch(name) is None:
        return False
    return not any(part.startswith(".") or part.strip() != part for part in name.split("/"))


def inherited_name(name: str, block: str) -> str:
    """Return the name of the part that a parent plays in the fragment ``block``."""
    return f"{name}#{block}#"


def is_inherited_name(name: str) -> bool:
    """Return whether a name is one that only a fragment may use, for its parent."""
    return name.endswith("#")


def plain_suffixed(name: str) -> str:
    """Return the name of a file in lower case, without the suffix of the template engine."""
    text = name.partition("#")[0].lower()
    for suffix in _ENGINE_SUFFIXES:
        text = text.removesuffix(suffix)
    return text


def content_type_of(name: str) -> str:
    """Return the content type of a template; that of HTML if its name does not say otherwise."""
    return _CONTENT_TYPES.get(plain_suffixed(name).rpartition(".")[2], _HTML)
