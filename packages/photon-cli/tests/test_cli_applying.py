from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from photon_cli.generation import apply_edits, write_changes
from photon_runtime.generators import (
    CreateFile,
    Edit,
    GeneratorError,
    InsertCode,
    SetToml,
    UpdateFile,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def tree(root: Path) -> dict[str, bytes]:
    """All files of a project by name, and its folders."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"<folder>"
        for path in root.rglob("*")
    }


def apply(root: Path, *edits: Edit, force: bool = False) -> list[str]:
    plan = apply_edits(root, edits, force=force)
    if not plan.conflicts:
        write_changes(root, plan.changes)
    return [str(result) for result in plan.results]


def test_of_several_imports_those_are_added_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("import b\n")
    apply(tmp_path, InsertCode("m.py", "import a\nimport b", place="imports"))
    assert (tmp_path / "m.py").read_text() == "import a\nimport b\n"


@pytest.mark.parametrize(
    ("place", "expected"),
    [({"after": "two()"}, "one()\r\n  two()\r\n  new()\r\nthree()"),
     ({"before": "two()"}, "one()\r\n  new()\r\n  two()\r\nthree()"),
     ({"place": "end"}, "one()\r\n  two()\r\nthree()\r\n  new()")],
)  # fmt: skip
def test_code_goes_beside_its_line_and_takes_the_line_end_of_the_file(
    tmp_path: Path, place: dict[str, str], expected: str
) -> None:
    (tmp_path / "m.py").write_bytes(b"one()\r\n  two()\r\nthree()")
    apply(tmp_path, InsertCode("m.py", "  new()\n", **place))  # type: ignore[arg-type]  # one of three
    assert (tmp_path / "m.py").read_bytes() == expected.encode()


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (
            InsertCode("m.py", "x", after="gone"),
            "the line `gone` is not there; add by hand, below that line:",
        ),
        (InsertCode("m.py", "x", before="a"), "the line `a` is there 2 times; add by hand, above"),
        (InsertCode("m.py", "import x", place="imports"), "it is not Python: invalid syntax"),
        (InsertCode("none.py", "x", place="end"), "it does not exist"),
        (CreateFile("sub", "x"), "it is not a regular file"),
        (CreateFile("m.py/x", "x"), "it cannot be read: Not a directory"),
        (InsertCode("latin.txt", "x", place="end"), "it is not UTF-8 text"),
        (SetToml("m.py", ("a",), 1), "it is not TOML"),
        (SetToml("a.toml", ("a", "b"), 1), "`a` is not a table"),
        (SetToml("a.toml", ("a",), 2), "`a` is 1 already"),
    ],
)
def test_what_cannot_be_edited_is_a_conflict(tmp_path: Path, edit: Edit, reason: str) -> None:
    (tmp_path / "m.py").write_text("a\na\n= 1\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "latin.txt").write_bytes(b"\xff")
    (tmp_path / "a.toml").write_text("a = 1\n")
    before = tree(tmp_path)
    [conflict, other] = apply(tmp_path, edit, CreateFile("new.txt", "x"))
    assert conflict.startswith(f"conflict: {edit.path} ({reason}")
    assert other == "added: new.txt"
    assert tree(tmp_path) == before


def test_edits_of_one_file_build_on_each_other(tmp_path: Path) -> None:
    edits: Sequence[Edit] = (
        CreateFile("m.py", "a = []\n"),
        InsertCode("m.py", "a.append(1)", after="a = []"),
        SetToml("new.toml", ("a", "b", "c"), ["x"]),
        SetToml("new.toml", ("a", "d"), value=False),
    )
    apply(tmp_path, *edits)
    assert (tmp_path / "m.py").read_text() == "a = []\na.append(1)\n"
    assert (tmp_path / "new.toml").read_text() == '[a]\nd = false\n\n[a.b]\nc = ["x"]\n'


def test_a_file_that_is_generated_again_is_updated_and_reports_what_it_leaves_to_people(
    tmp_path: Path,
) -> None:
    assert apply(tmp_path, UpdateFile("m.py", "a = 1\n")) == ["added: m.py"]
    edit = UpdateFile(
        "m.py", "a = 2\n", initial="a = 3\n", before="a = 1\n", changed=("`b`: write it",)
    )
    assert apply(tmp_path, edit) == ["updated: m.py", "changed: m.py (`b`: write it)"]
    assert apply(tmp_path, edit) == ["skipped: m.py", "changed: m.py (`b`: write it)"]
    (tmp_path / "m.py").write_text("a = 3\n")
    conflict, _ = apply(tmp_path, edit)
    assert conflict.startswith("conflict: m.py (it was changed while")


def test_a_file_that_cannot_be_updated_prevents_all_edits(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("(\n")
    edit = UpdateFile("m.py", "a = 2\n", before="(\n", conflicts=("it is not Python",))
    results = apply(tmp_path, CreateFile("n.py", ""), edit)
    assert "conflict: m.py (it is not Python)" in results
    assert tree(tmp_path) == {"m.py": b"(\n"}


def test_a_path_that_leads_out_of_the_project_is_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "link").symlink_to(tmp_path)
    with pytest.raises(GeneratorError, match="link/x is outside of the project"):
        apply(project, CreateFile("link/x", ""))
    for path in ("/x", "../x", "a/../../x", ""):
        with pytest.raises(ValueError, match="a file below the project's folder"):
            CreateFile(path, "")


def test_edits_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        InsertCode("m.py", "x")
    with pytest.raises(ValueError, match="exactly one of"):
        InsertCode("m.py", "x", after="a", place="end")
    with pytest.raises(ValueError, match="`code` is empty"):
        InsertCode("m.py", "\n", place="end")
    with pytest.raises(ValueError, match="`key` is a tuple"):
        SetToml("a.toml", (), 1)
