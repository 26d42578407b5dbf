"""The public interface of a package as text, one line for each name: what a release promises.

Theory of operation. Sources are read, not imported, so that the text is the same on every version
of Python and needs no optional library. A module is public if no part of its name begins with an
underscore. It exports what type checkers regard as exported: what it defines, and what it imports
as itself (``from ._task import Task as Task``), without names that begin with an underscore. Public
members of a base class that is not itself exported count as members of the class.

A thing that several modules export is described once, where its path is shortest in the package
that defines it; elsewhere the line refers to that path.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

_IMPORTS = (ast.Import, ast.ImportFrom)
_SILENT_METHODS = {"__attrs_post_init__", "__repr__", "__str__"}
_TYPE_VARIABLES = {"TypeVar", "ParamSpec", "TypeVarTuple"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class _Definition:
    """A name of a module, and the statements that give it a value.

    Attributes:
        module: The module that defines it.
        name: The name there.
        nodes: The statements; several for overloads and conditions.
    """

    module: str
    name: str
    nodes: tuple[ast.stmt, ...]


class PublicApi:
    """The public interface of packages whose sources are in ``sources``.

    Args:
        sources: Folders of the packages, such as ``packages/photon/src/photon``.
    """

    def __init__(self, sources: list[Path]) -> None:
        """Parse all modules."""
        self._names: dict[str, dict[str, list[ast.stmt]]] = {}
        self._folders: set[str] = set()
        for source in sources:
            for path in sorted(source.rglob("*.py")):
                parts = path.relative_to(source.parent).with_suffix("").parts
                if parts[-1] == "__init__":
                    parts = parts[:-1]
                    self._folders.add(".".join(parts))
                tree = ast.parse(path.read_text(encoding="utf-8"))
                self._names[".".join(parts)] = _names_of(tree.body)
        self._homes = self._find_homes()

    def lines(self, package: str) -> list[str]:
        """Return a line ``path: description`` for each public name of ``package``, sorted."""
        found: set[str] = set()
        for module in self._public_modules(package):
            for name in self._exports(module):
                found.update(self._described(f"{module}.{name}", self._resolve(module, name)))
        return sorted(found)

    def _public_modules(self, package: str) -> Iterator[str]:
        for module in self._names:
            parts = module.split(".")
            if parts[0] == package and not any(part.startswith("_") for part in parts):
                yield module

    def _exports(self, module: str) -> Iterator[str]:
        for name, nodes in self._names[module].items():
            if name.startswith("_") or _is_type_variable(nodes[-1]):
                continue
            node = nodes[-1]
            if not isinstance(node, _IMPORTS) or any(
                alias.asname == name == alias.name.rpartition(".")[2] for alias in node.names
            ):
                yield name

    def _find_homes(self) -> dict[tuple[str, str], str]:
        """Return the shortest public path of each definition."""
        homes: dict[tuple[str, str], str] = {}
        for module in self._names:
            for package in {module.partition(".")[0]}:
                if module not in set(self._public_modules(package)):
                    continue
                for name in self._exports(module):
                    found = self._resolve(module, name)
                    path = f"{module}.{name}"
                    if found is None or found.module.partition(".")[0] != package:
                        continue
                    key = (found.module, found.name)
                    homes[key] = min(homes.get(key, path), path, key=lambda p: (p.count("."), p))
        return homes

    def _resolve(self, module: str, name: str) -> _Definition | None:
        """Follow imports to the definition; ``None`` where it is outside of the packages."""
        nodes = self._names.get(module, {}).get(name)
        if nodes is None:
            return None
        node = nodes[-1]
        if not isinstance(node, _IMPORTS):
            return _Definition(module, name, tuple(nodes))
        if isinstance(node, ast.Import):
            return None
        [imported] = [each.name for each in node.names if (each.asname or each.name) == name]
        return self._resolve(self._imported_module(module, node), imported)

    def _imported_module(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        up = node.level - (module in self._folders)
        base = parts[: len(parts) - up] if up else parts
        return ".".join([*base, *([node.module] if node.module else [])])

    def _described(self, path: str, found: _Definition | None) -> Iterator[str]:
        if found is None:
            yield f"{path}: defined elsewhere"
            return
        home = self._homes.get((found.module, found.name))
        if home is not None and home != path:
            yield f"{path}: = {home}"
            return
        node = found.nodes[-1]
        if isinstance(node, ast.ClassDef):
            yield f"{path}: {_class_head(node)}"
            yield from self._members(path, found.module, node, set())
        else:
            for each in _shown(found.nodes):
                yield f"{path}: {_description(each)}"

    def _members(self, path: str, module: str, node: ast.ClassDef, seen: set[str]) -> Iterator[str]:
        names = _names_of(node.body)
        for name, nodes in names.items():
            is_special = name.startswith("__") and name.endswith("__")
            is_hidden = name.startswith("_") and not (
                is_special and isinstance(nodes[-1], Function) and name not in _SILENT_METHODS
            )
            if is_hidden or name in seen:
                continue
            for each in _shown(tuple(nodes)):
                yield f"{path}.{name}: {_description(each)}"
        seen = seen | names.keys()
        for base in node.bases:
            found = self._resolve(module, ast.unparse(base).partition("[")[0])
            if found is None or (found.module, found.name) in self._homes:
                continue
            if isinstance(found.nodes[-1], ast.ClassDef):
                yield from self._members(path, found.module, found.nodes[-1], seen)


def _names_of(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """Return the names that statements bind, with the statements that bind them."""
    found: dict[str, list[ast.stmt]] = {}
    for node in body:
        for name in _bound(node):
            found.setdefault(name, []).append(node)
        if isinstance(node, ast.If | ast.Try):
            for_checkers = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            branches = node.body if for_checkers else [*node.body, *node.orelse]
            for name, nodes in _names_of(branches).items():
                found.setdefault(name, []).extend(nodes)
    return found


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    if isinstance(node, _IMPORTS):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_type_variable(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func).rpartition(".")[2] in _TYPE_VARIABLES
    )


def _shown(nodes: tuple[ast.stmt, ...]) -> tuple[ast.stmt, ...]:
    """Return the overloads of a function, the setter and getter of a property, or the last."""
    several = tuple(
        node
        for node in nodes
        if isinstance(node, Function)
        and any(
            ast.unparse(each).rpartition(".")[2] in ("overload", "property", "setter")
            for each in node.decorator_list
        )
    )
    return several or nodes[-1:]


def _class_head(node: ast.ClassDef) -> str:
    decorators = "".join(f"@{ast.unparse(each)} " for each in node.decorator_list)
    bases = [ast.unparse(each) for each in [*node.bases, *node.keywords]]
    return f"{decorators}class({', '.join(bases)})"


def _description(node: ast.stmt) -> str:
    if isinstance(node, Function):
        decorators = "".join(f"@{ast.unparse(each)} " for each in node.decorator_list)
        returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
        return f"{decorators}({ast.unparse(node.args)}){returns}"
    if isinstance(node, ast.AnnAssign):
        value = f" = {ast.unparse(node.value)}" if node.value is not None else ""
        return ast.unparse(node.annotation) + value
    if isinstance(node, ast.Assign):
        return f"= {ast.unparse(node.value)}"
    return type(node).__name__
