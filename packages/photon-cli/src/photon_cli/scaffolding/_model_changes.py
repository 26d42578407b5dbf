"""Edits of a model that exists: a migration changes the model and its factory with the table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import TypeGuard

import attrs

from photon_runtime.generators import Edit, InsertAttribute, InsertCode, RemoveAttribute

from ._fields import Field
from ._layout import Layout, WrittenModel
from ._model_files import fitted


@attrs.frozen
class ModelChanges:
    """Changes of a model.

    Attributes:
        layout: The project.
        written: The model as it is.
    """

    layout: Layout
    written: WrittenModel

    @property
    def path(self) -> str:
        """The file of the model, from the project's folder."""
        return self.layout.name_of(self.written.path)

    def added(self, fields: Sequence[Field]) -> list[Edit]:
        """Return the edits that add fields to the model and its factory."""
        references = [each.reference for each in fields if each.reference]
        classes = {each.class_name for each in references if not each.is_self}
        edits: list[Edit] = [*self._type_imports(classes)]
        for field in fields:
            edits += self._imports(self.path, field.model_imports)
            if field.enum_class:
                edits.append(InsertCode(self.path, _enum(field), before=self.written.line))
        for field in fields:
            lines = [*field.model_lines, field.relationship_line]
            edits += [
                InsertAttribute(self.path, _wrapped(line), of=self.written.class_name)
                for line in lines
                if line
            ]
            if not field.is_nullable:
                edits += self._factory(field)
        return edits

    def removed(self, fields: Sequence[Field]) -> list[Edit]:
        """Return the edits that remove fields from the model."""
        edits: list[Edit] = []
        for field in fields:
            imports = "\n".join(sorted(field.model_imports))
            lines = [field.relationship_line, *field.model_lines]
            edits += [
                RemoveAttribute(
                    self.path, _wrapped(line), of=self.written.class_name, imports=imports
                )
                for line in lines
                if line
            ]
        return edits

    def mentions(self, names: Iterable[str]) -> list[str]:
        """Return where else names of columns are written: ``tests/test_posts.py:7``."""
        pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
        singular = self.written.path.stem
        files = [
            path
            for folder in (self.layout.source / self.layout.package, self.layout.root / "tests")
            for path in sorted(folder.rglob("*.py"))
            if path != self.written.path and singular in path.as_posix()
        ]
        return [
            f"{self.layout.name_of(path)}:{number}"
            for path in files
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if pattern.search(line)
        ]

    def _imports(self, path: str, lines: Iterable[str]) -> list[Edit]:
        return [InsertCode(path, line, place="imports") for line in sorted(lines)]

    def _type_imports(self, classes: Iterable[str]) -> list[Edit]:
        """Return the imports of models for type checkers, among those that exist."""
        models = self.layout.models()
        lines = sorted(f"from .{models[each].path.stem} import {each}" for each in classes)
        body = ast.parse(self.written.path.read_bytes()).body
        block = next((node for node in body if _is_type_block(node)), None)
        if block is None:
            return self._type_block(body, lines)
        present = [ast.unparse(each) for each in block.body]
        edits: list[Edit] = []
        for line in (each for each in reversed(lines) if each not in present):
            before = next((each for each in present if each > line), None)
            if before is None:
                edits.append(InsertCode(self.path, line, after=present[-1]))
            else:
                edits.insert(0, InsertCode(self.path, line, before=before))
        return edits

    def _type_block(self, body: Sequence[ast.stmt], lines: Sequence[str]) -> list[Edit]:
        imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        if not lines or not imports:
            return []
        text = self.written.path.read_text(encoding="utf-8-sig").splitlines()
        last = text[(imports[-1].end_lineno or 1) - 1]
        block = "\n".join(["", "if TYPE_CHECKING:", *(f"    {line}" for line in lines)])
        return [
            *self._imports(self.path, ["from typing import TYPE_CHECKING"]),
            InsertCode(self.path, block, after=last),
        ]

    def _factory(self, field: Field) -> list[Edit]:
        """Return the edits of the factory; they are left out where it was written anew."""
        path = self.layout.root / f"tests/factories/{field.model.singular}.py"
        if not path.is_file():
            return []
        name = self.layout.name_of(path)
        model = field.model
        text = path.read_text(encoding="utf-8-sig")
        value = field.factory_example if "number = next(" in text else field.example()
        imports = {*field.example_imports}
        if field.enum_class:
            imports.add(f"from {self.written.module} import {field.enum_class}")
        if field.reference and not field.reference.is_self:
            target = field.reference.target
            imports.add(f"from .{target.singular} import {target.factory}")
        if field.reference:
            code = f'if "{field.column}" not in values:\n    values["{field.column}"] = {value}'
        else:
            code = _wrapped(f'values.setdefault("{field.column}", {value})')
        anchor = f"row = {model.class_name}(**values)"
        insertion = InsertCode(name, code, before=anchor, optional=True)
        return [*self._imports(name, imports), insertion] if anchor in text else [insertion]


def _enum(field: Field) -> str:
    members = [f'    {name} = "{value}"' for name, value in field.enum_members]
    head = [
        f"class {field.enum_class}(StrEnum):",
        f'    """The values of `{field.model.class_name}.{field.column}`."""',
        "",
    ]
    return "\n".join([*head, *members, "", "", ""])


def _wrapped(line: str) -> str:
    """Return a statement of a class or a function without its indentation."""
    return fitted(line).replace("\n    ", "\n")


def _is_type_block(node: ast.stmt) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
