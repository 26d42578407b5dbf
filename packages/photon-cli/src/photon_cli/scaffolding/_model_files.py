"""The files of a model: its module, its factory and its test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from photon_runtime.code_formatting import formatted
from photon_runtime.generators import CreateFile, Edit, InsertCode, RenderFile

from ._fields import Field
from ._imports import import_block
from ._layout import Layout
from ._names import ModelName

_PACKAGE: Final = "photon_cli"
_FUTURE: Final = "from __future__ import annotations"
_WIDTH: Final = 100
_INDENT: Final = 4


@attrs.frozen
class ModelFiles:
    """The files of a model in a project.

    Attributes:
        layout: The project.
        model: The model.
        fields: Its fields.
        has_timestamps: It has the mixin `Timestamps`.
    """

    layout: Layout
    model: ModelName
    fields: Sequence[Field]
    has_timestamps: bool = True

    @property
    def path(self) -> str:
        """The module of the model, from the project's folder."""
        return f"{self._models}/{self.model.singular}.py"

    @property
    def module(self) -> str:
        """The same, as it is imported."""
        return f"{self.layout.models_module}.{self.model.singular}"

    def model_edits(self) -> list[Edit]:
        """Return the module of the model, and its import beside the other models."""
        name, cls = self.model.singular, self.model.class_name
        return [
            RenderFile(self.path, "model/model.py.jinja", self._model(), package=_PACKAGE),
            InsertCode(
                f"{self._models}/__init__.py",
                f"from .{name} import {cls} as {cls}",
                place="imports",
            ),
        ]

    def test_edits(self) -> list[Edit]:
        """Return the factory and the test."""
        name, factory = self.model.singular, self.model.factory
        folder = "tests/factories"
        packages = {
            "tests/__init__.py": '"""The tests."""\n',
            f"{folder}/__init__.py": '"""Functions that make objects for tests."""\n',
        }
        return [
            *(
                CreateFile(path, text)
                for path, text in packages.items()
                if not (self.layout.root / path).exists()
            ),
            RenderFile(
                f"{folder}/{name}.py", "model/factory.py.jinja", self._factory(), package=_PACKAGE
            ),
            InsertCode(
                f"{folder}/__init__.py",
                f"from .{name} import {factory} as {factory}",
                place="imports",
            ),
            RenderFile(
                f"tests/test_{name}_model.py", "model/test.py.jinja", self._test(), package=_PACKAGE
            ),
        ]

    def missing_factories(self) -> list[ModelName]:
        """Return the models that the factory needs, and that do not have one."""
        init = self.layout.root / "tests/factories/__init__.py"
        text = init.read_text(encoding="utf-8") if init.is_file() else ""
        return [
            target
            for target in self._targets()
            if target != self.model and not re.search(rf"\b{target.factory}\b", text)
        ]

    @property
    def _models(self) -> str:
        return self.layout.name_of(self.layout.models_folder)

    @property
    def _values(self) -> list[Field]:
        return [field for field in self.fields if not field.reference]

    def _targets(self) -> list[ModelName]:
        found = {field.reference.target for field in self.fields if field.reference}
        return sorted(found, key=lambda target: target.singular)

    def _model(self) -> dict[str, object]:
        base = self.layout.base_module
        imports = {
            _FUTURE,
            "from sqlalchemy.orm import Mapped",
            "from sqlalchemy.orm import mapped_column",
            f"from .{base} import Base" if base else "from . import Base",
        }.union(*(field.model_imports for field in self.fields))
        if self.has_timestamps:
            imports.add("from photon_lifeguard.models import Timestamps")
        others = [target for target in self._targets() if target != self.model]
        if others:
            imports.add("from typing import TYPE_CHECKING")
        modules = {name: model.path.stem for name, model in self.layout.models().items()}
        return {
            "model": self.model,
            "summary": f"{self._phrase[0].upper()}{self._phrase[1:]}.",
            "fields": self.fields,
            "imports": import_block(imports),
            "type_imports": import_block(
                f"from .{modules.get(each.class_name, each.singular)} import {each.class_name}"
                for each in others
            ).splitlines(),
            "has_timestamps": self.has_timestamps,
            "columns": [line for field in self.fields for line in field.model_lines],
            "relationships": [each.relationship_line for each in self.fields if each.reference],
            "fit": fitted,
        }

    def _factory(self) -> dict[str, object]:
        required = [field for field in self.fields if field.reference and not field.is_nullable]
        enums = [field.enum_class for field in self.fields if field.enum_class]
        imports = {
            _FUTURE,
            "from typing import Any",
            "from sqlalchemy.orm import Session",
            *(f"from {self.module} import {each}" for each in (self.model.class_name, *enums)),
            *(
                f"from .{field.reference.target.singular} import {field.reference.target.factory}"
                for field in required
                if field.reference
            ),
        }.union(*(_imports_of(field.factory_example) for field in self._values))
        defaults = [
            f'values.setdefault("{field.column}", {field.factory_example})'
            for field in self._values
        ]
        uses_number = any(re.search(r"\bnumber\b", line) for line in defaults)
        if uses_number:
            imports.add("import itertools")
        return {
            "model": self.model,
            "imports": import_block(imports, own=self._own),
            "defaults": defaults,
            "signature": _signature(self.model),
            "fit": fitted,
            "required": required,
            "uses_number": uses_number,
        }

    def _test(self) -> dict[str, object]:
        stored = [field for field in self.fields if not field.reference]
        arguments = [
            "db",
            *(f"{field.column}={field.example()}" for field in stored),
            *(f"{field.column}={field.name}.id" for field in self.fields if field.reference),
        ]
        required = next((each for each in self.fields if not each.is_nullable), None)
        enums = [field.enum_class for field in self.fields if field.enum_class]
        factories = {self.model.factory, *(target.factory for target in self._targets())}
        imports = {
            _FUTURE,
            "from sqlalchemy.orm import Session",
            *(f"from {self.module} import {each}" for each in (self.model.class_name, *enums)),
            *(f"from tests.factories import {each}" for each in factories),
        }.union(*(_imports_of(field.example()) for field in stored))
        if required or any(field.is_unique for field in self.fields):
            imports |= {"import pytest", "from sqlalchemy.exc import IntegrityError"}
        name = self.model.singular
        return {
            "model": self.model,
            "fields": self.fields,
            "references": [field for field in self.fields if field.reference],
            "imports": import_block(imports, own=self._own),
            "call": f"{name} = {self.model.factory}({', '.join(arguments)})",
            "assertions": [_assertion(field) for field in stored],
            "required": required,
            "fit": fitted,
        }

    @property
    def _phrase(self) -> str:
        """The model in a sentence: ``a post``."""
        text = self.model.singular.replace("_", " ")
        if self.model.singular == self.model.table:
            return text
        begins_with_vowel = re.match(r"[aeio]|u(?!ni|s[aei]|rl|[^aeiou][aeiou])", text)
        return f"{'an' if begins_with_vowel else 'a'} {text}"

    @property
    def _own(self) -> tuple[str, ...]:
        return (self.layout.package, "tests")


def _assertion(field: Field) -> str:
    value = field.example()
    operator = "is" if value in ("True", "False") else "=="
    return f"assert stored.{field.column} {operator} {value}"


def _imports_of(code: str) -> set[str]:
    known = {
        "dt.": "import datetime as dt",
        "Decimal(": "from decimal import Decimal",
        "UUID(": "from uuid import UUID",
    }
    return {line for part, line in known.items() if code.startswith(part)}


def _signature(model: ModelName) -> str:
    line = f"def {model.factory}(db: Session, **values: Any) -> {model.class_name}:"
    return line if len(line) <= _WIDTH else line.replace("(", "(\n    ").replace(")", "\n)")


def fitted(statement: str, indent: int = _INDENT) -> str:
    """Return a statement, wrapped where it is too long, for a line with an indentation."""
    if len(statement) + indent > _WIDTH:
        statement = formatted(statement, width=_WIDTH, indent=indent)
    return statement.replace("\n", "\n" + " " * indent)
