from collections.abc import Callable, Iterator
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    Body,
    Depends,
    Form,
    Header,
    Json,
    Param,
    Path,
    Query,
    Response,
    SignatureError,
    UploadFile,
)


@attrs.frozen
class Item:
    name: str


def handler_of(annotation: Any, *default: Any) -> Callable[..., None]:
    def handler(value: Any) -> None: ...

    handler.__annotations__["value"] = annotation
    handler.__defaults__ = default or None
    return handler


@pytest.mark.parametrize(
    ("annotation", "default", "advice"),
    [
        (Response, (), "a handler returns a Response"),
        (Annotated[int, Query], (), r"write Query\[...\] in place of Annotated"),
        (Annotated[int, Param], (), r"write Annotated\[..., Param\(...\)\]"),
        (int, (Query,), r"write Query\[...\]"),
        (int, (Body[int],), r"write Body\[...\]"),
        (int, (Query[Annotated[int, Param(ge=1)]],), r"Query belongs in the annotation"),
        (int, (Depends,), r"write = Depends\(function\)"),
        (Depends, (), r"write = Depends\(function\)"),
        (Annotated[Item, Depends], (), r"Annotated\[..., Depends\(...\)\]"),
        (int, (Param(ge=1),), "Param belongs in the annotation"),
        (Path[int], (1,), "leave its default out"),
        (Query[UploadFile], (), "an UploadFile is a field of a form"),
        (Json[UploadFile], (), "an UploadFile is a field of a form"),
        (UploadFile | str, (), r"UploadFile, UploadFile \| None or list\[UploadFile\]"),
        (dict[str, UploadFile], (), r"list\[UploadFile\]"),
        (list[int], ([1],), r"default_factory=list"),
        (Query[set[int]], (set(),), r"default_factory=set"),
        (Json[dict[str, int]], ({},), r"default_factory=dict"),
        (Annotated[list[int], Param(default_factory=list)], (None,), "keep one"),
        (Query[Header[int]], (), "a value has one source, keep one"),
        (Body[Query[int]], (), "marked Query and Body: a value has one source"),
    ],
    ids=str,
)
def test_a_mistake_is_reported_when_the_handler_is_registered_with_place_and_advice(
    annotation: Any, default: tuple[Any, ...], advice: str
) -> None:
    with pytest.raises(SignatureError, match=advice) as caught:
        Application().post("/x")(handler_of(annotation, *default))
    assert f"{__file__}:" in str(caught.value)
    assert "argument value" in str(caught.value)


def test_markers_of_an_item_that_contradict_each_other_are_reported_at_start() -> None:
    application = Application()
    application.post("/x")(handler_of(Json[list[Query[Header[int]]]]))
    with pytest.raises(SignatureError, match="a value has one source, keep one") as caught:
        application.document()
    assert f"{__file__}:" in str(caught.value)


def test_a_marker_that_is_called_in_the_annotation_is_reported_with_the_place() -> None:
    scope: dict[str, Any] = {"Annotated": Annotated, "Query": Query}
    code = "from __future__ import annotations\ndef f(q: Annotated[str, Query(ge=1)]) -> None: ..."
    exec(compile(code, "shop.py", "exec"), scope)
    with pytest.raises(
        SignatureError, match=r"shop\.py:2\).*Query\[Annotated\[\.\.\., Param\(ge=1"
    ):
        Application().get("/x")(scope["f"])


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        (lambda: Depends(), r"write Depends\(function\), or Depends\(Class\)"),  # type: ignore[call-overload]
        (lambda: Depends(3), "takes a function or a class, not 3"),  # type: ignore[call-overload]
        (lambda: Query[int, Param(ge=1)], r"write Query\[Annotated\[..., Param\(...\)\]\]"),  # type: ignore[misc]
    ],
)
def test_what_cannot_be_written_is_refused_at_once(
    wrong: Callable[[], object], advice: str
) -> None:
    with pytest.raises(SignatureError, match=advice):
        wrong()


def test_a_class_of_which_only_another_library_knows_the_members_is_no_body() -> None:
    class Order:
        def __init__(self, **values: object) -> None: ...

    router = Application()
    router.post("/x")(handler_of(Json[Order]))
    with pytest.raises(SignatureError, match=r"argument value: .*Order.* use an attrs class"):
        router.document()


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int, (1,)),
        (tuple[int, ...], ((1,),)),
        (frozenset[int], (frozenset(),)),
        (Annotated[list[int], Param(default_factory=list)], ()),
        (UploadFile | None, (None,)),
        (list[UploadFile], ()),
        (Form[Item], ()),
        (Body[Iterator[bytes]], ()),
    ],
    ids=str,
)
def test_what_is_no_mistake_is_taken(annotation: Any, default: tuple[Any, ...]) -> None:
    Application().post("/x")(handler_of(annotation, *default))


@pytest.mark.parametrize("method", ["GET", "HEAD", "TRACE"])
@pytest.mark.parametrize(
    "annotation", [UploadFile, Form[str], Json[Item], Item, Body[bytes]], ids=str
)
def test_a_method_without_body_gives_none(method: str, annotation: Any) -> None:
    router = Application()
    router.route("/x", method=method)(handler_of(annotation))
    with pytest.raises(SignatureError, match=f"{method} has no body") as caught:
        router.document()
    assert f"{__file__}:" in str(caught.value)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Json[Item], Json[Item]),
        (Json[Item], Form[str]),
        (Form[str], Body[bytes]),
        (UploadFile, Body[bytes]),
        (Body[bytes], Body[str]),
    ],
    ids=str,
)
def test_two_bodies_are_a_mistake(one: Any, two: Any) -> None:
    router = Application()

    def handler(one: Any, two: Any) -> None: ...

    handler.__annotations__ |= {"one": one, "two": two}
    router.post("/x")(handler)
    with pytest.raises(SignatureError, match=r"argument two: a request has one body.*'one' takes"):
        router.document()


def test_a_body_of_a_dependency_counts() -> None:
    router = Application()

    def provider(item: Json[Item]) -> Item:
        return item

    @router.post("/x")
    def handler(item: Annotated[Item, Depends(provider)], other: Json[Item]) -> None: ...

    with pytest.raises(SignatureError, match=r"argument other: a request has one body"):
        router.document()


def test_a_file_within_a_json_body_is_a_mistake() -> None:
    @attrs.frozen
    class Wrong:
        file: UploadFile

    router = Application()
    router.post("/x")(handler_of(Json[Wrong]))
    with pytest.raises(SignatureError, match=r"argument value: .*UploadFile.*no form in JSON"):
        router.document()
