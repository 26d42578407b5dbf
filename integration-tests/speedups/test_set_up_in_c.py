"""The C module is set up with the right classes, or refuses: it never reads what is not a slot."""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import subprocess
import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from photon_router.dispatch import _dispatch
from photon_runtime import Task, _hub, speedups
from photon_runtime.http import Request, ServerSettings, _server
from photon_runtime.http._connection import Connection
from photon_runtime.http._parser import RequestParser

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython" or not speedups.status().is_used,
    reason="this Python runs without the C module",
)


def handed_over(module: ModuleType, function: str) -> dict[str, object]:
    """Return the classes that a module hands over in its call of a function of `speedups`."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_call and node.func.attr == function:  # type: ignore[attr-defined]  # `is_call` says so
            expression = ast.Expression(node.args[0])  # type: ignore[attr-defined]
            found: dict[str, object] = eval(compile(expression, "", "eval"), vars(module))
            return found
    raise LookupError(function)


STAGES = {
    "scheduler": handed_over(_hub, "turns_of_hubs"),
    "serving": handed_over(_server, "connections"),
    "routing": handed_over(_dispatch, "set_up_steps"),
}


def new_native() -> Any:
    return importlib.import_module("photon_speedups._native").Native()


def set_up_before(native: Any, stage: str) -> None:
    for name, classes in STAGES.items():
        if name == stage:
            return
        native.set_up(name, dict(classes))


def with_classes(stage: str, **changes: object) -> Callable[[], object]:
    native = new_native()
    set_up_before(native, stage)
    return lambda: native.set_up(stage, STAGES[stage] | changes)


def sets_of_slots() -> list[tuple[str, str]]:
    return [
        (stage, name)
        for stage, classes in STAGES.items()
        for name, cls in classes.items()
        if isinstance(cls, type) and hasattr(cls, "__slots__") and cls.__module__ != "builtins"
    ]


def test_all_stages_can_be_set_up_again_in_a_new_object() -> None:
    first, second = new_native(), new_native()
    for native in (first, second):
        for stage, classes in STAGES.items():
            assert native.set_up(stage, dict(classes)) is not None


@pytest.mark.parametrize("stage", STAGES)
def test_stage_is_set_up_once_only(stage: str) -> None:
    native = new_native()
    set_up_before(native, stage)
    native.set_up(stage, STAGES[stage])
    with pytest.raises(TypeError, match="in order, each once"):
        native.set_up(stage, STAGES[stage])


@pytest.mark.parametrize("stage", ["serving", "routing"])
def test_stage_needs_the_one_before_it(stage: str) -> None:
    with pytest.raises(TypeError, match="in order, each once"):
        new_native().set_up(stage, STAGES[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_stage_after_a_failed_one_is_impossible(stage: str) -> None:
    native = new_native()
    set_up_before(native, stage)
    with pytest.raises(KeyError):
        native.set_up(stage, {})
    for name, classes in STAGES.items():
        with pytest.raises(TypeError, match="in order, each once"):
            native.set_up(name, classes)


@pytest.mark.parametrize("wrong", [None, 5, (), object(), [("Hub", 1)]])
def test_what_is_not_a_dict_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="must be dict"):
        new_native().set_up("scheduler", wrong)


@pytest.mark.parametrize(("stage", "name"), sets_of_slots())
def test_missing_class_is_refused(stage: str, name: str) -> None:
    native = new_native()
    set_up_before(native, stage)
    classes = {key: value for key, value in STAGES[stage].items() if key != name}
    if name in {"PooledGreenlet", "Waker"}:  # which C does not need
        assert native.set_up(stage, classes) is not None
        return
    with pytest.raises(KeyError, match=name):
        native.set_up(stage, classes)


@pytest.mark.parametrize(("stage", "name"), sets_of_slots())
def test_class_without_slots_is_refused(stage: str, name: str) -> None:
    class Other:
        pass

    make = with_classes(stage, **{name: Other})
    if name in {"PooledGreenlet", "Waker", "socket"}:
        return
    with pytest.raises((TypeError, AttributeError), match="has no"):
        make()


@pytest.mark.parametrize(
    "member",
    [
        property(lambda self: 1),
        5,
        None,
        RequestParser.__dict__["error"],
        len,
        type.__dict__["__doc__"],
    ],
    ids=["property", "number", "None", "slot of another class", "function", "other descriptor"],
)
def test_member_that_is_not_a_slot_of_the_class_is_refused(member: object) -> None:
    names = tuple(name for name in Request.__slots__ if name != "method")
    other = type("Other", (), {"__slots__": names, "method": member})
    with pytest.raises(TypeError, match="has no slot method"):
        with_classes("serving", Request=other)()


@pytest.mark.parametrize("wrong", [None, 5, "Request", object()])
def test_what_is_not_a_class_is_refused(wrong: object) -> None:
    with pytest.raises((TypeError, AttributeError), match="has no"):
        with_classes("serving", Request=wrong)()


def test_socket_class_without_a_descriptor_is_refused() -> None:
    with pytest.raises(TypeError, match="socket"):
        with_classes("serving", socket=object)()


def test_slot_that_was_deleted_from_its_class_is_refused() -> None:
    class Other:
        __slots__ = ("_done", "_interrupt", "_is_pending", "_parked", "context", "greenlet", "hub")

    with_classes("scheduler", Task=Other)()
    delattr(Other, "hub")
    with pytest.raises(AttributeError, match="hub"):
        with_classes("scheduler", Task=Other)()


def test_object_of_the_module_takes_no_arguments_and_cannot_be_derived_from() -> None:
    native = type(new_native())
    with pytest.raises(TypeError, match="no arguments"):
        native(1)
    with pytest.raises(TypeError, match="no arguments"):
        native(classes={})
    with pytest.raises(TypeError):
        type("Other", (native,), {})
    made: Any = object.__new__(native)
    assert made.set_up("scheduler", STAGES["scheduler"])


# -- wrong arguments --------------------------------------------------------------------------


class OtherConnection(Connection):
    __slots__ = ()


WRONG: list[object] = [None, 5, "x", b"", (), [], {}, object(), type, len, Request, Connection]
WRONG += [OtherConnection, Connection.__new__(Connection), Connection.__new__(OtherConnection)]
WRONG += [Request.__new__(Request), RequestParser.__new__(RequestParser), ServerSettings()]
WRONG += [ServerSettings.__new__(ServerSettings), _hub.Hub.__new__(_hub.Hub)]
WRONG += [Task.__new__(Task), _server.Server.__new__(_server.Server)]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_functions_survive_wrong_arguments(number: int) -> None:
    wrong = WRONG[number]
    functions: list[Any] = [_hub._plain_turns, speedups._module.step]
    assert _server._connections is not None
    functions += [_server._connections.receive, _server._connections.read_request]
    for function in functions:
        for more in ((), (wrong,), (wrong, wrong), (WRONG[-2], wrong), (wrong, WRONG[-2])):
            for arguments in (more, (*more, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")):
                try:
                    function(*arguments)
                except (TypeError, AttributeError, ValueError):
                    pass


KINDS = ["dispatch", "endpoint", "count", "direct", "encode", "path_value", "query_value", "int"]
KINDS += ["bind", "unknown"]


@pytest.mark.parametrize("kind", KINDS)
def test_steps_survive_wrong_parts(kind: str) -> None:
    made = 0
    for count in range(7):
        for part in [*WRONG, (len,) * 40, [1.0], memoryview(bytearray(8)), {1: 2}, -1, 10**30]:
            try:
                step: Any = speedups._module.step(kind, len, *[part] * count)  # type: ignore[misc]
            except (TypeError, AttributeError):  # the second of a representation
                continue
            made += 1
            for arguments in ((), *((wrong,) for wrong in WRONG), ([], []), (1, 2, 3)):
                try:
                    step(*arguments)
                except Exception:
                    pass
    assert made or kind in {"unknown", "dispatch", "count"}


# -- life and end -----------------------------------------------------------------------------


def test_object_in_a_cycle_is_collected() -> None:
    class Held:
        pass

    held, native = Held(), new_native()
    native.set_up("scheduler", STAGES["scheduler"] | {"monotonic": held})
    held.native = native  # type: ignore[attr-defined]
    end = weakref.ref(held)
    del held, native
    gc.collect()
    assert end() is None


def test_functions_of_a_stage_keep_its_object() -> None:
    native = new_native()
    (turns,) = native.set_up("scheduler", STAGES["scheduler"])
    del native
    gc.collect()
    with pytest.raises(TypeError, match="is not a Hub"):
        turns(None)


def test_module_can_be_imported_twice() -> None:
    program = """
import importlib, sys
first = importlib.import_module("photon_speedups._native")
del sys.modules["photon_speedups._native"]
second = importlib.import_module("photon_speedups._native")
assert first is not second and first.Native is not second.Native
first.Native(), second.Native()
del first, second
"""
    subprocess.run([sys.executable, "-c", program], check=True)
