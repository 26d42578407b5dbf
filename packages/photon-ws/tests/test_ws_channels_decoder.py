import json
from typing import Any, Literal, Never

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.errors import ValidationError
from photon_openapi.schema import SchemaBuilder, SchemaCheck
from photon_ws.channels._decoder import MessageDecoder
from photon_ws.channels._message_types import message_types


@attrs.frozen
class Say:
    text: str
    kind: Literal["say"] = "say"


@attrs.frozen
class Move:
    x: int
    y: int = 0
    kind: Literal["move", "jump"] = "move"


@attrs.frozen
class Node:
    children: "list[Node]" = attrs.field(factory=list)
    kind: Literal["node"] = "node"


COMMANDS = MessageDecoder(message_types(Say | Move | Node))
MIXED = MessageDecoder(message_types(Say | Move | list[int] | str | None))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"kind":"say","text":"hello"}', Say("hello")),
        (' {"text":"hello","kind":"say","more":[1]}', Say("hello")),
        ('{"kind":"jump","x":1.0}', Move(1, 0, "jump")),
        ('{"kind":"jump","kind":"move","x":1,"x":2}', Move(2)),
        ('{"kind":"node","children":[{"kind":"node"}]}', Node([Node()])),
    ],
)
def test_the_tag_chooses_the_class(text: str, value: object) -> None:
    assert COMMANDS.decode(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"kind":"say","text":"hello"}', Say("hello")),
        ("[1,2]", [1, 2]),
        ('"hello"', "hello"),
        ("null", None),
    ],
)
def test_other_values_are_told_apart_by_their_json_type(text: str, value: object) -> None:
    assert MIXED.decode(text) == value


REFUSED = [
    ('{"text":"hello"}', 422, "/kind", 'missing required member "kind"'),
    ('{"kind":"fly"}', 422, "/kind", 'must be one of "say", "move", "jump", "node"'),
    ('{"kind":1}', 422, "/kind", 'must be one of "say", "move", "jump", "node"'),
    ('{"kind":null}', 422, "/kind", 'must be one of "say", "move", "jump", "node"'),
    ('{"kind":"move","x":"1"}', 422, "/x", "expected integer, got string"),
    ('{"kind":"move","x":true}', 422, "/x", "expected integer, got boolean"),
    ("[]", 422, "", "expected object, got array"),
    ("1", 422, "", "expected object, got integer"),
    ('{"kind":"move","x":NaN}', 400, "", "is not valid JSON: invalid character"),
    ('{"kind":"move","x":1', 400, "", "is not valid JSON: it ends too early"),
    ("", 400, "", "is not valid JSON: it ends too early"),
    ("{'kind':'say'}", 400, "", "is not valid JSON"),
    ('{"kind":"say","text":"x"} {}', 400, "", "is not valid JSON"),
    ("[" * 300 + "]" * 300, 400, "", "is nested more than 200 levels deep"),
    (b"{}", 415, "", "must be text, not a binary message"),
]


@pytest.mark.parametrize(("message", "status", "pointer", "text"), REFUSED, ids=repr)
def test_invalid_messages_are_refused_with_their_errors(
    message: str | bytes, status: int, pointer: str, text: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        COMMANDS.decode(message)
    [error] = refused.value.errors
    assert (refused.value.status, error.pointer) == (status, pointer)
    assert error.message.startswith(text)


def test_every_error_is_listed_of_the_class_that_is_meant() -> None:
    with pytest.raises(ValidationError) as refused:
        COMMANDS.decode('{"kind":"move","x":"1","y":null,"text":3}')
    assert [each.pointer for each in refused.value.errors] == ["/x", "/y"]


def test_values_of_recursive_classes_have_a_limit_of_depth() -> None:
    deep = '{"kind":"node","children":[' * 150 + "]}" * 150
    with pytest.raises(ValidationError, match="nested more than 200 levels"):
        COMMANDS.decode(deep)


def test_a_channel_may_receive_nothing() -> None:
    with pytest.raises(ValidationError, match="this channel receives no messages"):
        MessageDecoder(message_types(Never)).decode("{}")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["say", "move", "jump", "fly", None, 1]),
        "text": VALUES,
        "x": VALUES,
        "y": VALUES,
    },
)


@given(OBJECTS | VALUES)
def test_a_message_is_accepted_if_and_only_if_it_matches_the_schema(value: Any) -> None:
    types = message_types(Say | Move)
    builder = SchemaBuilder()
    schema = builder.schema(types.type) | types.schema_extras
    check = SchemaCheck(schema, components=builder.components)
    try:
        MessageDecoder(types).decode(json.dumps(value))
    except ValidationError:
        assert not check.is_valid(value)
    else:
        assert check.is_valid(value)
