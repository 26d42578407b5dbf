from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from photon_runtime.tracebacks import readable, with_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

PACKAGE = """
import attrs
from photon_runtime.errors import PhotonError

def refuse(*arguments):
    raise PhotonError("not so")

@attrs.frozen
class Option:
    value: int = attrs.field(validator=refuse)

def call(function):
    return function()
"""
MINE = """
from photon_fake import Option, call

def fail():
    raise KeyError("mine")

def through():
    call(fail)

def chained():
    try:
        fail()
    except KeyError as error:
        raise ValueError("later") from error

def option():
    Option(1)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of an author, beside a package that has a name as Photon's have."""
    (tmp_path / "photon_fake").mkdir()
    (tmp_path / "photon_fake" / "__init__.py").write_text(PACKAGE)
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("mine")
    for name in ("mine", "photon_fake"):
        del sys.modules[name]


def error_of(mine: ModuleType, name: str) -> BaseException:
    """Have Photon call a function; return the error as Photon sees it."""
    with pytest.raises(Exception, match=r".") as caught:
        mine.call(getattr(mine, name))
    traceback = caught.value.__traceback__
    assert traceback is not None
    return caught.value.with_traceback(traceback.tb_next)  # without the line of this test


def frames(text: str) -> list[str]:
    return [line.rpartition(" in ")[2] for line in text.splitlines() if line.startswith("  File ")]


def test_a_traceback_begins_with_the_authors_first_line(mine: ModuleType) -> None:
    assert frames(readable(error_of(mine, "fail"))) == ["fail"]


def test_photons_lines_between_and_after_those_of_the_author_are_kept(mine: ModuleType) -> None:
    assert frames(readable(error_of(mine, "through"))) == ["through", "call", "fail"]


def test_causes_are_shown_as_well(mine: ModuleType) -> None:
    text = readable(error_of(mine, "chained"))
    assert frames(text) == ["chained", "fail", "chained"]
    assert text.index("KeyError: 'mine'") < text.index("ValueError: later")


def test_a_failure_of_photon_alone_keeps_its_lines(mine: ModuleType) -> None:
    with pytest.raises(TypeError) as caught:
        mine.call(None)
    traceback = caught.value.__traceback__
    assert traceback is not None
    error = caught.value.with_traceback(traceback.tb_next)
    assert frames(readable(error)) == ["call"]
    assert with_place(error) == "'NoneType' object is not callable"


def test_the_place_of_a_refusal_is_the_authors_line_and_none_of_generated_code(
    mine: ModuleType,
) -> None:
    line = MINE[: MINE.index("Option(1)")].count("\n") + 1
    assert with_place(error_of(mine, "option")) == f"{mine.__file__}:{line}: not so"
