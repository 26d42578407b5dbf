"""The check of a parameter or a field, also where a class converts its text itself.

A class that converts the texts of a member (an attrs converter, a validator of pydantic) gets the
texts. Code first its schema describes what they are converted to, and the class checks that. Spec
first the document describes the texts: they are read as its schema says, and checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from photon_openapi.annotations import value_type
from photon_openapi.codec import strings_converter, takes_strings, text_converter
from photon_openapi.document import Definitions
from photon_openapi.schema import constraint_checker, type_of_schema

from ..annotations import split_annotation
from ..signatures import Argument

ValueCheck: TypeAlias = Callable[[object], list[str]]
"""Returns the messages for a value that violates its schema."""


def value_check(
    argument: Argument, schema: dict[str, Any], *, definitions: Definitions | None = None
) -> ValueCheck | None:
    """Return the check of an argument's value, ``None`` if its schema has no constraints.

    Args:
        argument: The argument.
        schema: Its schema.
        definitions: The targets of references in a schema of a document; ``None`` if the schema was
            written from the argument's type.

    Raises:
        ValueError: The schema is invalid.
    """
    check = constraint_checker(schema, components=definitions)
    if not _is_converted(argument):
        return check
    return None if definitions is None else _check_of_texts(schema, definitions, check)


def _is_converted(argument: Argument) -> bool:
    member = argument.member
    if member is None:
        return False
    declared = value_type(split_annotation(member.type).type)
    return bool(value_type(argument.annotation.type) != declared)


def _check_of_texts(
    schema: dict[str, Any], definitions: Definitions, check: ValueCheck | None
) -> ValueCheck:
    type_ = type_of_schema(schema, definitions)
    read: Callable[[Any], object] = (
        strings_converter(type_) if takes_strings(type_) else text_converter(type_)
    )

    def messages(texts: object) -> list[str]:
        try:
            value = read(texts)
        except ValueError as error:
            return [str(error)]
        return [] if check is None else check(value)

    return messages
