"""Rules for schemas."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..document import OpenApi, Problem, SchemaLocation
from ..messages import pointer_of
from ..schema import SchemaCheck, types_of
from ._findings import Rule, Subject

_FOR_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "contentEncoding"), ("string",)),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        ("number", "integer"),
    ),
    **dict.fromkeys(
        ("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems"), ("array",)
    ),
    **dict.fromkeys(
        (
            "properties",
            "patternProperties",
            "additionalProperties",
            "required",
            "minProperties",
            "maxProperties",
            "propertyNames",
            "dependentRequired",
        ),
        ("object",),
    ),
}
_OTHERS: Final = (
    "$ref",
    "$id",
    "$schema",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$defs",
    "$comment",
    "$vocabulary",
    "type",
    "enum",
    "const",
    "title",
    "description",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "examples",
    "example",
    "format",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
    "definitions",
    "contentMediaType",
    "contentSchema",
    "contentEncoding",
    "unevaluatedItems",
    "unevaluatedProperties",
    "minContains",
    "maxContains",
    "discriminator",
    "xml",
    "externalDocs",
    "nullable",
)
_KEYWORDS: Final = frozenset((*_FOR_TYPE, *_OTHERS))
_FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
                    ("integer", "number")),
    **dict.fromkeys(("float", "double", "single-precision", "double-int"), ("number", "integer")),
    **dict.fromkeys(("decimal", "decimal128"), ("number", "string")),
    **dict.fromkeys(
        (
            "date-time",
            "date",
            "time",
            "duration",
            "email",
            "idn-email",
            "hostname",
            "idn-hostname",
            "ipv4",
            "ipv6",
            "uri",
            "url",
            "uri-reference",
            "iri",
            "iri-reference",
            "uuid",
            "uri-template",
            "json-pointer",
            "relative-json-pointer",
            "regex",
            "password",
            "byte",
            "binary",
            "base64url",
            "char",
            "commonmark",
            "html",
            "media-range",
            "http-date",
            "date-time-local",
            "time-local",
            "sf-string",
            "sf-token",
        ),
        ("string",),
    ),
}  # fmt: skip
_LIMITS: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


def _check(subject: Subject, schema: Any) -> SchemaCheck:
    return SchemaCheck(schema, components=subject.document.definitions)


def _examples(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        values = _listed(location.schema, "examples")
        if "example" in location.schema:
            values.append(("/example", location.schema["example"]))
        yield from _mismatches(subject, location.schema, location.pointer, values, "the example")
    for part in subject.document.definitions.parts:
        schema = part.value.get("schema")
        if isinstance(schema, dict):
            yield from _mismatches(
                subject, schema, part.pointer, _media_examples(subject, part.value), "the example"
            )


def _media_examples(subject: Subject, value: OpenApi) -> list[tuple[str, Any]]:
    """Return the examples of a media type or parameter, with their pointers."""
    examples = [("/example", value["example"])] if "example" in value else []
    named = value.get("examples")
    for name, example in named.items() if isinstance(named, dict) else ():
        resolved = subject.document.resolve(example) if isinstance(example, dict) else None
        for key in ("value", "dataValue"):
            if resolved is not None and key in resolved:
                examples.append((pointer_of(["examples", name]), resolved[key]))
    return examples


def _defaults(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        values = [("/default", location.schema["default"])] if "default" in location.schema else []
        yield from _mismatches(subject, location.schema, location.pointer, values, "the default")


def _enums(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        others = {key: value for key, value in location.schema.items() if key != "enum"}
        values = _listed(location.schema, "enum")
        yield from _mismatches(subject, others, location.pointer, values, "the value")


def _listed(schema: OpenApi, key: str) -> list[tuple[str, Any]]:
    """Return the values that a keyword lists, with their pointers."""
    values = schema.get(key)
    return (
        [(f"/{key}/{at}", each) for at, each in enumerate(values)]
        if isinstance(values, list)
        else []
    )


def _mismatches(
    subject: Subject, schema: OpenApi, pointer: str, values: list[tuple[str, Any]], noun: str
) -> Iterator[Problem]:
    if not values or not subject.document.is_well_formed(schema, pointer):
        return
    try:
        check = _check(subject, schema)
    except ValueError:
        return  # reported by another rule
    for location, value in values:
        for error in [] if check.is_valid(value) else check.errors(value)[:1]:
            inside = f" at {error.pointer}" if error.pointer else ""
            yield Problem(
                pointer + location,
                f"{noun} does not match the schema{inside}: {error.message}; correct one of them",
            )


def _impossible(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        for low, high in _LIMITS:
            least, most = location.schema.get(low), location.schema.get(high)
            if _is_above(least, most):
                yield Problem(
                    location.pointer,
                    f"{low} is above {high}, so no value is valid; correct one of them",
                )


def _is_above(least: object, most: object) -> bool:
    return isinstance(least, int | float) and isinstance(most, int | float) and least > most


def _nullable(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        if "nullable" in location.schema:
            yield Problem(
                f"{location.pointer}/nullable",
                'nullable has no effect since OpenAPI 3.1; write type: [..., "null"]',
            )


def _misplaced(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        types = types_of(location.schema)
        for key in location.schema:
            expected = _FOR_TYPE.get(key)
            if types and expected and not set(expected) & set(types):
                yield Problem(
                    f"{location.pointer}/{key}",
                    f"{key} is for {expected[0]}s and has no effect for type {' or '.join(types)}; "
                    "remove it",
                )


def _unknown(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        for key in location.schema:
            if key in _KEYWORDS or key.startswith("x-"):
                continue
            close = difflib.get_close_matches(key, _KEYWORDS, 1)
            hint = f"did you mean {close[0]!r}?" if close else "extensions begin with x-"
            yield Problem(
                location.pointer + pointer_of([key]), f"{key!r} is not a keyword of schemas; {hint}"
            )


def _formats(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        name = location.schema.get("format")
        if isinstance(name, str) and name not in _FORMATS:
            close = difflib.get_close_matches(name, _FORMATS, 1)
            hint = f"; did you mean {close[0]!r}?" if close else " and is not checked"
            yield Problem(f"{location.pointer}/format", f"the format {name!r} is not known{hint}")


def _format_types(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        name, types = location.schema.get("format"), types_of(location.schema)
        expected = _FORMATS.get(name) if isinstance(name, str) else None
        if expected and types and not set(expected) & set(types):
            yield Problem(
                f"{location.pointer}/format",
                f"{name} is a format of {expected[0]}s and has no effect for {' or '.join(types)}",
            )


def _required_undefined(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        known = location.schema.get("properties")
        if location.is_partial or not isinstance(known, dict) or _has_more(location.schema):
            continue
        required = location.schema.get("required")
        for name in required if isinstance(required, list) else ():
            if isinstance(name, str) and name not in known:
                yield Problem(
                    f"{location.pointer}/required",
                    f"{name!r} is required, but the property is not declared; declare it",
                )


def _has_more(schema: OpenApi) -> bool:
    return bool(schema.keys() & {"allOf", "anyOf", "oneOf", "$ref", "patternProperties", "if"})


def _discriminator(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        discriminator = location.schema.get("discriminator")
        if not isinstance(discriminator, dict):
            continue
        pointer = f"{location.pointer}/discriminator"
        if not location.schema.keys() & {"oneOf", "anyOf", "allOf"} and location.name is None:
            yield Problem(pointer, "the discriminator has no effect without oneOf or anyOf")
        mapping = discriminator.get("mapping")
        for name, target in mapping.items() if isinstance(mapping, dict) else ():
            is_name = isinstance(target, str) and target in subject.document.definitions
            if not is_name and subject.document.definitions.find(target) is None:
                yield Problem(pointer + pointer_of(["mapping", name]), f"{target!r} does not exist")


def _schema_type(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        if not location.is_partial and location.schema and not _has_type(location.schema):
            yield Problem(location.pointer, "the schema has no type, so any is valid; add one")


def _has_type(schema: OpenApi) -> bool:
    keywords = ("type", "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "enum", "const", "not")
    return any(key in schema for key in (*keywords, "contentMediaType", "contentEncoding", "if"))


def _array_items(subject: Subject) -> Iterator[Problem]:
    keywords = {"items", "prefixItems", "contains"}
    for location in subject.schemas:
        is_array = "array" in types_of(location.schema) and not location.is_partial
        if is_array and not location.schema.keys() & keywords:
            yield Problem(location.pointer, "the array has no items keyword; declare its items")


def component_name(location: SchemaLocation) -> str:
    """Return the name of the component at a location, ``""`` for other locations."""
    is_component = location.pointer.startswith("/components/schemas/")
    return location.name or "" if is_component and location.pointer.count("/") == 3 else ""


MINIMAL: Final = (
    Rule("example-mismatch", "warning", _examples),
    Rule("default-mismatch", "warning", _defaults),
    Rule("enum-mismatch", "warning", _enums),
    Rule("limits-impossible", "warning", _impossible),
    Rule("nullable", "warning", _nullable),
    Rule("keyword-misplaced", "warning", _misplaced),
    Rule("keyword-unknown", "warning", _unknown),
    Rule("format-type", "warning", _format_types),
    Rule("required-undefined", "warning", _required_undefined),
    Rule("discriminator", "warning", _discriminator),
)
RECOMMENDED: Final = (
    Rule("schema-type", "warning", _schema_type),
    Rule("array-items", "warning", _array_items),
    Rule("format-unknown", "info", _formats),
)
