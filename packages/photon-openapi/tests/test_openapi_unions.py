from typing import Any, Literal

import attrs
import pytest

from photon_openapi.schema._check import SchemaCheck
from photon_openapi.schema._schema import SchemaBuilder

DOG = {
    "type": "object",
    "properties": {"kind": {"type": "string"}, "bark": {"type": "integer"}},
    "required": ["kind", "bark"],
}
CAT = {
    "type": "object",
    "properties": {"kind": {"type": "string"}, "meow": {"type": "string", "minLength": 2}},
    "required": ["kind", "meow"],
}
BRANCHES = [{"$ref": "#/components/schemas/Dog"}, {"$ref": "#/components/schemas/Cat"}]


def pet(keyword: str, **mapping: str) -> SchemaCheck:
    discriminator: dict[str, Any] = {"propertyName": "kind"}
    if mapping:
        discriminator["mapping"] = mapping
    schema = {keyword: BRANCHES, "discriminator": discriminator}
    return SchemaCheck(schema, components={"Dog": DOG, "Cat": CAT})


def errors_of(check: SchemaCheck, value: object) -> list[tuple[str | None, str]]:
    assert check.is_valid(value) is not bool(check.errors(value))
    return [(error.pointer, error.message) for error in check.errors(value)]


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"Dog": "#/components/schemas/Dog"},
        {"Dog": "Dog", "Cat": "#/components/schemas/Cat"},
    ],
    ids=str,
)
def test_the_errors_of_the_branch_of_the_tag_are_reported(
    keyword: str, mapping: dict[str, str]
) -> None:
    check = pet(keyword, **mapping)
    assert errors_of(check, {"kind": "Cat", "meow": "prr"}) == []
    assert errors_of(check, {"kind": "Cat", "meow": "x"}) == [
        ("/meow", "must have at least 2 characters")
    ]
    assert errors_of(check, {"kind": "Dog", "bark": "x", "meow": "x"}) == [
        ("/bark", "expected integer, got string")
    ]


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_a_wrong_tag_is_one_error(keyword: str) -> None:
    check = pet(keyword, hound="#/components/schemas/Dog")
    assert errors_of(check, {"kind": "bird"}) == [("/kind", 'must be one of "hound", "Cat"')]
    assert errors_of(check, {"kind": 3}) == [("/kind", 'must be one of "hound", "Cat"')]
    assert errors_of(check, {}) == [("/kind", 'missing required member "kind"')]
    assert errors_of(check, {"kind": "hound"}) == [("/bark", 'missing required member "bark"')]


def test_a_discriminator_does_not_change_what_is_valid() -> None:
    assert errors_of(pet("anyOf"), {"kind": "Dog", "meow": "prr"}) == []
    both = {"kind": "Dog", "bark": 1, "meow": "prr"}
    assert errors_of(pet("oneOf"), both) == [
        ("", "matches more than one of the allowed schemas, and must match exactly one")
    ]
    assert errors_of(pet("oneOf"), "a text") == [("", "expected object, got string")]


@attrs.frozen
class Circle:
    radius: float
    shape: Literal["circle"] = "circle"


@attrs.frozen
class Square:
    side: float
    shape: Literal["square", "rectangle"] = "square"


def test_classes_without_a_tag_of_their_own_have_none() -> None:
    @attrs.frozen
    class Other:
        shape: Literal["circle"] = "circle"

    assert "discriminator" not in SchemaBuilder().schema(Circle | Other)
    assert "discriminator" not in SchemaBuilder().schema(Circle | int)
    assert "discriminator" not in SchemaBuilder().schema(Circle | None)


def test_tags_follow_classes_that_get_longer_names() -> None:
    def namesake() -> type:
        @attrs.frozen
        class Circle:
            x: int

        return Circle

    builder = SchemaBuilder()
    schema = builder.schema(Circle | Square)
    builder.schema(namesake())
    names = set(builder.components)
    for target in schema["discriminator"]["mapping"].values():
        assert target.rpartition("/")[2] in names
