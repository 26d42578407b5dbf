import collections
import functools
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    Cookie,
    Depends,
    Json,
    Param,
    Query,
    Request,
    Response,
    SignatureError,
    photon_route,
)
from photon_router.signatures._signature import MISSING, read_signature
from photon_runtime.callables import location


@attrs.frozen
class Item:
    name: str


def provide() -> int:
    return 1


# What is read


def test_arguments_are_read_in_order_with_defaults_and_kinds() -> None:
    def handler(a: int, b: str = "x", *, c: "float | None" = None) -> Item:
        raise NotImplementedError

    signature = read_signature(handler)
    assert [argument.name for argument in signature.arguments] == ["a", "b", "c"]
    assert [argument.default for argument in signature.arguments] == [MISSING, "x", None]
    assert [argument.is_required for argument in signature.arguments] == [True, False, False]
    assert [argument.is_keyword for argument in signature.arguments] == [False, False, True]
    assert signature.result is Item


def test_annotations_written_as_text_are_resolved() -> None:
    def handler(item: "Json[Item]", page: "Query[int]" = 1) -> "list[Item]":
        raise NotImplementedError

    signature = read_signature(handler)
    assert [argument.annotation.type for argument in signature.arguments] == [Item, int]
    assert signature.result == list[Item]


def test_a_function_without_annotations_is_read() -> None:
    def handler(a, b=2):  # type: ignore[no-untyped-def]  # that is what is tested
        raise NotImplementedError

    signature = read_signature(handler)
    assert signature.result is MISSING
    assert [argument.annotation.type for argument in signature.arguments] == [Any, Any]


def test_none_is_a_default_and_a_result_like_any_other() -> None:
    def handler(a: int | None = None) -> None: ...

    signature = read_signature(handler)
    assert signature.arguments[0].default is None
    assert signature.result is type(None)


def test_a_wire_name_is_what_the_annotation_says() -> None:
    def handler(a: Query[Annotated[int, Param(name="page-no")]], b: Query[int]) -> None: ...

    assert [argument.wire_name for argument in read_signature(handler).arguments] == [
        "page-no",
        None,
    ]


def test_the_request_is_recognised_by_its_type() -> None:
    def handler(anything: Request, request: str) -> None: ...

    assert [a.is_request for a in read_signature(handler).arguments] == [True, False]


def test_a_dependency_is_recognised_as_default_and_in_the_annotation() -> None:
    def handler(
        plain: int,
        noted: Annotated[int, Depends(provide)],
        given: int = Depends(provide),
    ) -> None: ...

    found = [argument.dependency for argument in read_signature(handler).arguments]
    assert found[0] is None
    assert [each.provider for each in found if each is not None] == [provide, provide]


class Provider:
    def __init__(self, page: int, *, size: int = 10) -> None: ...


class CallableProvider:
    def __call__(self, page: int) -> str:
        return str(page)

    def method(self, page: int) -> str:
        return str(page)


class Bare:
    pass


@pytest.mark.parametrize(
    ("function", "types"),
    [
        pytest.param(Provider, [int, int], id="class"),
        pytest.param(Item, [str], id="attrs class"),
        pytest.param(CallableProvider(), [int], id="object"),
        pytest.param(CallableProvider().method, [int], id="method"),
        pytest.param(Bare, [], id="bare class"),
    ],
)
def test_whatever_can_be_called_has_a_signature(
    function: Callable[..., object], types: list[type]
) -> None:
    arguments = read_signature(function).arguments
    assert [argument.annotation.type for argument in arguments] == types


def test_a_partial_function_keeps_the_annotations_of_what_is_left() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    [left] = read_signature(functools.partial(add, 1)).arguments
    assert (left.name, left.annotation.type) == ("b", int)


def test_a_wrapped_function_has_the_signature_of_the_inner_one() -> None:
    def inner(page: int) -> str:
        return str(page)

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> str:
        return inner(*args, **kwargs)

    [argument] = read_signature(outer).arguments
    assert (argument.name, argument.annotation.type) == ("page", int)


# What is refused


def place_of(function: Callable[..., object]) -> str:
    code = function.__code__
    return f"{function.__qualname__} ({code.co_filename}:{code.co_firstlineno})"


async def coroutine(item: int) -> None: ...


async def asynchronous_generator() -> typing.AsyncIterator[int]:
    yield 1


class AsyncCallable:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize("function", [coroutine, asynchronous_generator])
def test_an_async_function_is_refused_with_what_to_write_instead(
    function: Callable[..., object],
) -> None:
    with pytest.raises(SignatureError) as caught:
        read_signature(function)
    assert str(caught.value).startswith(place_of(function))
    assert "`def`" in str(caught.value)
    assert "without `await`" in str(caught.value)


def test_an_object_with_an_async_call_is_refused() -> None:
    with pytest.raises(SignatureError, match="is an async function"):
        read_signature(AsyncCallable())


@pytest.mark.parametrize(
    "register",
    [
        Application().get("/x"),
        Application().route("/x", method="POST"),
        Application(spec={"openapi": "3.1.0"}).operation("x"),
        photon_route(method="GET", path="/x"),
    ],
    ids=["get", "route", "operation", "photon_route"],
)
def test_an_async_handler_is_refused_where_it_is_declared(
    register: Callable[[Callable[..., object]], object],
) -> None:
    with pytest.raises(SignatureError, match="is an async function"):
        register(coroutine)


def test_an_async_dependency_is_refused() -> None:
    with pytest.raises(SignatureError, match=r"coroutine .* is an async function"):
        _ = Depends(coroutine)


def positional(*args: int) -> None: ...


def named(**kwargs: int) -> None: ...


@pytest.mark.parametrize(("function", "name"), [(positional, "*args"), (named, "**kwargs")])
def test_arguments_without_names_are_refused(function: Callable[..., object], name: str) -> None:
    with pytest.raises(SignatureError) as caught:
        Application().get("/x")(function)
    assert place_of(function) in str(caught.value)
    assert f"takes {name}:" in str(caught.value)


def annotated(annotation: object) -> Callable[..., object]:
    def handler(item: object) -> None: ...

    handler.__annotations__["item"] = annotation
    return handler


@pytest.mark.parametrize(
    "annotation", ["Missing", "list[Missing]", "collections.Missing", "not python ("]
)
def test_an_annotation_that_cannot_be_resolved_is_refused_with_the_place(annotation: str) -> None:
    assert not hasattr(collections, "Missing")
    handler = annotated(annotation)
    with pytest.raises(SignatureError) as caught:
        Application().get("/x")(handler)
    assert place_of(handler) in str(caught.value)


def test_an_unknown_name_is_reported_with_what_to_do() -> None:
    with pytest.raises(SignatureError, match="'Missing', which is not defined at module level"):
        read_signature(annotated("Missing"))


def test_two_markers_on_one_argument_are_refused_with_its_name() -> None:
    handler = annotated(Query[Cookie[int]])
    with pytest.raises(SignatureError) as caught:
        read_signature(handler)
    assert place_of(handler) in str(caught.value)
    assert "argument item" in str(caught.value)
    assert "Query and Cookie" in str(caught.value) or "Cookie and Query" in str(caught.value)


def test_a_response_as_argument_is_refused() -> None:
    with pytest.raises(SignatureError, match="argument item: a handler returns a Response"):
        read_signature(annotated(Response))


# Places


def test_a_place_is_name_file_and_line() -> None:
    assert location(provide) == place_of(provide)
    assert location(functools.wraps(provide)(lambda: 1)) == place_of(provide)


def test_a_place_of_what_has_no_line_is_its_name() -> None:
    assert location(Item).startswith("Item.__init__ (")
    assert location(len) == "len"


def generator() -> Iterator[int]:
    yield 1


def test_a_generator_function_is_a_plain_function() -> None:
    assert read_signature(generator).result == Iterator[int]
