"""A callable is refused if its role calls it with other arguments."""

import functools
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from photon_runtime.errors import SignatureError
from photon_runtime.signatures import require_call, require_instance, takes


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def two(a: Any, b: Any) -> None: ...


class Caller:
    def __call__(self, a: Any, b: Any, c: int = 1) -> None: ...

    def method(self, a: Any, b: Any) -> None: ...

    @classmethod
    def of_class(cls, a: Any, b: Any) -> None: ...


ACCEPTED: list[Any] = [
    two,
    lambda *args: None,
    lambda a, b=1, *, c=2: None,
    lambda a=0, b=1, c=2, **rest: None,
    lambda a, b, /: None,
    Caller(),
    Caller().method,
    Caller.of_class,
    wrapped(two),
    wrapped(Caller().method),
    functools.partial(lambda x, a, b: None, 0),
    functools.partial(lambda a, b, *, x: None, x=0),
    functools.lru_cache(two),
    Mock(),
    isinstance,
    min,
    dict,  # its signature is unknown
]
REFUSED: list[tuple[Any, str]] = [
    (lambda: None, r"takes \(\), but a hook is called with \(a, b\): write `def"),
    (lambda a: None, r"takes \(a\)"),
    (lambda a, b, c: None, r"takes \(a, b, c\)"),
    (lambda a, *, b: None, r"takes \(a, b\)"),
    (lambda a, b, *, c: None, r"takes \(a, b, c\)"),
    (lambda **names: None, r"takes \(\*\*names\)"),
    (Caller.method, r"takes \(self, a, b\)"),
    (wrapped(lambda a: None), r"takes \(a\)"),
    (functools.partial(two, 1), r"takes \(b\)"),
    (len, "takes"),
]


@pytest.mark.parametrize("function", ACCEPTED, ids=range(len(ACCEPTED)))
def test_a_callable_that_takes_the_arguments_is_accepted(function: Callable[..., object]) -> None:
    require_call(function, "a hook", "a", "b")
    assert takes(function, 2)


@pytest.mark.parametrize(("function", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_callable_that_takes_others_is_refused(
    function: Callable[..., object], message: str
) -> None:
    with pytest.raises(SignatureError, match=message):
        require_call(function, "a hook", "a", "b")


def test_a_role_without_arguments_is_named() -> None:
    with pytest.raises(SignatureError, match=r"called with no arguments: write `def two\(\)`"):
        require_call(two, "a hook")
    assert not takes(two, 3)


def test_a_class_is_refused_where_an_instance_is_meant() -> None:
    require_instance(Caller(), "a hook", "add({})")
    with pytest.raises(SignatureError, match=r"Caller is a class: write `add\(Caller\(\.\.\.\)\)`"):
        require_instance(Caller, "a hook", "add({})")
