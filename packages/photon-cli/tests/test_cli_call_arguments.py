from __future__ import annotations

import ast
from pathlib import Path

import pytest

from photon_cli.generation import apply_edits, undo_edits
from photon_runtime.generators import InsertArgument

EDIT = InsertArgument("m.py", 'spec="openapi.yaml"', on="Photon")


def changed(root: Path, before: str) -> str:
    """Insert the argument, check that undoing it restores the file, and return the text."""
    (root / "m.py").write_bytes(before.encode())
    plan = apply_edits(root, [EDIT])
    assert not plan.conflicts, plan.conflicts
    after = plan.file("m.py").text
    assert after is not None
    ast.parse(after)
    (root / "m.py").write_bytes(after.encode())
    assert apply_edits(root, [EDIT]).changes == []
    undone = undo_edits(root, [EDIT])
    assert not undone.conflicts, undone.conflicts
    assert undone.file("m.py").text == before
    return after


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("Photon()", 'Photon(spec="openapi.yaml")'),
        ('Photon(title="a")', 'Photon(spec="openapi.yaml", title="a")'),
        (
            'Photon(\n    title="a",\n    version="1",  # ours\n)',
            'Photon(\n    spec="openapi.yaml",\n    title="a",\n    version="1",  # ours\n)',
        ),
        ("Photon(*parts, **more)", 'Photon(*parts, spec="openapi.yaml", **more)'),
    ],
)
def test_an_argument_goes_before_the_other_keyword_arguments(
    tmp_path: Path, call: str, result: str
) -> None:
    start = "from photon import Photon\n\napp = "
    assert changed(tmp_path, f"{start}{call}\n") == f"{start}{result}\n"


def test_an_application_is_found_in_a_factory_and_by_another_name(tmp_path: Path) -> None:
    before = 'import photon as p\n\n\ndef create():\n    a = p.Photon(title="x")\r\n    return a\n'
    assert 'p.Photon(spec="openapi.yaml", title="x")' in changed(tmp_path, before)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ('from photon import Photon\na = Photon(spec="other.yaml")\n', "has the argument"),
        ("from photon import Photon\n", "is not created there"),
        ("from photon import Photon\na = Photon()\nb = Photon()\n", "are created in lines 2 and 3"),
    ],
)
def test_another_value_or_no_single_call_is_a_conflict(
    tmp_path: Path, code: str, reason: str
) -> None:
    (tmp_path / "m.py").write_text(code)
    [conflict] = apply_edits(tmp_path, [EDIT]).conflicts
    assert reason in str(conflict)


def test_an_argument_that_was_changed_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text('from photon import Photon\na = Photon(spec="other.yaml")\n')
    [conflict] = undo_edits(tmp_path, [EDIT]).missing
    assert "was changed" in str(conflict)
