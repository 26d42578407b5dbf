from typing import Any

import pytest

from photon_ws.asyncapi._schemas import lifted, lowered, reached_components


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string"}),
        (True, True),
        (
            {"prefixItems": [{"type": "string"}], "items": False},
            {"items": [{"type": "string"}], "additionalItems": False},
        ),
        (
            {"$ref": "#/components/schemas/A", "description": "x"},
            {"allOf": [{"$ref": "#/components/schemas/A"}], "description": "x"},
        ),
        ({"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/A"}),
        (
            {"anyOf": [{"prefixItems": []}], "discriminator": {"propertyName": "kind"}},
            {"anyOf": [{"items": []}]},
        ),
        (
            {"properties": {"prefixItems": {"prefixItems": [True]}}},
            {"properties": {"prefixItems": {"items": [True]}}},
        ),
        ({"const": {"prefixItems": [1]}}, {"const": {"prefixItems": [1]}}),
        (
            {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"prefixItems": []}}},
            {"dependencies": {"a": ["b"], "c": {"items": []}}},
        ),
    ],
)
def test_schemas_are_written_in_the_dialect_of_asyncapi(schema: Any, expected: Any) -> None:
    assert lowered(schema) == expected
    again = lowered(lifted(expected))
    assert again == expected


def test_the_components_are_those_that_are_referred_to_at_any_depth() -> None:
    def reference(name: str) -> dict[str, str]:
        return {"$ref": f"#/components/schemas/{name}"}

    components = {"C": {}, "A": {"items": reference("B")}, "B": {"not": reference("A")}}
    assert reached_components([{"x": [reference("A")]}], components) == ["A", "B"]
