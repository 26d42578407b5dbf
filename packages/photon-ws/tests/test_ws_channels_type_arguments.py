from typing import Any, Generic, TypeVar

import pytest

from photon_ws.channels._type_arguments import type_arguments

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


class Socket(Generic[A, B]):
    pass


class Chat(Socket[int, str]):
    pass


class Quiet(Chat):
    pass


class Half(Socket[list[T], str], Generic[T]):
    pass


class Quarter(Half[bytes]):
    pass


class Bare(Socket):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize(
    ("annotation", "arguments"),
    [
        (Socket[int, str], (int, str)),
        (Chat, (int, str)),
        (Quiet, (int, str)),
        (Half[int], (list[int], str)),
        (Quarter, (list[bytes], str)),
        (Half[T], (list[T], str)),  # type: ignore[valid-type]
        (Socket, (A, B)),
        (Bare, (A, B)),
    ],
    ids=str,
)
def test_arguments_are_found_through_subclasses(annotation: Any, arguments: Any) -> None:
    assert type_arguments(annotation, Socket) == arguments
