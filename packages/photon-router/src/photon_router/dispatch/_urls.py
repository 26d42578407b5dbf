"""URLs of operations, from a template and values.

A value always stays within its segment (a slash is encoded, ``.`` and ``..`` are refused), so that
a value from a client cannot lead to another path.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

_PARAMETER: Final = re.compile(r"\{(\w[^{}:]*)(:path)?\}")


class _Slot(NamedTuple):
    """A parameter in a template.

    Attributes:
        name: Its name.
        is_path: True if it takes several segments.
        rest: The text after it, to the next one.
    """

    name: str
    is_path: bool
    rest: str


@functools.lru_cache(maxsize=10_000)
def _split(template: str) -> tuple[str, tuple[_Slot, ...]]:
    """Return the text before the first parameter, and the parameters."""
    first, *others = _PARAMETER.split(template)
    groups = zip(others[::3], others[1::3], others[2::3], strict=True)
    return first, tuple(_Slot(name, bool(suffix), rest) for name, suffix, rest in groups)


def build_url(template: str, values: Mapping[str, object]) -> str:
    """Return the path of an operation, with a query of the values that the template does not have.

    Args:
        template: The template; ``{name:path}`` takes several segments.
        values: Values by name; ``None`` leaves a parameter of the query out, a list repeats it.

    Raises:
        ValueError: A value of the path is missing, empty, or ``.`` or ``..``.
    """
    path, slots = _split(template)
    for slot in slots:
        path += _segments(template, slot, values.get(slot.name)) + slot.rest
    names = {slot.name for slot in slots}
    if len(values) == len(names):  # all are in the path: otherwise one would have been missing
        return path
    query = [
        (name, _text(item))
        for name, value in values.items()
        if name not in names and value is not None
        for item in (value if isinstance(value, list | tuple | set) else [value])
    ]
    return f"{path}?{urlencode(query)}" if query else path


def _segments(template: str, slot: _Slot, value: object) -> str:
    """Return a value of the path, encoded."""
    text = _text(value)
    if text.isalnum() and text.isascii():
        return text
    segments = text.split("/") if slot.is_path else [text]
    if not text or any(segment in (".", "..") for segment in segments):
        raise ValueError(f"{template} needs a value for {slot.name!r}, and it cannot be {text!r}")
    return "/".join(quote(segment, safe="!$&'()*+,;=:@") for segment in segments)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, enum.Enum):
        value = value.value
    return str(value).lower() if isinstance(value, bool) else str(value)
