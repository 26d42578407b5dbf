"""What a migration does, inferred from its name.

=============================  ================================================================
``CreatePosts``                a model with its table
``CreateJoinTablePostsAndTags``  a table between two models
``AddAgeToPost``               columns of a model
``AddAuthorRefToPost``         a reference of a model
``RemoveAgeFromPost``          the same, dropped
``RenameTitleToHeadlineInPost``  a column under another name
any other                      nothing yet: an empty migration
=============================  ================================================================

Names may be written in snake case, too. A word such as ``To`` may be part of a name of a field:
the split whose right side is a model of the project counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final, Literal

import attrs
import inflection

from photon_runtime.generators import GeneratorError

from ._names import ModelName

Kind = Literal["create", "join", "add", "remove", "rename", "empty"]
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*")
_LONGEST: Final = 60


@attrs.frozen
class MigrationName:
    """The name of a migration, and what it says.

    Attributes:
        message: The name as a sentence: ``add age to post``.
        kind: What the migration does.
        models: The models that it names.
        fields: The fields that it names: ``age``; of a rename, the old and the new one.
        is_reference: The field is a reference.
    """

    message: str
    kind: Kind
    models: tuple[ModelName, ...] = ()
    fields: tuple[str, ...] = ()
    is_reference: bool = False

    @classmethod
    def parse(cls, name: str, models: Collection[str], *, is_empty: bool = False) -> MigrationName:
        """Return what a name means.

        Args:
            name: Name as the user wrote it.
            models: Classes of the models of the project.
            is_empty: The migration shall be empty, whatever its name.

        Raises:
            GeneratorError: It is not a name, or names a model that does not exist.
        """
        if not _NAME.fullmatch(name):
            raise GeneratorError(
                f"{name!r} cannot be the name of a migration: write it as AddAgeToPost, with the "
                "letters a to z, digits and underscores"
            )
        words = inflection.underscore(name.replace("-", "_")).split("_")
        message = " ".join(words)
        if len(message) > _LONGEST:
            raise GeneratorError(
                f"{name}: the name has {len(message)} characters, and {_LONGEST} are permitted; "
                "use a shorter one"
            )
        if is_empty:
            return cls(message, "empty")
        return _inferred(words, message, frozenset(models))


def _inferred(words: Sequence[str], message: str, models: frozenset[str]) -> MigrationName:
    match words:
        case ["create", "join", "table", *rest] if "and" in rest:
            first, second = _two_models(rest, models)
            return MigrationName(message, "join", (first, second))
        case ["create", *rest] if rest:
            return MigrationName(message, "create", (ModelName.parse("_".join(rest)),))
        case ["add", *rest] if "to" in rest[1:-1]:
            field, model = _split(rest, "to", models)
            is_reference = len(field) > 1 and field[-1] in ("ref", "reference")
            named = "_".join(field[:-1] if is_reference else field)
            return MigrationName(message, "add", (model,), (named,), is_reference)
        case ["remove", *rest] if "from" in rest[1:-1]:
            field, model = _split(rest, "from", models)
            return MigrationName(message, "remove", (model,), ("_".join(field),))
        case ["rename", *rest] if "to" in rest[1:-1] and "in" in rest:
            both, model = _split(rest, "in", models)
            if "to" in both[1:-1]:
                at = both.index("to", 1)
                names = ("_".join(both[:at]), "_".join(both[at + 1 :]))
                return MigrationName(message, "rename", (model,), names)
    return MigrationName(message, "empty")


def _splits(words: Sequence[str], word: str) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    for at in range(len(words) - 2, 0, -1):
        if words[at] == word:
            yield words[:at], words[at + 1 :]


def _split(
    words: Sequence[str], word: str, models: frozenset[str]
) -> tuple[Sequence[str], ModelName]:
    """Return the words of the field, and the model."""
    for left, right in _splits(words, word):
        model = _model(right)
        if model is not None and model.class_name in models:
            return left, model
    name = inflection.camelize("_".join(next(_splits(words, word))[1]))
    raise GeneratorError(
        f"the model {name} does not exist (the models are {', '.join(sorted(models)) or 'none'}); "
        "correct the name, or add --empty for an empty migration of this name"
    )


def _two_models(words: Sequence[str], models: frozenset[str]) -> tuple[ModelName, ModelName]:
    for left, right in _splits(words, "and"):
        first, second = _model(left), _model(right)
        if first and second and {first.class_name, second.class_name} <= models:
            return first, second
    raise GeneratorError(
        f"CreateJoinTable{inflection.camelize('_'.join(words))}: it names two models with And "
        f"between; the models are {', '.join(sorted(models)) or 'none'}"
    )


def _model(words: Sequence[str]) -> ModelName | None:
    try:
        return ModelName.parse("_".join(words))
    except GeneratorError:
        return None
