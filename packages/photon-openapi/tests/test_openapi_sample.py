from __future__ import annotations

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from photon_openapi.document._definitions import Definitions
from photon_openapi.sampling import NoValue, sample
from photon_openapi.schema._check import SchemaCheck

SCHEMAS: dict[str, Any] = {
    "Tree": {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "kids": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
        },
        "required": ["value", "kids"],
    },
    "List": {
        "type": "object",
        "properties": {
            "next": {"anyOf": [{"$ref": "#/components/schemas/List"}, {"type": "null"}]}
        },
        "required": ["next"],
    },
    "Endless": {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/Endless"}},
        "required": ["next"],
    },
    "Cat": {
        "type": "object",
        "properties": {"kind": {"type": "string"}, "lives": {"type": "integer"}},
        "required": ["kind"],
    },
    "Dog": {
        "type": "object",
        "properties": {
            "kind": {"enum": ["dog", "hound"]},
            "secret": {"type": "string", "writeOnly": True},
            "id": {"type": "integer", "readOnly": True},
        },
        "required": ["kind"],
    },
    "Pet": {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"cat": "#/components/schemas/Cat", "hound": "#/components/schemas/Dog"},
        },
    },
}
DEFINITIONS = Definitions({"components": {"schemas": SCHEMAS}})


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def made(schema: Any, **options: Any) -> Any:
    value = sample(schema, DEFINITIONS, **options)
    assert SchemaCheck(schema, components=DEFINITIONS).is_valid(value)
    return value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, 1),
        ({"type": "number"}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({}, "string"),
        (True, "string"),
        ({"type": ["null", "integer"]}, 1),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "string", "default": "x"}, "x"),
        ({"type": "string", "examples": ["y", "z"], "default": "x"}, "x"),
        ({"type": "string", "example": "e", "enum": ["d", "e"]}, "e"),
        ({"type": "string", "format": "date-time"}, "2025-01-31T12:30:00Z"),
        ({"type": "string", "minLength": 8, "maxLength": 9}, "stringst"),
        ({"type": "string", "maxLength": 3}, "str"),
        ({"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"}, "AAA-0000"),
        ({"type": "integer", "minimum": 5, "multipleOf": 7}, 7),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "number", "multipleOf": 0.01, "minimum": 0.07, "maximum": 0.5}, 0.07),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False}, [1]),
        ({"contains": {"const": 7}, "items": {"type": "integer"}, "minItems": 3}, [7, 1, 1]),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 0}, []),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"name1": 1}),
        ({"type": "object", "required": ["z"], "patternProperties": {"z": {"const": 2}}}, {"z": 2}),
        (ref("Tree"), {"value": 1, "kids": []}),
        (ref("List"), {"next": None}),
        (ref("Pet"), {"kind": "cat", "lives": 1}),
        ({"allOf": [ref("Cat"), {"allOf": [ref("Cat")]}]}, {"kind": "string", "lives": 1}),
    ],
)
def test_the_plainest_value_is_built(schema: Any, value: object) -> None:
    assert made(schema) == value


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "integer"}, "minItems": 5, "uniqueItems": True},
        {
            "type": "array",
            "items": {"type": "string", "example": "x"},
            "minItems": 3,
            "uniqueItems": True,
        },
        {"enum": [1, 2, 3], "type": "integer", "minimum": 2},
        {"type": "object", "minProperties": 3, "propertyNames": {"pattern": "^[a-z]$"}},
        {"type": "object", "properties": {"a": True, "b": True}, "maxProperties": 1},
        {"type": "string", "example": 5},
        {"not": {"type": "string"}},
        {"type": "string", "not": {"const": "string"}},
        {
            "type": "object",
            "if": {"properties": {"k": {"const": 1}}, "required": ["k"]},
            "then": {"required": ["z"]},
            "else": {"required": ["y"]},
        },
        {"oneOf": [{"multipleOf": 3}, {"multipleOf": 5}], "minimum": 15, "type": "integer"},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"minimum": 3}}, "example": {"a": 3}},
                {"properties": {"a": {"type": "integer", "maximum": 10}}, "required": ["a", "b"]},
            ]
        },
        {"type": "string", "pattern": r"^(?=.*[A-Z])(?=.*\d).{8,}$"},
        {"type": "string", "pattern": "^[a-z]+-[a-z]+$", "minLength": 9, "maxLength": 9},
        {"type": "string", "pattern": "a|b", "minLength": 5},
        {"type": "string", "pattern": r"^\p{Lu}\p{L}+$"},
        {"type": "string", "pattern": "^[^a-z]{3}$"},
        {"type": "string", "contentEncoding": "base64", "minLength": 30},
    ],
)
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_value_fits_its_schema_for_any_seed(schema: Any, seed: int | None) -> None:
    assert made(schema, seed=seed) == made(schema, seed=seed)


def test_another_seed_gives_another_value() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    assert len({repr(made(schema, seed=seed)) for seed in (None, 1, 2, 3)}) == 4


def test_write_only_members_are_not_in_responses() -> None:
    assert made(ref("Dog")) == {"kind": "dog", "id": 1}
    assert made(ref("Dog"), direction="request") == {"kind": "dog", "secret": "string"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (False, "no value is valid"),
        (ref("Endless"), "the schema requires itself"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "within the limits"),
        ({"type": "array", "minItems": 10_000_000}, "10000000 items"),
        ({"type": "string", "minLength": 10_000_000}, "10000000 characters"),
        ({"type": "string", "pattern": r"^(\w)\1$"}, "back-references"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "no value is valid"),
        ({"type": "nothing"}, "cannot be compiled"),
        (
            {"type": "array", "minItems": 999, "items": {"minItems": 999, "items": {"const": 1}}},
            "parts",
        ),
    ],
)
def test_the_reason_for_a_missing_value_is_reported(schema: Any, reason: str) -> None:
    with pytest.raises(NoValue, match=reason):
        sample(schema, DEFINITIONS)


def test_a_schema_nested_without_end_is_refused_and_does_not_crash() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(120):
        schema = {"type": "array", "minItems": 1, "items": schema}
    value = made(schema)
    for _ in range(120):
        value = value[0]
    assert value == 1


LEAVES = st.sampled_from(
    [
        {"type": "string", "minLength": 2},
        {"type": "integer", "minimum": -5, "maximum": 5},
        {"type": "boolean"},
        {"enum": ["a", 1, None]},
        {"type": "string", "format": "uuid"},
        ref("Tree"),
        ref("Pet"),
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda each: {"type": "array", "items": each, "minItems": 1}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(
            lambda a, b: {"type": "object", "properties": {"a": a, "b": b}, "required": ["a"]},
            inner,
            inner,
        ),
        st.builds(lambda each: {"allOf": [each, {"description": "d"}]}, inner),
    ),
    max_leaves=8,
)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(TREES, st.none() | st.integers(0, 9))
def test_every_schema_that_is_generated_has_a_value(schema: Any, seed: int | None) -> None:
    made(schema, seed=seed)
