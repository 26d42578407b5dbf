"""Hooks are called when a library is imported, and imports are otherwise unchanged."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from photon_runtime.patch._on_import import when_imported


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that is not imported yet; the import system is restored afterwards."""
    folder = tmp_path / "photon_test_library"
    folder.mkdir()
    (folder / "__init__.py").write_text("value = 1\n")
    (folder / "part.py").write_text("from . import value\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield folder
    for name in [name for name in sys.modules if name.startswith("photon_test_library")]:
        del sys.modules[name]


def test_a_hook_is_called_when_its_library_is_imported_and_not_before(library: Path) -> None:
    told: list[ModuleType] = []
    when_imported({"photon_test_library": told.append})
    assert told == []
    part = importlib.import_module("photon_test_library.part")
    assert told == [sys.modules["photon_test_library"]]
    assert part.value == 1


def test_a_hook_sees_the_whole_module_and_comes_before_whoever_imports_it(library: Path) -> None:
    def double(module: ModuleType) -> None:
        module.value *= 2  # type: ignore[attr-defined]

    when_imported({"photon_test_library": double})
    assert importlib.import_module("photon_test_library.part").value == 2


def test_a_library_that_is_there_already_is_told_at_once(library: Path) -> None:
    module = importlib.import_module("photon_test_library")
    told: list[ModuleType] = []
    when_imported({"photon_test_library": told.append})
    assert told == [module]


def test_the_module_keeps_its_own_loader(library: Path) -> None:
    plain = importlib.util.find_spec("photon_test_library")
    assert plain is not None
    when_imported({"photon_test_library": lambda module: None})
    module = importlib.import_module("photon_test_library")
    assert module.__spec__ is not None
    assert type(module.__spec__.loader) is type(module.__loader__) is type(plain.loader)
    assert module.__file__ == str(library / "__init__.py")
    assert inspect.getsource(module) == "value = 1\n"


def test_an_import_that_fails_calls_nobody_and_may_be_tried_again(library: Path) -> None:
    (library / "__init__.py").write_text("raise ImportError('not today')\n")
    told: list[ModuleType] = []
    when_imported({"photon_test_library": told.append})
    with pytest.raises(ImportError, match="not today"):
        importlib.import_module("photon_test_library")
    assert told == []
    (library / "__init__.py").write_text("value = 'another day'\n")
    importlib.import_module("photon_test_library")
    assert [module.value for module in told] == ["another day"]


def test_a_library_that_is_not_installed_is_missing_as_ever(library: Path) -> None:
    when_imported({"photon_test_nowhere": lambda module: None})
    with pytest.raises(ModuleNotFoundError, match="photon_test_nowhere"):
        importlib.import_module("photon_test_nowhere")


def test_other_names_pass(library: Path) -> None:
    told: list[ModuleType] = []
    when_imported({"photon_test_nowhere": told.append})
    assert importlib.import_module("photon_test_library").value == 1
    assert told == []
