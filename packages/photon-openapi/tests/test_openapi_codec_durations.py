"""Durations as text, in JSON."""

import dataclasses
import datetime
from typing import Any, NamedTuple, TypedDict

import attrs
import msgspec
import pytest

from photon_openapi.codec._json import JsonDecoder, SchemaDecoder
from photon_openapi.errors import ValidationError
from photon_openapi.schema._schema import SchemaBuilder

CALENDAR = "weeks, months and years are not read: give days"
days = datetime.timedelta


@attrs.frozen
class Lease:
    span: datetime.timedelta
    number: int = 1


@dataclasses.dataclass
class Data:
    span: datetime.timedelta | None = None


class Typed(TypedDict):
    span: datetime.timedelta


class Struct(msgspec.Struct):
    span: datetime.timedelta


class Tuple(NamedTuple):
    span: datetime.timedelta


@attrs.frozen
class Private:
    span: datetime.timedelta
    _seen: int = 0


def bodies_of(type_: Any) -> list[JsonDecoder | SchemaDecoder]:
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    return [
        JsonDecoder(type_, schema=schema, components=builder.components),
        SchemaDecoder(schema, components=builder.components, type_=type_),
    ]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Lease, '{"span":"P14D"}', Lease(days(14))),
        (Lease, '{"span":"P14D","number":1.0}', Lease(days(14))),
        (Lease, '{"span":"P1D"}', Lease(days(1))),
        (Data, '{"span":"P14D"}', Data(days(14))),
        (Data, '{"span":null}', Data()),
        (Typed, '{"span":"P14D"}', {"span": days(14)}),
        (Struct, '{"span":"P14D"}', Struct(days(14))),
        (Tuple, '["P14D"]', Tuple(days(14))),
        (Private, '{"span":"P14D"}', Private(days(14))),
        (list[datetime.timedelta], '["P14D","PT1S"]', [days(14), days(seconds=1)]),
        (dict[datetime.timedelta, int], '{"P7D":1}', {days(7): 1}),
    ],
)
def test_a_body_takes_durations_on_every_road(type_: Any, text: str, value: object) -> None:
    for body in bodies_of(type_):
        assert body.decode(text.encode()) == value


def test_a_body_says_why_months_are_refused_beside_all_other_errors() -> None:
    exact, of_document = bodies_of(Lease)
    for text in (b'{"span":"P1M"}', b'{"span":"P1W"}'):
        for body in (exact, of_document):
            with pytest.raises(ValidationError) as refused:
                body.decode(text)
            [error] = refused.value.errors
            assert error.pointer == "/span"
            # The schema of the document admits it, the type does not: msgspec says why.
            assert (error.message == CALENDAR) is (body is exact)
    with pytest.raises(ValidationError) as refused:
        bodies_of(Lease)[0].decode(b'{"span":"P1M","number":"1"}')
    assert [detail.pointer for detail in refused.value.errors] == ["/span", "/number"]


def test_a_type_with_durations_still_takes_the_shortest_road() -> None:
    body = bodies_of(Lease)[0]
    assert isinstance(body, JsonDecoder)
    assert body.strategy == "direct"
