"""The schemas of classes of pydantic: the only module that uses its generator of schemas.

Theory of operation. pydantic describes a class together with all classes inside it, in ``$defs``.
In a document each class is one component, wherever it is used, so the generator here writes one
class only: for every other class it writes a placeholder, and the builder of the document replaces
this with a reference to the component of that class. Other definitions, such as
recursive aliases, remain in ``$defs``.

A class has up to three schemas:

- what is *received*: in the document, where a body is described;
- what is *sent*: the same unless the class has computed fields, aliases or serializers for results;
- what is *enforced*: as received, but open where the class itself accepts more than its schema
  says. A validator with ``mode="before"`` may accept anything, unless it declares its input, and a
  field may have several names. There pydantic alone decides.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import jsonschema_rs
from pydantic import AliasChoices, AliasPath
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema

from ._keywords import Schema
from ._pydantic_models import adapter_of

Purpose: TypeAlias = Literal["received", "sent", "enforced"]

PLACEHOLDER: Final = "https://class.invalid/"
"""The beginning of a placeholder; its end is the index of a class in `ClassSchema.classes`."""

_WRAPPERS: Final = ("function-before", "function-after", "function-wrap")
_CLASSES: Final = ("model", "dataclass", "enum", "typed-dict")


class ClassSchema:
    """The schema of one class, with placeholders for others.

    Attributes:
        schema: The schema.
        definitions: Its definitions that are not classes, by the names in ``#/$defs/...``.
        classes: The classes of the placeholders.
        is_closable: Whether the class leaves it to others if unknown members are refused.
    """

    def __init__(self, cls: Any, purpose: Purpose) -> None:
        """Write the schema.

        Raises:
            TypeError: The class has no form in JSON; the message names it.
        """
        generator = _Generator(cls, is_enforced=purpose == "enforced")
        adapter = adapter_of(cls)
        try:
            self.schema: Schema = generator.generate(
                adapter.core_schema, "serialization" if purpose == "sent" else "validation"
            )
        except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
            raise TypeError(
                f"{cls.__qualname__} has no form in JSON: {_first_line(error)}. Describe the field "
                "with `pydantic.WithJsonSchema`, or leave it out with `Field(exclude=True)`"
            ) from error
        self.definitions: dict[str, Schema] = self.schema.pop("$defs", {})
        self.classes = generator.classes
        is_named = purpose != "enforced" or not _has_several_names(cls)
        self.is_closable = is_named and "properties" in self.schema and "extra" not in _config(cls)
        _drop_unusable_patterns([self.schema, self.definitions])


@functools.lru_cache(maxsize=4096)
def has_two_forms(cls: Any) -> bool:
    """Return whether what a class receives differs from what it sends."""
    adapter = adapter_of(cls)
    schemas = []
    for mode in ("validation", "serialization"):
        generator = _Generator(None, is_enforced=False)
        try:
            schemas.append(generator.generate(adapter.core_schema, mode))
        except (PydanticInvalidForJsonSchema, PydanticUserError):
            return True  # one of them has a form, and the error belongs to the other
    return schemas[0] != schemas[1]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")


class _Generator(GenerateJsonSchema):
    """Writes the schema of ``root``, and placeholders for other classes; all in one without it."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default", "skipped-discriminator"}  # noqa: RUF012 - as its base declares it

    def __init__(self, root: Any, *, is_enforced: bool) -> None:
        super().__init__(by_alias=True)
        self.classes: list[Any] = []
        self._root = root
        self._is_enforced = is_enforced
        self._is_inside = False
        self._shared: dict[str, Any] = {}

    def generate_inner(self, schema: Any) -> Schema:
        """Write a placeholder for a class, and the schema of anything else."""
        cls = None if self._root is None else self._class_of(schema)
        if cls is None:
            return super().generate_inner(schema)
        if cls is self._root and not self._is_inside:
            self._is_inside = True
            schema = self._shared.get(schema.get("schema_ref"), schema)
            # Without its name the class is not a definition, and its schema is the result.
            return super().generate_inner({key: schema[key] for key in schema if key != "ref"})
        if cls not in self.classes:
            self.classes.append(cls)
        return {"$ref": f"{PLACEHOLDER}{self.classes.index(cls)}"}

    def definitions_schema(self, schema: Any) -> Schema:
        """Write the definitions that are not classes."""
        if self._root is None:
            return super().definitions_schema(schema)
        self._shared |= {each["ref"]: each for each in schema["definitions"]}
        others = [each for each in schema["definitions"] if self._class_of(each) is None]
        remaining: Any = {**schema, "definitions": others}
        return super().definitions_schema(remaining)

    def definition_ref_schema(self, schema: Any) -> Schema:
        """Write the class that a reference names, or the reference."""
        shared = self._shared.get(schema["schema_ref"])
        if shared is not None and self._class_of(shared) is not None:
            return self.generate_inner(shared)
        return super().definition_ref_schema(schema)

    def _class_of(self, schema: Any) -> Any:
        """Return the class that a core schema validates, through its validators."""
        while schema["type"] in _WRAPPERS:
            if self._has_own_form(schema) or self._has_own_input(schema):
                return None
            schema = schema["schema"]
        if schema["type"] == "definition-ref":
            shared = self._shared.get(schema["schema_ref"])
            is_plain = shared is not None and not self._has_own_form(schema)
            return self._class_of(shared) if is_plain else None
        return schema["cls"] if schema["type"] in _CLASSES else None

    def _has_own_form(self, schema: Any) -> bool:
        """Return true if the annotation of a field describes it in another way than its class."""
        if any(key.startswith("pydantic_js") for key in schema.get("metadata") or ()):
            return True
        return self.mode == "serialization" and "serialization" in schema

    def _has_own_input(self, schema: Any) -> bool:
        if self.mode == "serialization":
            return False
        is_open = self._is_enforced and schema["type"] != "function-after"
        return is_open or "json_schema_input_schema" in schema

    # -- what the class accepts beyond its schema -----------------------------------------------

    def function_before_schema(self, schema: Any) -> Schema:
        """Leave the input open that a validator has not declared."""
        return {} if self._is_open(schema) else super().function_before_schema(schema)

    def function_wrap_schema(self, schema: Any) -> Schema:
        """Leave the input open that a validator has not declared."""
        return {} if self._is_open(schema) else super().function_wrap_schema(schema)

    def function_plain_schema(self, schema: Any) -> Schema:
        """Leave the input open that a validator has not declared."""
        return {} if self._is_open(schema) else super().function_plain_schema(schema)

    def _is_open(self, schema: Any) -> bool:
        return self._is_enforced and not schema.get("json_schema_input_schema")

    def model_schema(self, schema: Any) -> Schema:
        """Leave the names of members open where the class accepts several."""
        return self._with_names(schema["cls"], super().model_schema(schema))

    def dataclass_schema(self, schema: Any) -> Schema:
        """Leave the names of members open where the class accepts several."""
        return self._with_names(schema["cls"], super().dataclass_schema(schema))

    def _with_names(self, cls: Any, written: Schema) -> Schema:
        if self._is_enforced and _has_several_names(cls):
            written.pop("required", None)
            written.pop("additionalProperties", None)
        return written

    def str_schema(self, schema: Any) -> Schema:
        """Leave out an expression whose flags a schema cannot express."""
        written = super().str_schema(schema)
        pattern = schema.get("pattern")
        if isinstance(pattern, re.Pattern) and pattern.flags & ~re.UNICODE:
            written.pop("pattern", None)
        return written


def _config(cls: Any) -> Any:
    return getattr(cls, "model_config", None) or getattr(cls, "__pydantic_config__", None) or {}


def _has_several_names(cls: Any) -> bool:
    config = _config(cls)
    fields = getattr(cls, "__pydantic_fields__", {}).values()
    aliases = [field.validation_alias for field in fields if field.validation_alias is not None]
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return bool(by_name and aliases) or any(
        isinstance(alias, AliasChoices | AliasPath) for alias in aliases
    )


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from walk(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from walk(value)


def _drop_unusable_patterns(schema: Any) -> None:
    """Drop expressions that are not of ECMA 262: pydantic enforces them itself."""
    for part in walk(schema):
        if isinstance(part.get("pattern"), str) and not _is_usable(part["pattern"]):
            del part["pattern"]


@functools.lru_cache(maxsize=1024)
def _is_usable(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except ValueError:
        return False
    return True
