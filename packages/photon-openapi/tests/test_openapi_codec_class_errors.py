"""Errors that classes report by their own rules: all of them, beside those of the schema."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.annotations import Param
from photon_openapi.codec import JsonDecoder, SchemaDecoder
from photon_openapi.errors import ValidationError
from photon_openapi.schema import SchemaBuilder


def is_even(_: object, __: object, value: int) -> None:
    if value % 2:
        raise ValueError("must be even", value)


def lowered(text: str) -> str:
    if not text.isupper():
        raise ValueError("must be in upper case")
    return text.lower()


def with_field(text: str, field: Any) -> str:
    if text == "bad":
        raise TypeError(f"bad {field.name}")
    return text


@attrs.frozen
class Part:
    count: int = attrs.field(validator=is_even)
    size: Annotated[int, Param(name="theSize")] = attrs.field(
        default=0, validator=[is_even, attrs.validators.lt(10)]
    )


@attrs.frozen
class Span:
    start: int
    end: int = attrs.field()

    @end.validator
    def _check(self, _: object, value: int) -> None:
        if value < self.start:
            raise ValueError("ends before it starts")


@dataclasses.dataclass
class Data:
    a: int

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError("a is negative")


class Struct(msgspec.Struct):
    a: int

    def __post_init__(self) -> None:
        if self.a < 0:
            raise TypeError("a is below zero")


@attrs.frozen
class Converted:
    code: str = attrs.field(converter=lowered)
    text: str = attrs.field(default="", converter=attrs.Converter(with_field, takes_field=True))  # type: ignore[misc]


@attrs.frozen
class Finished:
    part: Part

    def __attrs_post_init__(self) -> None:
        if self.part.count > 100:
            raise ValueError("is too much")


class Named(NamedTuple):
    part: Part
    more: Part | None = None


class Typed(TypedDict, total=False):
    part: Part


@attrs.frozen
class Cat:
    kind: Literal["cat"]
    lives: int = attrs.field(validator=is_even)


@attrs.frozen
class Dog:
    kind: Literal["dog"]
    lives: int


@attrs.frozen
class Everything:
    parts: list[Part]
    span: Span
    by_name: dict[str, Data]
    pair: tuple[Part, Struct] | None = None
    pet: Cat | Dog | None = None
    price: Annotated[Decimal, Param(le=5)] = Decimal(1)
    note: Annotated[str, Param(max_length=3)] = ""


def errors_of(type_: Any, value: object) -> list[tuple[str, str]]:
    """Return the errors code first; those spec first must be the same."""
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    data = json.dumps(value).encode()
    found = []
    for decoder in (
        JsonDecoder(type_, schema=schema, components=builder.components),
        SchemaDecoder(schema, components=builder.components, type_=type_),
    ):
        with pytest.raises(ValidationError) as caught:
            decoder.decode(data)
        found.append([(each.pointer or "", each.message) for each in caught.value.errors])
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("type_", "value", "errors"),
    [
        (Part, {"count": 1, "theSize": 3}, {"/count": "must be even", "/theSize": "must be even"}),
        (
            Part,
            {"count": "x", "theSize": 11},
            {"/count": "expected integer, got string", "/theSize": "must be < 10"},
        ),
        (Part, {"theSize": 3}, {"/theSize": "must be even", "/count": "missing required"}),
        (list[Part], [{"count": 1}, {"count": 2}, {"count": 3}], {"/0/count": "", "/2/count": ""}),
        (Span, {"start": 3, "end": 2}, {"/end": "ends before it starts"}),
        (Span, {"start": "x", "end": 2}, {"/start": "expected integer"}),
        (list[Data], [{"a": -1}, {"a": 1}, {"a": -2}], {"/0": "a is negative", "/2": ""}),
        (dict[int, Struct], {"7": {"a": -1}, "8": {"a": "x"}}, {"/7": "below", "/8/a": "expected"}),
        (Converted, {"code": "a", "text": "bad"}, {"/code": "upper case", "/text": "bad text"}),
        (Finished, {"part": {"count": 102}}, {"": "is too much"}),
        (Finished, {"part": {"count": 103}}, {"/part/count": "must be even"}),
        (list[Finished], [{"part": {"count": 102}}], {"/0": "is too much"}),
        (Named, [{"count": 1}, {"count": 3}], {"/0/count": "must be even", "/1/count": ""}),
        (Typed, {"part": {"count": 1}}, {"/part/count": "must be even"}),
        (Cat | Dog, {"kind": "cat", "lives": 1}, {"/lives": "must be even"}),
        (Part | int, {"count": 1}, {"/count": "must be even"}),
        (list[Part] | str, [{"count": 1}], {"/0/count": "must be even"}),
        (
            Everything,
            {
                "parts": [{"count": 1}, {"count": "x", "theSize": 3}],
                "span": {"start": 3, "end": 2},
                "by_name": {"k": {"a": -1}, "j": {"a": 1}},
                "pair": [{"count": 3}, {"a": -1}],
                "pet": {"kind": "cat", "lives": 3},
                "price": "6",
                "note": "long",
            },
            {
                "/parts/0/count": "must be even",
                "/parts/1/count": "expected integer",
                "/parts/1/theSize": "must be even",
                "/span/end": "ends before",
                "/by_name/k": "a is negative",
                "/pair/0/count": "must be even",
                "/pair/1": "a is below zero",
                "/pet/lives": "must be even",
                "/price": "must be <= 5",
                "/note": "at most 3",
            },
        ),
    ],
    ids=str,
)
def test_every_error_is_listed_at_its_member(
    type_: Any, value: object, errors: dict[str, str]
) -> None:
    found = errors_of(type_, value)
    assert [pointer for pointer, _ in found] == list(errors)
    for pointer, message in found:
        assert errors[pointer] in message


@given(st.lists(st.integers(-3, 3) | st.just("x"), max_size=6))
def test_each_invalid_item_has_one_error(counts: list[object]) -> None:
    invalid = [
        f"/{index}/count"
        for index, each in enumerate(counts)
        if isinstance(each, str) or each % 2  # type: ignore[operator]
    ]
    value = [{"count": each} for each in counts]
    if invalid:
        assert [pointer for pointer, _ in errors_of(list[Part], value)] == invalid


def test_an_error_of_the_application_is_not_an_error_of_the_value() -> None:
    @attrs.frozen
    class Broken:
        a: int = attrs.field(validator=lambda *_: dict[str, int]()["no"])

    builder = SchemaBuilder()
    decoder = JsonDecoder(Broken, schema=builder.schema(Broken), components=builder.components)
    with pytest.raises(KeyError):
        decoder.decode(b'{"a": 1}')


def test_many_invalid_items_are_listed_up_to_the_limit() -> None:
    assert len(errors_of(list[Part], [{"count": 1}] * 5_000)) == 100
