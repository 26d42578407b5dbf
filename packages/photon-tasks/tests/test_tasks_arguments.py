"""The arguments of tasks: what can be sent, and how it comes back."""

from __future__ import annotations

import datetime
import json
import socket
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.annotations import ClassRules, Param, rename, using_class_rules
from photon_openapi.errors import ValidationError
from photon_tasks import ArgumentsError, Job, TaskDefinitionError, provided, task
from photon_tasks._arguments import read_call_signature


@attrs.frozen
class Item:
    """An item of an order."""

    name: str
    price: float = 1.0


@task
def order(
    number: int,
    items: list[Item],
    /,
    due: datetime.datetime | None = None,
    *,
    tags: set[str] | None = None,
    job: Job = provided,
) -> Item:
    """Order items."""
    return items[number]


LIMIT = 10_000


@given(
    st.integers(-(2**60), 2**60),
    st.lists(st.builds(Item, st.text(), st.floats(allow_nan=False, allow_infinity=False))),
    st.none() | st.datetimes(timezones=st.just(datetime.UTC)),
    st.none() | st.sets(st.text()),
)
def test_arguments_come_back_as_they_were(
    number: int, items: list[Item], due: datetime.datetime | None, tags: set[str] | None
) -> None:
    text = order.signature.encode([number, items, due], {"tags": tags}, limit=10**6)
    assert order.signature.decode(text) == {
        "number": number,
        "items": items,
        "due": due,
        "tags": tags,
    }


def test_a_job_passes_by_position_what_cannot_be_passed_by_name() -> None:
    items = [Item("a"), Item("b")]
    arguments = order.signature.decode(order.signature.encode([1, items], {}, limit=LIMIT))
    assert order.signature.call({**arguments, "job": None}) == items[1]


def test_only_what_was_passed_is_sent() -> None:
    assert order.signature.encode([1, [Item("a")]], {}, limit=LIMIT) == (
        '{"number":1,"items":[{"name":"a","price":1.0}]}'
    )


@pytest.mark.parametrize("number", ["1", 1.5, True, None, float("nan")])
def test_a_value_of_another_type_is_refused_where_it_is_passed(number: object) -> None:
    with pytest.raises(ArgumentsError, match="these arguments: number: "):
        order.signature.encode([number, []], {}, limit=LIMIT)


def test_missing_and_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="lacks items"):
        order.signature.encode([1], {}, limit=LIMIT)
    with pytest.raises(TypeError, match="other"):
        order.signature.encode([1, []], {"other": 1}, limit=LIMIT)
    with pytest.raises(TypeError):
        order.signature.encode([1, []], {"job": None}, limit=LIMIT)


def test_large_arguments_are_refused() -> None:
    with pytest.raises(ArgumentsError, match="max_arguments = 20"):
        order.signature.encode([1, [Item("a" * 20)]], {}, limit=20)


@task
def keep(value: dict[str, Any]) -> None: ...


def test_deep_arguments_are_refused() -> None:
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {"inner": value}
    with pytest.raises(ArgumentsError, match="recursion"):
        keep.signature.encode([value], {}, limit=LIMIT)


@pytest.mark.parametrize(
    "text", ['{"number":1}', '{"number":1,"items":[],"left":2}', '{"number":"1","items":[]}', "[]"]
)
def test_arguments_that_no_longer_fit_are_errors(text: str) -> None:
    with pytest.raises(ValidationError):
        order.signature.decode(text)


class Handle:
    """A class without a form in JSON."""


def takes_socket(sock: socket.socket) -> None: ...
def takes_callable(call: Callable[[], int]) -> None: ...
def takes_iterator(items: Iterator[int]) -> None: ...
def takes_handles(handles: list[Handle]) -> None: ...
def takes_complex(number: complex) -> None: ...
def takes_anything(*args: int) -> None: ...
def takes_names(**kwargs: int) -> None: ...
def returns_handle() -> Handle: ...  # type: ignore[empty-body]
def lacks_annotation(number) -> None: ...  # type: ignore[no-untyped-def]
async def is_coroutine() -> None: ...
def is_generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    "function",
    [
        takes_socket,
        takes_callable,
        takes_iterator,
        takes_handles,
        takes_complex,
        takes_anything,
        takes_names,
        returns_handle,
        lacks_annotation,
        is_coroutine,
        is_generator,
    ],
)
def test_a_function_that_cannot_be_a_task_is_refused_with_its_line(
    function: Callable[..., object],
) -> None:
    with pytest.raises(TaskDefinitionError, match=r"test_tasks_arguments\.py:\d+"):
        task(function)


def test_results_are_of_the_annotated_type() -> None:
    signature = order.signature
    assert signature.encode_result(Item("a"), limit=LIMIT) == '{"name":"a","price":1.0}'
    assert signature.decode_result('{"name":"a","price":2}') == Item("a", 2.0)
    with pytest.raises(TypeError):
        signature.encode_result(5, limit=LIMIT)
    with pytest.raises(ValueError, match="max_result"):
        signature.encode_result(Item("a" * 100), limit=50)


def test_the_function_can_be_called() -> None:
    assert order(0, [Item("a")]) == Item("a")
    assert vars(order)["__name__"] == "order"
    assert order.__doc__ == "Order items."


def test_names() -> None:
    assert order.name == f"{__name__}.order"

    @task(name="shop.order")
    def renamed() -> None: ...

    assert renamed.name == "shop.order"


def test_a_task_of_a_task_is_refused() -> None:
    with pytest.raises(TaskDefinitionError, match="is a task already: write @task once, and below"):
        task(order)


def test_a_value_that_was_not_provided_says_what_provides_it() -> None:
    with pytest.raises(AttributeError, match="filled in when a job or `photon task` runs"):
        provided.progress(1)
    assert not hasattr(provided, "progress")


@rename("camel")
@attrs.frozen
class Parcel:
    zip_code: str
    size_of: Annotated[int, Param(name="size")] = 1


@attrs.frozen
class Plain:
    zip_code: str


def test_members_have_the_names_of_their_classes_and_not_those_of_an_application() -> None:
    def send(parcel: Parcel, plain: Plain) -> Parcel:
        return parcel

    parcel, plain = Parcel("12345", 2), Plain("6")
    with using_class_rules(ClassRules("kebab", closed=True)):
        signature = read_call_signature(send, is_provided=lambda _: False)
    text = signature.encode([parcel, plain], {}, limit=None)
    assert json.loads(text) == {
        "parcel": {"zipCode": "12345", "size": 2},
        "plain": {"zip_code": "6"},
    }
    assert signature.decode(text) == {"parcel": parcel, "plain": plain}
    result = signature.encode_result(parcel, limit=1000)
    assert result is not None
    assert json.loads(result) == {"zipCode": "12345", "size": 2}
    assert signature.decode_result(result) == parcel
