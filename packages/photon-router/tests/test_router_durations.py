"""Durations as text, in bodies and parameters."""

import dataclasses
import datetime
from typing import Any, NamedTuple, TypedDict

import attrs
import msgspec
import pytest

from photon_openapi.errors import ValidationError
from photon_openapi.schema._schema import SchemaBuilder
from photon_router import Router
from photon_router.arguments._body import JsonBody, SchemaBody
from photon_runtime.testing import send_request

CALENDAR = "months and years have no fixed length: give days or weeks"
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


def bodies_of(type_: Any) -> list[JsonBody | SchemaBody]:
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    return [
        JsonBody(type_, schema=schema, components=builder.components),
        SchemaBody(schema, components=builder.components, type_=type_),
    ]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Lease, '{"span":"P2W"}', Lease(days(14))),
        (Lease, '{"span":"P2W","number":1.0}', Lease(days(14))),
        (Lease, '{"span":"P1D"}', Lease(days(1))),
        (Data, '{"span":"P2W"}', Data(days(14))),
        (Data, '{"span":null}', Data()),
        (Typed, '{"span":"P2W"}', {"span": days(14)}),
        (Struct, '{"span":"P2W"}', Struct(days(14))),
        (Tuple, '["P2W"]', Tuple(days(14))),
        (Private, '{"span":"P2W"}', Private(days(14))),
        (list[datetime.timedelta], '["P2W","PT1S"]', [days(14), days(seconds=1)]),
        (dict[datetime.timedelta, int], '{"P1W":1}', {days(7): 1}),
    ],
)
def test_a_body_takes_weeks_on_every_road(type_: Any, text: str, value: object) -> None:
    for body in bodies_of(type_):
        assert body.decode(text.encode()) == value


def test_a_body_says_why_months_are_refused_beside_all_other_faults() -> None:
    for body in bodies_of(Lease):
        with pytest.raises(ValidationError) as refused:
            body.decode(b'{"span":"P1M"}')
        assert [(fault.pointer, fault.message) for fault in refused.value.errors] == [
            ("/span", CALENDAR)
        ]
    with pytest.raises(ValidationError) as refused:
        bodies_of(Lease)[0].decode(b'{"span":"P1M","number":"1"}')
    assert [fault.pointer for fault in refused.value.errors] == ["/span", "/number"]


def test_a_type_with_durations_still_takes_the_shortest_road() -> None:
    body = bodies_of(Lease)[0]
    assert isinstance(body, JsonBody)
    assert body.road == "direct"


def test_a_parameter_takes_weeks_and_no_months() -> None:
    router = Router()

    @router.get("/")
    def read(span: datetime.timedelta) -> float:
        return span.total_seconds()

    assert send_request(router, "GET", "/?span=P1W").body == b"604800.0"
    refused = send_request(router, "GET", "/?span=P1M")
    assert refused.json()["errors"] == [{"in": "query", "name": "span", "message": CALENDAR}]
