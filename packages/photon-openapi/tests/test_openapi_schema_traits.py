"""Properties of schemas are found in linear time, however often classes refer to each other."""

from __future__ import annotations

from typing import Any

import pytest

from photon_openapi.codec._schema_traits import SchemaTraits
from photon_openapi.document import Definitions


def definitions(**schemas: Any) -> Definitions:
    return Definitions({"components": {"schemas": schemas}})


def to(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def linked(count: int) -> Definitions:
    """Return components of which each refers to all later ones: 2 ** count paths."""
    return definitions(
        **{
            f"C{number}": an_object(**{f"m{at}": to(f"C{at}") for at in range(number + 1, count)})
            for number in range(count)
        }
    )


def test_linked_components_are_each_looked_at_once() -> None:
    traits = SchemaTraits.of(linked(200))
    assert traits.is_shallow(to("C0"))
    assert not traits.exceeds_msgspec(to("C0"))


@pytest.mark.parametrize(
    ("schema", "is_shallow"),
    [
        ({"type": "string"}, True),
        ({"type": ["string", "null"]}, True),
        ({"type": "array"}, False),
        ({}, False),
        (an_object(), True),
        ({"type": "object"}, False),
        ({"type": "array", "items": {"type": "integer"}}, True),
        ({"anyOf": [{"type": "null"}, to("Leaf")]}, True),
        ({"type": "array", "items": to("Tree")}, False),
        (to("Owner"), False),
        (to("Missing"), False),
    ],
    ids=str,
)
def test_a_schema_is_shallow_if_it_limits_the_nesting(schema: Any, is_shallow: bool) -> None:
    known = definitions(
        Leaf=an_object(a={"type": "integer"}),
        Tree=an_object(inner={"type": "array", "items": to("Tree")}),
        Owner=an_object(leaf=to("Leaf"), tree=to("Tree")),
    )
    assert SchemaTraits.of(known).is_shallow(schema) is is_shallow


@pytest.mark.parametrize(
    ("schema", "exceeds"),
    [
        (to("Plain"), False),
        (to("Pattern"), True),
        (to("Far"), True),
        (an_object(a={"type": "array", "items": to("Closed")}), True),
        ({"type": "string", "default": {"pattern": "a"}}, False),
        (an_object(pattern={"type": "string"}), False),
    ],
    ids=str,
)
def test_keywords_that_msgspec_does_not_enforce_are_found_behind_references(
    schema: Any, exceeds: bool
) -> None:
    known = definitions(
        Plain=an_object(a={"type": "integer"}, again=to("Plain")),
        Pattern={"type": "string", "pattern": "a"},
        Closed={"type": "object", "additionalProperties": False},
        Near=an_object(a=to("Pattern"), b=to("Far")),
        Far=an_object(a=to("Near")),
    )
    assert SchemaTraits.of(known).exceeds_msgspec(schema) is exceeds
