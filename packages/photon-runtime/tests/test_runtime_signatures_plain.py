"""Plain functions are read as `inspect` and `typing` read them."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import pytest

from photon_runtime.errors import SignatureError
from photon_runtime.signatures import Parameter, read_callable

T = TypeVar("T")


class Box(Generic[T]):
    pass


def plain(a: int, b: str = "x", *, c: float, d: Box = Box()) -> None:  # type: ignore[type-arg]  # noqa: B008
    pass


def bare(a, b=1, /, c=2, *, d=3, e):  # type: ignore[no-untyped-def]
    pass


def generic(a: list[int], b: Box[int], c: int | None = None) -> Annotated[int, "x"]:
    return 0


def mixed(a: int, b: Any, c: object = None) -> type:
    return int


def none(a: None = None) -> None:
    pass


def rest_of(a: int, *b: int, **c: int) -> None:
    pass


def evaluated(a, b=None):  # type: ignore[no-untyped-def]
    pass


evaluated.__annotations__ = {"a": int, "b": typing.Optional["Box"], "return": "list[Box]"}


@functools.wraps(plain)
def wrapping(*args: Any, **kwargs: Any) -> None:
    pass


class Calling:
    def __call__(self, a: int) -> str:
        return str(a)

    def method(self, a: int = 0) -> str:
        return str(a)


CALLABLES: list[Callable[..., object]] = [
    *(plain, bare, generic, mixed, none, rest_of, evaluated, wrapping, Calling(), Calling().method),
    lambda a, b=2: (a, b),
    functools.partial(plain, 1),
]


@pytest.mark.parametrize("function", CALLABLES, ids=range(len(CALLABLES)))
def test_parameters_are_those_of_inspect(function: Callable[..., object]) -> None:
    expected = inspect.signature(function).parameters.values()
    found = [(each.name, each.default, each.kind) for each in read_callable(function).parameters]
    assert found == [(each.name, each.default, each.kind) for each in expected]


@pytest.mark.parametrize("function", CALLABLES[:7], ids=range(7))
def test_annotations_are_those_of_typing(function: Callable[..., object]) -> None:
    signature = read_callable(function)
    read = {each.name: each.annotation for each in signature.parameters}
    read["return"] = signature.result
    expected = typing.get_type_hints(function, include_extras=True)
    rest = {"b", "c"} if function is rest_of else set()
    assert read == {
        name: Parameter.empty if name in rest else expected.get(name, Parameter.empty)
        for name in read
    }


@pytest.mark.parametrize("text", ["Missing", "1 +", "int.missing", "Generic"])
def test_wrong_annotations_are_refused_as_before(text: str) -> None:
    def function(a: int) -> None:
        pass

    function.__annotations__ = {"a": text}
    with pytest.raises(SignatureError, match="argument a"):
        read_callable(function)


def test_a_name_that_is_defined_later_is_read_then() -> None:
    names: dict[str, Any] = {}
    exec("def function(a: 'Later') -> None: pass", names)
    with pytest.raises(SignatureError, match="Later"):
        read_callable(names["function"])
    names["Later"] = int
    assert read_callable(names["function"]).parameters[0].annotation is int
    names["Later"] = str  # the evaluation itself is not stored
    assert read_callable(names["function"]).parameters[0].annotation is str


def test_texts_in_the_classes_of_plain_functions_are_resolved_with_local_names() -> None:
    class Node:
        children: list[Node]

    Node.__annotations__["children"] = "list[Node]"
    later = Node

    def function(node: object) -> None: ...

    function.__annotations__ = {"node": later, "return": None}
    assert read_callable(function).parameters[0].annotation is Node
    assert Node.__annotations__ == {"children": list[Node]}
