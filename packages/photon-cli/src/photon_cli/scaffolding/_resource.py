"""`Resource`: a model as its API and its pages see it."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import attrs

from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._fields import Field
from ._layout import Layout
from ._model_files import ModelFiles
from ._names import ModelName

PACKAGE: Final = "photon_cli"
WITHOUT_INPUT: Final = ("file", "json")
"""Kinds of fields that an HTML form cannot have: a client sets them by JSON."""


@attrs.frozen
class Resource:
    """A model and the project that it belongs to.

    Attributes:
        layout: The project.
        name: The names of the model.
        fields: Its fields.
        has_timestamps: It has ``created_at`` and ``updated_at``.
        has_pages: It has pages beside its API.
        application: The application.
    """

    layout: Layout
    name: ModelName
    fields: Sequence[Field]
    has_timestamps: bool
    has_pages: bool
    application: ApplicationLayout

    @classmethod
    def of(cls, project: Project, files: ModelFiles, *, has_pages: bool) -> Self:
        """Describe a model of a project.

        Raises:
            GeneratorError: photon.toml does not name the application, or it does not exist.
        """
        return cls(
            files.layout,
            files.model,
            files.fields,
            files.has_timestamps,
            has_pages,
            ApplicationLayout.of(project),
        )

    @property
    def model_module(self) -> str:
        """The module of the model."""
        return f"{self.layout.models_module}.{self.name.singular}"

    # Fields

    @property
    def writable(self) -> list[Field]:
        """The fields that clients set, the required ones first."""
        fields = [field for field in self.fields if field.is_client_writable]
        return sorted(fields, key=lambda field: not field.is_required)

    @property
    def owner(self) -> Field | None:
        """The reference to the owner of a row."""
        return next((field for field in self.fields if field.is_owner), None)

    @property
    def form_class(self) -> str:
        """The class of the forms: that of the API, unless a form cannot have all of its fields."""
        is_whole = all(field.input not in WITHOUT_INPUT for field in self.writable)
        return f"New{self.name.class_name}" if is_whole else f"{self.name.class_name}Form"

    @property
    def form_fields(self) -> list[Field]:
        """The fields that forms have."""
        return [field for field in self.writable if field.input not in WITHOUT_INPUT]

    @property
    def references(self) -> list[Field]:
        """The references that clients set."""
        return [field for field in self.writable if field.reference]

    @property
    def has_constraints(self) -> bool:
        """Whether a value that clients set may conflict with other rows."""
        return any(field.is_unique or field.reference for field in self.writable)

    @property
    def enums(self) -> list[str]:
        """The classes of enumerations, in the module of the model."""
        return [field.enum_class for field in self.fields if field.enum_class]

    def label_attribute(self, reference: Field) -> str:
        """Return the attribute by which people know a row that a field refers to: ``name``."""
        if reference.reference is None or reference.reference.is_self:
            return text_attribute(
                (field.column, field.annotation) for field in self.fields if not field.reference
            )
        model = self.layout.models().get(reference.reference.class_name)
        return "" if model is None else text_attribute(_attributes(model.path, model.class_name))

    @property
    def context(self) -> dict[str, Any]:
        """The values that all templates use."""
        label = self.name.label[:1].lower() + self.name.label[1:]
        plural = self.name.label_plural
        return {
            "name": self.name,
            "Model": self.name.class_name,
            "model": self.name.singular,
            "models": self.name.plural,
            "path": self.name.path,
            "factory": self.name.factory,
            "label": label,
            "label_plural": plural[:1].lower() + plural[1:],
            "a_label": f"{_article(label).capitalize()} {label}",
            "a_singular": f"{_article(label)}_{self.name.singular}",
            "fields": self.fields,
            "writable": self.writable,
            "owner": self.owner,
            "has_timestamps": self.has_timestamps,
            "has_constraints": self.has_constraints,
            "has_pages": self.has_pages,
            "has_form": self.has_pages and self.form_class != f"New{self.name.class_name}",
            "form_fields": self.form_fields,
        }


def text_attribute(attributes: Any) -> str:
    """Return the first attribute of type ``str``, preferably one that is a name or a title."""
    texts = [name for name, annotation in attributes if annotation == "str"]
    known = [name for name in ("name", "title", "label") if name in texts]
    return next(iter([*known, *texts]), "")


def _attributes(path: Path, class_name: str) -> list[tuple[str, str]]:
    """Return the mapped attributes of a class and their types, from the text of its module."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return [
                (each.target.id, ast.unparse(each.annotation)[len("Mapped[") : -1])
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            ]
    return []


def _article(label: str) -> str:
    return "an" if re.match(r"[aeio]|u(?!ni|s[aei]|rl|[^aeiou][aeiou])", label.lower()) else "a"
