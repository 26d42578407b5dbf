"""Values as TOML, on one line each: tomlkit, which keeps layouts, is slow to import."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(value: object) -> str:
    """Write a value as TOML.

    Raises:
        TypeError: TOML does not have it.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(name)} = {toml_text(each)}" for name, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(toml_text, value)) + "]"
    raise TypeError(f"TOML does not have {value!r}")


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else toml_text(name)
