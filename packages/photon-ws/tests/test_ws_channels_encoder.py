import json
from typing import Any, Literal, Never

import attrs
import pytest
from pydantic import BaseModel, ConfigDict, computed_field

from photon_openapi.annotations import Param
from photon_ws.channels._encoder import MessageEncoder
from photon_ws.channels._message_types import message_types, tag_of_class
from photon_ws.errors import InvalidMessage


@attrs.frozen
class Said:
    text: str
    kind: Literal["said"] = "said"


@attrs.frozen
class Whispered(Said):
    secret: str = "hush"


@attrs.frozen
class Left:
    user: str
    kind: Literal["left"] = "left"
    _private: int = 0


class Row:
    def __init__(self) -> None:
        self.user, self.kind, self.password = "ada", "left", "hush"


def encoder(type_: Any) -> MessageEncoder:
    return MessageEncoder(message_types(type_))


@pytest.mark.parametrize("is_checked", [True, False])
@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (Said, Said("hello"), '{"text":"hello","kind":"said"}'),
        (Said, Whispered("hello"), '{"text":"hello","kind":"said"}'),
        (Said | Left, Whispered("hello"), '{"text":"hello","kind":"said"}'),
        (Said | Left, Left("ada"), '{"user":"ada","kind":"left"}'),
        (Left, Row(), '{"user":"ada","kind":"left"}'),
        (Said | int, 3, "3"),
        (list[Said], [Whispered("x")], '[{"text":"x","kind":"said"}]'),
        (str | None, None, "null"),
        (Any, {"a": [1]}, '{"a":[1]}'),
    ],
    ids=str,
)
def test_messages_have_the_members_of_the_annotation_and_no_others(
    type_: Any, value: object, text: str, is_checked: bool
) -> None:
    message = encoder(type_).encode(value, is_checked=is_checked)
    assert json.loads(message) == json.loads(text)


@pytest.mark.parametrize("value", [Left("ada"), object(), "text", None], ids=repr)
def test_values_of_other_types_are_refused_also_in_production(value: object) -> None:
    with pytest.raises(TypeError, match=r"send\(\) takes Said, not"):
        encoder(Said).encode(value, is_checked=False)


def test_a_channel_may_send_nothing() -> None:
    with pytest.raises(TypeError, match="sends no messages"):
        encoder(Never).encode(None, is_checked=False)


def test_checked_messages_must_match_their_schema() -> None:
    @attrs.frozen
    class Limited:
        level: int = attrs.field(metadata={})
        name: str = ""
        rate: Any = None

    Limited.__annotations__["level"] = "int"
    wrong = Limited("high")  # type: ignore[arg-type]
    assert encoder(Limited).encode(wrong, is_checked=False).startswith('{"level":"high"')
    with pytest.raises(InvalidMessage, match="/level: expected integer, got string") as refused:
        encoder(Limited).encode(wrong, is_checked=True)
    assert [each.pointer for each in refused.value.errors] == ["/level"]


def test_constraints_of_the_annotation_are_checked() -> None:
    from typing import Annotated

    positive = encoder(Annotated[int, Param(ge=1)])
    assert positive.encode(1, is_checked=True) == "1"
    with pytest.raises(InvalidMessage, match="the message: must be >= 1"):
        positive.encode(0, is_checked=True)


class SaidByPydantic(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["said"] = "said"
    text: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        return len(self.text)


class LeftByPydantic(BaseModel):
    kind: Literal["left"] = "left"


def test_models_of_pydantic_are_sent_in_the_form_that_they_have_there() -> None:
    messages = encoder(SaidByPydantic | LeftByPydantic)
    text = messages.encode(SaidByPydantic(text="hello"), is_checked=True)
    assert json.loads(text) == {"kind": "said", "text": "hello", "length": 5}
    assert messages.encode(LeftByPydantic(), is_checked=True) == '{"kind":"left"}'
    assert tag_of_class(LeftByPydantic) == "kind"
