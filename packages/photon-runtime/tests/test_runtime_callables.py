"""What the call of a callable returns is determined before the call, for all kinds of callables."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import itertools
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest

from photon_runtime import blocking, offload, run, scope, spawn
from photon_runtime.callables import (
    CallableKind,
    is_unrun,
    kind_of,
    location,
    require_context_manager,
    require_function,
    require_value,
)
from photon_runtime.errors import SignatureError


async def coroutine(*args: object) -> None: ...


def generator(*args: object) -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


@contextlib.contextmanager
def manager() -> Iterator[int]:
    yield 1


@contextlib.asynccontextmanager
async def async_manager() -> AsyncIterator[int]:
    yield 1


@types.coroutine
def generator_based() -> Iterator[int]:
    yield 1


def plain(*args: object) -> int:
    return 1


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: object) -> Any:
        return function(*args)

    return wrapper


class Coroutine:
    async def __call__(self) -> None: ...


class StaticCoroutine:
    @staticmethod
    async def __call__() -> None: ...


class AsyncNew:
    async def __new__(cls) -> None: ...  # type: ignore[misc]


class AsyncMeta(type):
    async def __call__(cls) -> None: ...


class MadeByMeta(metaclass=AsyncMeta): ...


class Methods:
    async def wait(self, x: int) -> None: ...

    waiting = functools.partialmethod(wait, 1)

    @classmethod
    async def of_class(cls) -> None: ...

    @staticmethod
    def static_generator() -> Iterator[int]:
        yield 1

    def simple(self) -> int:
        return 1


class CallableAttribute:
    __call__ = Coroutine()


class PartialCall:
    __call__ = functools.partialmethod(Methods.wait, 1)


class Generator:
    def __call__(self) -> Iterator[int]:
        yield 1


class Plain:
    def __call__(self) -> int:
        return 1


ASYNC: dict[str, Any] = {
    "coroutine function": coroutine,
    "async generator function": async_generator,
    "asynccontextmanager": async_manager,
    "types.coroutine": generator_based,
    "wrapped": decorated(coroutine),
    "wrapped twice": decorated(decorated(coroutine)),
    "wrapped manager": decorated(async_manager),
    "partial": functools.partial(coroutine, 1),
    "partial of a wrapper": functools.partial(decorated(coroutine), 1),
    "lru_cache": functools.lru_cache(coroutine),
    "singledispatch": functools.singledispatch(coroutine),
    "object": Coroutine(),
    "object with a static call": StaticCoroutine(),
    "object with a callable call": CallableAttribute(),
    "object with a partial call": PartialCall(),
    "class by its __new__": AsyncNew,
    "class by its metaclass": MadeByMeta,
    "method": Methods().wait,
    "partial method": Methods().waiting,
    "unbound partial method": Methods.waiting,
    "class method": Methods.of_class,
    "method of an object": types.MethodType(Coroutine(), 1),
    "mock": AsyncMock(),
}


@pytest.mark.parametrize("name", ASYNC)
def test_what_is_asynchronous_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(SignatureError, match="is an async function") as refused:
        kind_of(ASYNC[name])
    if name != "mock":
        assert __file__ in str(refused.value)


@pytest.mark.skipif(not hasattr(inspect, "markcoroutinefunction"), reason="new in Python 3.12")
def test_a_function_that_is_marked_as_a_coroutine_function_is_refused() -> None:
    marked = getattr(inspect, "markcoroutinefunction")(lambda: None)  # noqa: B009 - not in 3.11
    with pytest.raises(SignatureError):
        kind_of(marked)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (plain, CallableKind.VALUE),
        (lambda: 1, CallableKind.VALUE),
        (Plain(), CallableKind.VALUE),
        (Plain, CallableKind.VALUE),
        (int, CallableKind.VALUE),
        (len, CallableKind.VALUE),
        ({}.get, CallableKind.VALUE),
        (Methods().simple, CallableKind.VALUE),
        (decorated(plain), CallableKind.VALUE),
        (Mock(), CallableKind.VALUE),
        (MagicMock(), CallableKind.VALUE),
        (generator, CallableKind.GENERATOR),
        (Generator(), CallableKind.GENERATOR),
        (functools.partial(generator, 1), CallableKind.GENERATOR),
        (Methods.static_generator, CallableKind.GENERATOR),
        (vars(Methods)["static_generator"], CallableKind.GENERATOR),
        (manager, CallableKind.CONTEXT_MANAGER),
        (functools.partial(manager), CallableKind.CONTEXT_MANAGER),
        (decorated(generator), CallableKind.WRAPS_GENERATOR),
        (decorated(manager), CallableKind.WRAPS_GENERATOR),
        (functools.lru_cache(generator), CallableKind.WRAPS_GENERATOR),
    ],
    ids=itertools.count(),
)
def test_kinds(function: Callable[..., object], kind: CallableKind) -> None:
    assert kind_of(function) is kind


def test_only_functions_that_return_a_value_pass() -> None:
    require_function(plain, "a check")
    refused: list[Any] = [generator, manager, decorated(generator), None, 7]
    for function in refused:
        with pytest.raises(SignatureError, match="a check"):
            require_function(function, "a check")


def test_a_lifespan_is_decorated() -> None:
    require_context_manager(manager, "lifespan")
    require_context_manager(decorated(manager), "lifespan")
    with pytest.raises(SignatureError, match="Decorate it with"):
        require_context_manager(generator, "lifespan")


def test_objects_whose_body_has_not_run_are_no_values() -> None:
    loop = asyncio.new_event_loop()
    made: list[Any] = [coroutine(), generator(), async_generator(), manager(), async_manager()]
    for result in [*made, loop.create_future()]:
        assert is_unrun(result)
        with pytest.raises(TypeError, match="its body has not run"):
            require_value(result, plain)
    loop.close()


def test_other_context_managers_are_values_but_no_verdicts() -> None:
    value = contextlib.nullcontext(1)
    assert require_value(value, plain) is value
    with pytest.raises(TypeError):
        require_value(value, plain, is_decision=True)
    assert require_value(False, plain, is_decision=True) is False


def test_a_place_is_that_of_what_a_decorator_wraps() -> None:
    line = plain.__code__.co_firstlineno
    assert location(functools.partial(decorated(plain))) == f"plain ({__file__}:{line})"
    assert (
        location(Plain()) == f"Plain.__call__ ({__file__}:{Plain.__call__.__code__.co_firstlineno})"
    )
    assert location(len) == "len"


@pytest.mark.parametrize("function", [coroutine, generator, async_generator])
def test_tasks_are_functions(function: Callable[..., Any]) -> None:
    def in_a_scope() -> None:
        with pytest.RaisesGroup(SignatureError), scope() as tasks:
            tasks.spawn(function)
        raise SignatureError(function.__name__)

    for begin in (
        lambda: run(function),
        lambda: run(spawn, function),
        lambda: run(in_a_scope),
        lambda: run(offload, function),
        lambda: blocking(function),
    ):
        with pytest.raises(SignatureError, match=function.__name__):
            begin()


def test_a_task_that_returns_a_coroutine_has_failed() -> None:
    late: Callable[[], object] = lambda: coroutine()  # noqa: E731
    with pytest.raises(TypeError, match="coroutine"):
        run(late)
    with pytest.raises(TypeError, match="coroutine"):
        run(lambda: spawn(late).result())
