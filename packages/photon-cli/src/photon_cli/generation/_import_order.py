"""The order of imports, as ruff and isort define it by default.

Sections (future, standard library, third party, the project's own, relative), within them
``import`` before ``from``, each by module; in a list of names constants, then classes, then others.
"""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence


class _Ordered(Protocol):
    def __gt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=_Ordered)
Natural: TypeAlias = "tuple[tuple[bool, int, str], ...]"
FUTURE, STANDARD, THIRD_PARTY, OWN, RELATIVE = range(5)


@attrs.frozen(order=True)
class ImportKey:
    """The place of an import statement in the order; compared from the first member on."""

    section: int
    is_from: bool
    relative: int
    module: Natural
    name: str


@attrs.frozen
class ImportOrder:
    """The order of imports in one file.

    Attributes:
        root: The folder of the project, which decides what its own modules are.
        path: The file, from there.
    """

    root: Path
    path: str

    def key(self, statement: ast.Import | ast.ImportFrom) -> ImportKey:
        """Return the place of an import statement in the order."""
        is_from = hasattr(statement, "module")
        level = getattr(statement, "level", 0)
        module = (getattr(statement, "module", None) or "") if is_from else statement.names[0].name
        section = RELATIVE if level else self._section(module.partition(".")[0])
        return ImportKey(section, is_from, -level, natural(module), module)

    def absolute(self, statement: ast.ImportFrom) -> str:
        """Return the module of a ``from`` import by its absolute name."""
        if not statement.level:
            return statement.module or ""
        folders = PurePosixPath(self.path).parent.parts
        package = (
            [part for part in folders if part != "src"] if folders[:1] == ("src",) else folders
        )
        package = package[: len(package) - statement.level + 1]
        return ".".join([*package, *filter(None, [statement.module])])

    def _section(self, package: str) -> int:
        if package == "__future__":
            return FUTURE
        if package in sys.stdlib_module_names:
            return STANDARD
        places = [self.root / package, self.root / "src" / package]
        is_own = any(place.is_dir() or place.with_suffix(".py").is_file() for place in places)
        return OWN if is_own else THIRD_PARTY


def natural(text: str) -> Natural:
    """Return a key that compares numbers within names as numbers, and ignores case."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part.lower()) for part in parts
    )


def member_key(name: str) -> tuple[int, Natural, str]:
    """Return the place of a name in a list of imported names, or in ``__all__``."""
    bare = name.lstrip("_")
    is_constant = len(bare) > 1 and bare.isupper()
    kind = 0 if is_constant else 1 if bare[:1].isupper() else 2
    return kind, natural(name), name


def sorted_position(keys: Sequence[K], key: K) -> int:
    """Return the number of keys before a new one: at its place if they are sorted, else all."""
    if any(one > other for one, other in itertools.pairwise(keys)):
        return len(keys)
    return next((at for at, each in enumerate(keys) if each > key), len(keys))
