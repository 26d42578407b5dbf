import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest

from photon_openapi.annotations._annotation import strip_alias, union_members
from photon_openapi.annotations._param import Param
from photon_router import Application, SignatureError
from photon_router.annotations._types import (
    Body,
    Cookie,
    Form,
    Header,
    In,
    Json,
    Path,
    Query,
    split_annotation,
)


@pytest.mark.parametrize(
    ("annotation", "marker"),
    [
        (Path[int], In("path")),
        (Query[int], In("query")),
        (Header[int], In("header")),
        (Cookie[int], In("cookie")),
        (Json[int], In("body", "json")),
        (Form[int], In("body", "form")),
        (Body[int], In("body", "raw")),
    ],
)
def test_a_marker_is_found_and_the_type_is_left_plain(annotation: Any, marker: In) -> None:
    split = split_annotation(annotation)
    assert (split.type, split.marker, split.param) == (int, marker, None)


def test_an_annotation_without_a_marker_has_none() -> None:
    assert split_annotation(list[int]).marker is None
    assert split_annotation(list[int]).annotated == list[int]


def test_constraints_are_found_outside_and_inside_of_the_marker() -> None:
    outside = split_annotation(Annotated[Query[int], Param(ge=1)])
    inside = split_annotation(Query[Annotated[int, Param(ge=1)]])
    assert outside == inside
    assert inside.param == Param(ge=1)


def test_constraints_of_several_params_are_merged_and_the_outer_one_wins() -> None:
    split = split_annotation(Annotated[Annotated[int, Param(ge=1, le=5)], Param(ge=2, name="n")])
    assert split.param == Param(ge=2, le=5, name="n")


def test_msgspec_meta_is_read_as_a_param() -> None:
    meta = msgspec.Meta(max_length=4, pattern="^a", description="d", examples=[3])
    split = split_annotation(Annotated[str, meta])
    assert split.param == Param(max_length=4, pattern="^a", description="d", example=3)


def test_a_marked_type_or_none_is_a_marked_optional() -> None:
    split = split_annotation(Query[Annotated[int, Param(ge=1)]] | None)
    assert split.type == int | None
    assert (split.marker, split.param) == (In("query"), Param(ge=1))


def test_a_described_type_or_none_is_a_described_optional() -> None:
    param = Param(name="n", style="deepObject")
    split = split_annotation(Annotated[dict[str, int], param] | None)
    assert (split.type, split.param) == (dict[str, int] | None, param)


def test_other_unions_are_left_alone() -> None:
    assert split_annotation(int | str | None).type == int | str | None
    assert split_annotation(int | None).marker is None


def test_other_metadata_is_kept() -> None:
    assert split_annotation(Annotated[Query[int], "hello"]).metadata == ("hello",)


def test_a_bare_marker_takes_anything() -> None:
    split = split_annotation(Query)
    assert (split.type, split.marker) == (Any, In("query"))
    assert split_annotation(Query | None).marker == In("query")


def test_two_places_for_one_value_are_refused() -> None:
    with pytest.raises(TypeError, match="Json and Query"):
        split_annotation(Query[Json[int]])


@pytest.mark.parametrize(
    "arguments",
    [
        {"ge": "1"},
        {"le": True},
        {"multiple_of": 0},
        {"min_length": -1},
        {"max_length": 1.5},
        {"min_length": 3, "max_length": 2},
    ],
)
def test_a_param_that_nothing_can_satisfy_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(SignatureError, match=r"^Param\("):
        Param(**arguments)


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda: Query(max_length=3), "Write Query[Annotated[..., Param(max_length=3)]], and ="),  # type: ignore[type-arg]
        (lambda: Query(None, ge=1, regex="^a"), "Query[Annotated[..., Param(ge=1, pattern='^a')]]"),  # type: ignore[type-arg]
        (lambda: Header(alias="X-A"), "Write Header[Annotated[..., Param(name='X-A')]]"),  # type: ignore[type-arg]
        (lambda: Path(), "Path is not called: it takes the type in brackets"),  # type: ignore[type-arg]
        (lambda: Body(embed=True), "Write Body[...] (Json[...] for JSON), and ="),  # type: ignore[type-arg]
    ],
)
def test_a_marker_that_is_called_says_what_to_write(
    call: Callable[[], object], advice: str
) -> None:
    with pytest.raises(SignatureError, match=re.escape(advice)):
        call()


def test_what_the_message_says_can_be_written() -> None:
    router = Application()

    @router.get("/")
    def read(q: Query[Annotated[str, Param(max_length=3)]] = "") -> str:
        return q

    [parameter] = router.document()["paths"]["/"]["get"]["parameters"]
    assert parameter["schema"] == {"type": "string", "maxLength": 3, "default": ""}


def test_a_param_that_only_describes_does_not_constrain() -> None:
    assert not Param(name="n", description="d", example=1, deprecated=True).is_constrained
    assert Param(multiple_of=2).is_constrained


def test_new_types_are_followed_and_unions_are_taken_apart() -> None:
    user_id = NewType("user_id", int)
    assert strip_alias(NewType("admin_id", user_id)) is int
    assert union_members(int | str) == (int, str)
    assert union_members(Literal[1]) is None
