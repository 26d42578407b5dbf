"""URLs of operations, from a template and values.

A value always stays within its segment (a slash is encoded, ``.`` and ``..`` are refused), so that
a value from a client cannot lead to another path.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

_PARAMETER: Final = re.compile(r"\{(\w[^{}:]*)(:path)?\}")


def build_url(template: str, values: Mapping[str, object]) -> str:
    """Return the path of an operation, with a query of the values that the template does not have.

    Args:
        template: The template; ``{name:path}`` takes several segments.
        values: Values by name; ``None`` leaves a parameter of the query out, a list repeats it.

    Raises:
        ValueError: A value of the path is missing, empty, or ``.`` or ``..``.
    """
    names = set()

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        names.add(name)
        text = _text(values.get(name))
        segments = text.split("/") if match[2] else [text]
        if not text or any(segment in (".", "..") for segment in segments):
            raise ValueError(f"{template} needs a value for {name!r}, and it cannot be {text!r}")
        return "/".join(quote(segment, safe="!$&'()*+,;=:@") for segment in segments)

    path = _PARAMETER.sub(fill, template)
    query = [
        (name, _text(item))
        for name, value in values.items()
        if name not in names and value is not None
        for item in (value if isinstance(value, list | tuple | set) else [value])
    ]
    return f"{path}?{urlencode(query)}" if query else path


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, enum.Enum):
        value = value.value
    return str(value).lower() if isinstance(value, bool) else str(value)
