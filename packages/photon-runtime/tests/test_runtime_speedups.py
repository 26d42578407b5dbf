from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import select
import subprocess
import sys
from importlib.machinery import PathFinder
from types import ModuleType

import pytest

from photon_runtime import speedups
from photon_runtime.speedups import PROTOCOL, Status, status

REPORT = "from photon_runtime.speedups import status; print(status().reason)"


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that fits, on an interpreter and a system that can use it."""
    module = ModuleType("photon_speedups._native")
    vars(module).update(PROTOCOL=PROTOCOL, Native=object)
    monkeypatch.delenv("PHOTON_SPEEDUPS", raising=False)
    monkeypatch.setattr(platform, "python_implementation", lambda: "CPython")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    monkeypatch.setattr(select, "epoll", object, raising=False)
    monkeypatch.setitem(sys.modules, "photon_speedups", ModuleType("photon_speedups"))
    monkeypatch.setitem(sys.modules, "photon_speedups._native", module)
    return module


def found(monkeypatch: pytest.MonkeyPatch) -> Status:
    """Look for the module anew, and return the status."""
    monkeypatch.setattr(speedups, "_module", speedups._Module())
    return status()


def test_a_module_that_fits_is_used(native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    state = found(monkeypatch)
    assert state.is_used
    assert state.reason == ""


@pytest.mark.parametrize("value", ["", "1", "true", "True"])
def test_the_variable_may_leave_it_on(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PHOTON_SPEEDUPS", value)
    assert found(monkeypatch).is_used


@pytest.mark.parametrize("value", ["0", "false", "FALSE"])
def test_the_variable_switches_it_off(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PHOTON_SPEEDUPS", value)
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == f"PHOTON_SPEEDUPS={value} switches it off"


@pytest.mark.parametrize("value", ["off", "no", "2", " "])
def test_another_value_of_the_variable_is_named_and_switches_it_off(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PHOTON_SPEEDUPS", value)
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == f"PHOTON_SPEEDUPS is {value!r}, which is neither 0 nor 1"


def test_it_is_for_cpython(native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_implementation", lambda: "PyPy")
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == "it is for CPython only"


def test_it_needs_the_global_interpreter_lock(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == "this interpreter runs without the lock that it relies on"


def test_it_needs_epoll(native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == "it needs epoll, which only Linux has"


@pytest.mark.parametrize("number", [PROTOCOL - 1, PROTOCOL + 1])
def test_another_protocol_does_not_fit(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(native, "PROTOCOL", number)
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == "its version does not fit that of photon-runtime: update both"


def test_a_missing_distribution_is_not_installed(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "photon_speedups")
    monkeypatch.delitem(sys.modules, "photon_speedups._native")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    assert found(monkeypatch) == Status(is_used=False, reason="it is not installed", version=None)


def test_a_distribution_without_the_compiled_module_says_so(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "photon_speedups._native")
    monkeypatch.setattr(sys.modules["photon_speedups"], "__path__", [], raising=False)
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == "it is installed without its compiled module"


def test_a_module_that_cannot_be_loaded_says_why(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> ModuleType:
        raise ImportError("undefined symbol: PyGreenlet_New", name=name, path="_native.so")

    monkeypatch.setattr(importlib, "import_module", refuse)
    state = found(monkeypatch)
    assert not state.is_used
    assert state.reason == "it cannot be loaded: undefined symbol: PyGreenlet_New"


def test_classes_that_do_not_fit_switch_all_of_it_off(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Native:
        def set_up(self, stage: str, classes: object) -> object:
            if stage == "scheduler":
                raise TypeError("Task has no slot `_result`")
            return [len, len]

    monkeypatch.setattr(native, "Native", Native)
    assert found(monkeypatch).is_used
    assert speedups.turns_of_hubs({}) is None
    assert speedups.connections({}) is None
    assert not status().is_used
    assert status().reason == (
        "it does not fit the classes of the installed packages: Task has no slot `_result`"
    )


def test_a_part_that_is_used_already_is_told(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Native:
        def set_up(self, stage: str, classes: object) -> object:
            if stage == "routing":
                raise KeyError("Route")
            return [len, len]

    monkeypatch.setattr(native, "Native", Native)
    assert found(monkeypatch).is_used
    assert speedups.turns_of_hubs({}) is not None
    assert speedups.connections({}) is not None
    speedups.set_up_steps({})
    assert speedups.step("dispatch", repr) is repr
    assert not status().is_used
    assert status().reason.endswith("'Route' (only a part is used: scheduler, serving)")


@pytest.mark.slow
def test_a_process_without_it_runs_on_the_python_code() -> None:
    variables = os.environ | {"PHOTON_SPEEDUPS": "0"}
    program = f"from photon_runtime import run; run(lambda: None); {REPORT}"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == "PHOTON_SPEEDUPS=0 switches it off\n"


def test_it_is_used_wherever_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the tests of the module would test the Python code."""
    monkeypatch.delenv("PHOTON_SPEEDUPS", raising=False)
    package = importlib.util.find_spec("photon_speedups")
    compiled = package and importlib.util.find_spec("photon_speedups._native")
    assert found(monkeypatch).is_used == (compiled is not None)
