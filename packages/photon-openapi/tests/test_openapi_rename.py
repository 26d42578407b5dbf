"""Names on the wire: `rename`, the names of libraries, and the rules of an application."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import msgspec
import pytest

from photon_openapi.annotations import ClassRules, Param, rename, renamed, using_class_rules
from photon_openapi.schema import members_of
from photon_runtime.errors import SignatureError


@rename("camel")
@attrs.frozen
class Attrs:
    tag_list: list[str]
    own_name: Annotated[int, Param(name="own")]
    by_alias: int = attrs.field(alias="aliased")
    _hidden_one: int = 0


@rename("camel")
@dataclasses.dataclass
class Data:
    tag_list: list[str]
    own_name: Annotated[int, Param(name="own")]


@rename("camel")
class Typed(TypedDict, total=False):
    tag_list: list[str]
    own_name: Annotated[int, Param(name="own")]


@rename("camel")
class Named(NamedTuple):
    tag_list: list[str]
    own_name: Annotated[int, Param(name="own")]


@rename("camel")
class Struct(msgspec.Struct):
    tag_list: list[str]
    own_name: Annotated[int, Param(name="own")]


class ByMsgspec(msgspec.Struct, rename="kebab"):
    tag_list: list[str]
    own_name: int = msgspec.field(name="own")


class Inherits(Attrs):
    pass


@attrs.frozen
class Plain:
    tag_list: list[str]
    class_: int


def names_of(cls: Any) -> list[str]:
    members = members_of(cls)
    assert members is not None
    return [member.wire_name for member in members if not member.is_private]


@pytest.mark.parametrize(
    ("rule", "name", "wire"),
    [
        ("camel", "tag_list", "tagList"),
        ("camel", "a", "a"),
        ("camel", "class_", "class"),
        ("camel", "line_2_text", "line2Text"),
        ("camel", "html_URL", "htmlURL"),
        ("pascal", "tag_list", "TagList"),
        ("kebab", "tag_list", "tag-list"),
        ("lower", "tag_list", "taglist"),
        ("upper", "tag_list", "TAG_LIST"),
        (str.swapcase, "tag_list", "TAG_LIST"),
    ],
)
def test_rules_make_names(rule: Any, name: str, wire: str) -> None:
    assert renamed(name, rule) == wire


@pytest.mark.parametrize("cls", [Data, Typed, Named, Struct])
def test_a_class_has_its_rule_and_members_their_own_names(cls: Any) -> None:
    assert names_of(cls) == ["tagList", "own"]


def test_an_alias_is_a_name_and_a_private_member_has_none() -> None:
    assert names_of(Attrs) == ["tagList", "own", "aliased"]
    assert names_of(Inherits) == ["tagList", "own", "aliased"]


def test_a_struct_has_the_names_of_msgspec() -> None:
    assert names_of(ByMsgspec) == ["tag-list", "own"]
    assert not any(member.is_renamed for member in members_of(ByMsgspec) or ())


def test_the_rules_of_an_application_are_those_of_classes_without_their_own() -> None:
    assert names_of(Plain) == ["tag_list", "class_"]
    with using_class_rules(ClassRules("kebab")):
        assert names_of(Plain) == ["tag-list", "class"]
        assert names_of(Attrs) == ["tagList", "own", "aliased"]
    with using_class_rules(ClassRules("kebab", names={Plain: {"tag_list": "tags"}})):
        assert names_of(Plain) == ["tags", "class"]
    assert names_of(Plain) == ["tag_list", "class_"]


def test_two_members_with_one_name_are_refused() -> None:
    @rename("camel")
    @attrs.frozen
    class Twins:
        page_no: int
        pageNo: int  # noqa: N815

    with pytest.raises(TypeError, match=r"Twins\.pageNo and .*Twins\.page_no have one name"):
        members_of(Twins)


def test_a_private_member_with_a_name_is_refused() -> None:
    @attrs.frozen
    class Secret:
        _id: Annotated[int, Param(name="id")] = 0

    with pytest.raises(TypeError, match=r"Secret\._id is private"):
        members_of(Secret)


@pytest.mark.parametrize("rule", ["snake", 3, str, None])
def test_what_is_not_a_rule_is_refused(rule: Any) -> None:
    with pytest.raises(SignatureError, match="'camel'"):
        rename(rule)


@pytest.mark.parametrize("rule", [lambda name: "", lambda name: None], ids=["empty", "none"])
def test_a_function_that_makes_no_name_is_refused(rule: Callable[[str], str]) -> None:
    with pytest.raises(TypeError, match="not a name"):
        renamed("tag_list", rule)
