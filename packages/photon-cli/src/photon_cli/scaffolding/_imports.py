"""Imports of generated modules, in the order and the form of isort."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

_WIDTH: Final = 100


def import_block(lines: Iterable[str], *, own: Iterable[str] = ()) -> str:
    """Return imports in sections: the standard library, other packages, own ones, relative ones.

    Args:
        lines: Statements of one name each, or of one module.
        own: Packages of the project.
    """
    packages = frozenset(own)
    sections: dict[int, list[str]] = {}
    for line in sorted(set(lines)):
        sections.setdefault(_section(line, packages), []).append(line)
    return "\n\n".join("\n".join(_merged(sections[each])) for each in sorted(sections))


def _section(line: str, own: frozenset[str]) -> int:
    module = line.split()[1]
    package = module.split(".", 1)[0]
    if module.startswith("."):
        return 4
    if package == "__future__":
        return 0
    if package in sys.stdlib_module_names:
        return 1
    return 3 if package in own else 2


def _merged(lines: Iterable[str]) -> list[str]:
    plain, names = [], dict[str, set[str]]()
    for line in lines:
        if line.startswith("import "):
            plain.append(line)
        else:
            module, _, name = line.removeprefix("from ").partition(" import ")
            names.setdefault(module, set()).add(name)
    return [*sorted(plain), *(_from(each, names[each]) for each in sorted(names, key=_place))]


def _from(module: str, names: Iterable[str]) -> str:
    ordered = sorted(names, key=_kind)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= _WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {each},\n" for each in ordered) + ")"


def _place(module: str) -> tuple[int, str]:
    dots = len(module) - len(module.lstrip("."))
    return -dots, module


def _kind(name: str) -> tuple[int, str]:
    """Return the order of names: constants, classes, then the rest."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1, name) if name[:1].isupper() else (2, name)
