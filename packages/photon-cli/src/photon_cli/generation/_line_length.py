"""The line length of a project, as its linter knows it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DEFAULT = 88
_SETTINGS = (
    (".ruff.toml", ("line-length",)),
    ("ruff.toml", ("line-length",)),
    ("pyproject.toml", ("tool", "ruff", "line-length")),
    ("pyproject.toml", ("tool", "black", "line-length")),
)


def line_length(root: Path) -> int:
    """Return the number of columns of a line: of ruff or black, else 88."""
    for name, key in _SETTINGS:
        try:
            value: object = tomllib.loads((root / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for part in key:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, int):
            return value
    return _DEFAULT
