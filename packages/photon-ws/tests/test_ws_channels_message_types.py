import dataclasses
import datetime
import enum
import re
from typing import Annotated, Any, Literal, Never, TypedDict

import attrs
import msgspec
import pytest

from photon_openapi.annotations import Param
from photon_ws.channels._message_types import message_types


@attrs.frozen
class Say:
    text: str
    kind: Literal["say"] = "say"


@dataclasses.dataclass
class Move:
    kind: Literal["move", "jump"]
    x: int


class Leave(msgspec.Struct):
    kind: Literal["leave"]


class Typed(TypedDict):
    kind: Literal["typed"]


@attrs.frozen
class Other:
    sort: Literal["other"] = "other"


@attrs.frozen
class Both:
    kind: Literal["both"] = "both"
    sort: Literal["both"] = "both"


@attrs.frozen
class Again:
    kind: Literal["say"] = "say"


@attrs.frozen
class Plain:
    text: str


class Color(enum.Enum):
    RED = "red"


class Sparse(msgspec.Struct, omit_defaults=True):
    kind: Literal["sparse"] = "sparse"


def test_classes_are_told_apart_by_a_tag() -> None:
    types = message_types(Say | Move | Leave | Typed)
    assert types.tag == "kind"
    assert types.by_tag == {
        "say": Say, "move": Move, "jump": Move, "leave": Leave, "typed": Typed,
    }  # fmt: skip
    assert types.schema_extras == {"required": ["kind"]}


def test_one_class_needs_no_tag() -> None:
    types = message_types(Plain)
    assert (types.tag, types.members) == (None, (Plain,))
    assert types.schema_extras == {}


def test_never_has_no_members() -> None:
    assert message_types(Never).members == ()


@pytest.mark.parametrize(
    "type_",
    [
        int | str,
        Plain | str | list[int] | None,
        Say | Move | str | bool,
        Literal["a"] | Literal["b"],
        Literal["a"] | Color,
        Literal[1] | Literal["1"],
        Annotated[int, Param(ge=1)] | str,
        (Say | Move) | Leave,
        Any,
    ],
    ids=str,
)
def test_unions_that_can_be_told_apart_are_accepted(type_: Any) -> None:
    assert message_types(type_).members


@pytest.mark.parametrize(
    ("type_", "first", "second"),
    [
        (Say | Plain, "Say", "Plain"),
        (Say | Again, "Say", "Again"),
        (Say | Other, "Say", "Other"),
        (Say | dict[str, int], "Say", "dict[str, int]"),
        (int | float, "int", "float"),
        (str | datetime.date, "str", "date"),
        (str | Literal["a"], "str", "Literal"),
        (Color | Literal["red"], "Color", "Literal"),
        (list[int] | list[str], "list[int]", "list[str]"),
        (Say | object, "Say", "object"),
    ],
    ids=str,
)
def test_unions_that_cannot_be_told_apart_are_refused(type_: Any, first: str, second: str) -> None:
    with pytest.raises(TypeError) as caught:
        message_types(type_)
    message = str(caught.value)
    assert re.search(rf"types .*{re.escape(first)}.* and .*{re.escape(second)}.* cannot", message)
    assert 'kind: Literal["text"]' in message


def test_all_classes_need_the_same_tag() -> None:
    with pytest.raises(TypeError, match="cannot be distinguished"):
        message_types(Say | Other | Both)


def test_a_class_that_leaves_out_its_tag_is_refused() -> None:
    with pytest.raises(TypeError, match="Sparse has omit_defaults"):
        message_types(Sparse | Say)
