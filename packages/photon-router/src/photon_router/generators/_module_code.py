"""Generated modules: definitions, and the imports that they need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from ._code_layout import WIDTH
from ._docstrings import docstring

_TYPING: Final = ("Annotated", "Any", "Literal", "TypeAlias")
_PHOTON: Final = (
    *("Body", "Cookie", "Created", "CurrentUser", "Form", "Header", "Html", "HttpError", "Json"),
    *("Param", "Query", "Redirect", "Response", "Router", "ServerSentEvent", "Status"),
    *("UploadFile",),
)
_SECURITY: Final = ("ApiKey", "BasicAuth", "BearerToken", "Identity", "MutualTls")
ORIGINS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_TYPING, "typing"),
    **dict.fromkeys(_PHOTON, "photon"),
    **dict.fromkeys(("path", "query"), ""),
    **dict.fromkeys(_SECURITY, "photon_router.security"),
    "Path": "photon",
    "Iterator": "collections.abc",
    "UUID": "uuid",
    "Decimal": "decimal",
    "Client": "photon.testing",
    "datetime": "datetime.",
    "attrs": "attrs.",
}
"""The modules of names that generated code uses; a name that is a module ends with a dot."""
_NUMBERED = re.compile(r"([^0-9]*)([0-9]*)")
_STANDARD: Final = ("collections.abc", "datetime", "decimal", "typing", "uuid")


@attrs.frozen
class Definition:
    """A definition, or a statement, of a generated module.

    Attributes:
        key: Its name in the records: that of the operation for a handler, else its own.
        source: Its code.
        parts: The members of a class, or the arguments and the result of a handler, as code.
    """

    key: str
    source: str
    parts: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class ModuleCode:
    """A generated module.

    Attributes:
        path: Its file, from the project's folder.
        summary: Its docstring.
        definitions: Its definitions, in order.
        origins: The modules of names beside those of every generated module.
    """

    path: str
    summary: str
    definitions: Sequence[Definition]
    origins: Mapping[str, str] = attrs.field(factory=dict)

    def text(self) -> str:
        """Return the code of the module."""
        names = names_in(each.source for each in self.definitions)
        head = [docstring(self.summary, indent=0), ""]
        imports = import_lines(names, self.origins)
        if any(each.source.startswith(("def ", "@")) for each in self.definitions):
            imports = ["from __future__ import annotations", *([""] if imports else []), *imports]
        elif "attrs" in names:
            imports = ["from __future__ import annotations", "", *imports]
        return "\n".join([*head, *imports, ""]) + joined(self.definitions)


def joined(definitions: Sequence[Definition]) -> str:
    """Return definitions with the blank lines between them."""
    text = ""
    was_block = True
    for number, each in enumerate(definitions):
        is_block = each.source.startswith(("def ", "class ", "@"))
        blank = "\n\n" if is_block or (was_block and number) else "\n" if not number else ""
        text += f"{blank}{each.source}\n"
        was_block = is_block
    return text


def names_in(sources: Iterable[str]) -> set[str]:
    """Return the names that code uses."""
    return {
        node.id
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name)
    }


def origins_of(names: Iterable[str], origins: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names to import, by their modules; none for a module that is imported itself."""
    modules: dict[str, list[str]] = {}
    for name in sorted(names):
        origin = origins.get(name, ORIGINS.get(name, ""))
        if origin.strip("."):
            modules.setdefault(origin, [])
            if not origin.endswith("."):
                modules[origin].append(name)
        elif origin:
            modules.setdefault(".", []).append(name)
    return modules


def import_lines(names: Iterable[str], origins: Mapping[str, str]) -> list[str]:
    """Return the imports of names, sorted as linters expect it, with blank lines between kinds."""
    modules = origins_of(names, origins)
    sections: list[list[str]] = [[], [], []]
    for module in sorted(modules, key=_order):
        sections[section_of(module)].append(import_statement(module, modules[module]))
    return list(_with_blank_lines(sections))


def import_statement(module: str, names: Sequence[str]) -> str:
    """Return the import of a module, or of names from it."""
    if not names:
        return f"import {module.rstrip('.')}"
    ordered = sorted(dict.fromkeys(names), key=_name_order)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {each},\n" for each in ordered) + ")"


def section_of(module: str) -> int:
    """Return the kind of a module: 0 of the standard library, 1 of others, 2 of the package."""
    if module.startswith("."):
        return 2
    return 0 if module.rstrip(".") in _STANDARD else 1


def _order(module: str) -> tuple[bool, str]:
    is_plain = module.endswith(".") and module != "."
    return (not is_plain, module.rstrip("."))


def _name_order(name: str) -> tuple[int, list[tuple[str, int]], str]:
    """Sort constants before classes before others, and numbers in names by their value."""
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    parts = [(text, int(digits or 0)) for text, digits in _NUMBERED.findall(name.lower())]
    return rank, parts, name


def _with_blank_lines(sections: Sequence[Sequence[str]]) -> Iterator[str]:
    is_first = True
    for section in filter(None, sections):
        if not is_first:
            yield ""
        is_first = False
        yield from section
