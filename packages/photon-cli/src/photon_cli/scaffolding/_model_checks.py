"""Conditions of a new model, which are checked before anything is written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import inflection

from photon_runtime.generators import GeneratorError

from ._fields import Field
from ._layout import Layout, WrittenModel
from ._model_files import ModelFiles
from ._names import ModelName


def check_new_model(files: ModelFiles, words: Sequence[str]) -> None:
    """Refuse a model that exists with other fields or elsewhere, and references without factories.

    Raises:
        GeneratorError: The message has the command to use instead.
    """
    models = files.layout.models()
    existing = models.get(files.model.class_name)
    if existing is not None:
        _check_existing(files, existing, words)
    _check_table(files.layout, files.model, models)
    missing = files.missing_factories()
    if missing:
        names = ", ".join(target.factory for target in missing)
        raise GeneratorError(
            f"tests/factories does not have {names}, which the tests of {files.model.class_name} "
            "use: add a function of that name, which stores an object and returns it, to "
            "tests/factories/__init__.py"
        )


def migration_command(model: ModelName, fields: Sequence[Field], words: Sequence[str]) -> str:
    """Return the command that adds fields to a model."""
    names = "And".join(inflection.camelize(field.name) for field in fields)
    return f"photon generate migration Add{names}To{model.class_name} {shlex.join(words)}"


def _check_existing(files: ModelFiles, existing: WrittenModel, words: Sequence[str]) -> None:
    where = files.layout.name_of(existing.path)
    if where != files.path:
        raise GeneratorError(
            f"the model {existing.class_name} exists in {where}; use another name, or change it by "
            f"photon generate migration AddTitleTo{existing.class_name} title:string"
        )
    pairs = zip(files.fields, words, strict=True)
    new = [(field, word) for field, word in pairs if field.column not in existing.attributes]
    if new:
        fields, further = zip(*new, strict=True)
        raise GeneratorError(
            f"the model {existing.class_name} exists in {where}, without "
            f"{', '.join(field.column for field in fields)}; generate a migration instead: "
            f"{migration_command(files.model, fields, further)}"
        )


def _check_table(layout: Layout, model: ModelName, models: dict[str, WrittenModel]) -> None:
    for other in models.values():
        if other.table == model.table and other.class_name != model.class_name:
            raise GeneratorError(
                f"the table {model.table} is that of {other.class_name} in "
                f"{layout.name_of(other.path)}; use another name for the model"
            )
