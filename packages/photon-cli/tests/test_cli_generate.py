from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import attrs
import pytest
from click.testing import CliRunner

from photon_cli import _generate
from photon_cli._plugins import PluginGroup
from photon_cli.generation import apply_edits, undo_edits, write_changes
from photon_cli.main import cli
from photon_runtime.generators import (
    CreateFile,
    Edit,
    GeneratorError,
    InsertCode,
    SetToml,
    UpdateFile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from click.testing import Result

MODULE = """
from photon_runtime.generators import *

class Note:
    '''Generate a note.

    At length.
    '''

    def plan(self, project, arguments):
        if arguments.name == "bad":
            raise GeneratorError("`bad` is not a name for a note")
        return [
            CreateFile(f"notes/{arguments.name}.txt", "\\n".join(arguments.words) + "\\n"),
            InsertCode("index.txt", arguments.name, place="end"),
            SetToml("photon.toml", ("app", "notes", arguments.name), len(arguments.words)),
        ]

class Notice(Note):
    default_name = "latest"

class Broken:
    def __init__(self):
        raise KeyError("a bug")

number = 1
"""
INDEX = "all notes:\n"
SETTINGS = "[app]  # mine\ncolour = 'red'\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project beside an installed package with generators."""
    site = tmp_path / "site"
    info = site / "notes-1.2.dist-info"
    info.mkdir(parents=True)
    (site / "notes_generators.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notes\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[photon.generators]\nnote = notes_generators:Note\nbroken = notes_generators:Broken\n"
        "number = notes_generators:number\nnotice = notes_generators:Notice\n"
    )
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "index.txt").write_text(INDEX)
    (folder / "photon.toml").write_text(SETTINGS)
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "notes_generators", raising=False)
    for group in (_generate.generate, _generate.destroy):
        assert isinstance(group, PluginGroup)
        monkeypatch.setattr(group, "_plugins", None)
    return folder


def photon(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, prog_name="photon")


def tree(root: Path) -> dict[str, bytes]:
    """All files of a project by name, and its folders."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"<folder>"
        for path in root.rglob("*")
    }


def test_the_help_lists_generators_by_their_docstring_and_imports_none(root: Path) -> None:
    (info,) = root.parent.glob("site/*.dist-info")
    (info / "entry_points.txt").write_text("[photon.generators]\nnote = notes_generators:Note\n")
    result = photon("generate", "--help")
    assert ["note", "Generate a note"] in [
        line.split(maxsplit=1) for line in result.output.splitlines()
    ]
    assert "notes_generators" not in sys.modules
    assert "Generators:" in result.output


def test_an_unknown_generator_suggests_the_nearest(root: Path) -> None:
    result = photon("generate", "nott", "x")
    assert result.exit_code == 2
    assert "the generator `nott` does not exist; did you mean `note`?" in result.output


def test_what_was_generated_is_skipped_the_second_time_and_destroyed_without_a_trace(
    root: Path,
) -> None:
    before = tree(root)
    first = photon("generate", "note", "milk", "buy", "it")
    assert first.output == "added: notes/milk.txt\ninjected: index.txt\ninjected: photon.toml\n"
    assert (root / "notes" / "milk.txt").read_text() == "buy\nit\n"
    assert (root / "index.txt").read_text() == "all notes:\nmilk\n"
    assert (root / "photon.toml").read_text() == SETTINGS + "\n[app.notes]\nmilk = 2\n"
    after = tree(root)
    second = photon("generate", "note", "milk", "buy", "it")
    assert second.output == "skipped: notes/milk.txt\nskipped: index.txt\nskipped: photon.toml\n"
    assert tree(root) == after
    last = photon("destroy", "note", "milk", "buy", "it")
    assert last.output == "removed: photon.toml\nremoved: index.txt\nremoved: notes/milk.txt\n"
    assert tree(root) == before
    assert "removed" not in photon("destroy", "note", "milk", "buy", "it").output


def test_a_dry_run_and_its_diff_write_nothing(root: Path) -> None:
    before = tree(root)
    result = photon("generate", "note", "milk", "buy", "--dry-run", "--diff")
    assert result.exit_code == 0
    assert "added: notes/milk.txt" in result.output
    assert "--- /dev/null\n+++ b/notes/milk.txt\n@@ -0,0 +1 @@\n+buy\n" in result.output
    assert "--- a/index.txt\n+++ b/index.txt\n@@ -1 +1,2 @@\n all notes:\n+milk\n" in result.output
    assert result.output.endswith("nothing was written: this is a dry run\n")
    assert tree(root) == before


def test_conflicts_are_all_told_and_nothing_is_written(root: Path) -> None:
    photon("generate", "note", "milk", "buy")
    before = tree(root)
    result = photon("generate", "note", "milk", "sell", "it")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "conflict: notes/milk.txt (it exists and has another content)",
        "skipped: index.txt",
        "conflict: photon.toml (`app.notes.milk` is 1 already)",
        "Error: 2 conflicts; nothing was written",
    ]
    assert tree(root) == before


def test_force_overwrites_what_conflicts(root: Path) -> None:
    photon("generate", "note", "milk", "buy")
    result = photon("generate", "note", "milk", "sell", "it", "--force")
    assert result.output == "added: notes/milk.txt\nskipped: index.txt\ninjected: photon.toml\n"
    assert (root / "notes" / "milk.txt").read_text() == "sell\nit\n"
    assert (root / "photon.toml").read_text().endswith("milk = 2\n")


def test_what_was_changed_is_destroyed_by_force_only(root: Path) -> None:
    photon("generate", "note", "milk", "buy")
    (root / "notes" / "milk.txt").write_text("mine")
    before = tree(root)
    result = photon("destroy", "note", "milk", "buy")
    assert result.exit_code == 1
    assert "conflict: notes/milk.txt (it was changed since)" in result.output
    assert tree(root) == before
    assert photon("destroy", "note", "milk", "buy", "--force").exit_code == 0
    assert not (root / "notes").exists()


def test_a_generator_says_what_is_wrong_with_its_arguments(root: Path) -> None:
    result = photon("generate", "note", "bad")
    assert (result.exit_code, result.output) == (1, "Error: `bad` is not a name for a note\n")


def test_an_invalid_generator_is_named_with_its_entry_point(root: Path) -> None:
    assert (
        "`number` of notes_generators:number is not a generator: it has no method `plan`"
        in photon("generate", "number", "x").output
    )
    assert (
        "`broken` cannot be created: KeyError('a bug')" in photon("generate", "broken", "x").output
    )


def apply(root: Path, *edits: Edit, force: bool = False) -> list[str]:
    plan = apply_edits(root, edits, force=force)
    if not plan.conflicts:
        write_changes(root, plan.changes)
    return [str(result) for result in plan.results]


def undo(root: Path, *edits: Edit) -> list[str]:
    plan = undo_edits(root, edits)
    if not plan.conflicts:
        write_changes(root, plan.changes)
    return [str(result) for result in plan.results]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "import x\n"),
        ('"""Doc."""\n', '"""Doc."""\n\nimport x\n'),
        ("import a\nfrom b import c\n\nd = 1\n", "import a\nimport x\nfrom b import c\n\nd = 1\n"),
        ("import a\n\nif d:\n    import e\n", "import a\nimport x\n\nif d:\n    import e\n"),
    ],
)
def test_imports_go_to_those_at_the_head(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "m.py").write_text(before)
    edit = InsertCode("m.py", "import x", place="imports")
    assert apply(tmp_path, edit) == ["injected: m.py"]
    assert (tmp_path / "m.py").read_text() == after
    assert apply(tmp_path, edit) == ["skipped: m.py"]
    assert undo(tmp_path, edit) == ["removed: m.py"]
    assert (tmp_path / "m.py").read_text() == before


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
        (CreateFile("sub", "x"), "it cannot be read: Is a directory"),
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


def test_code_that_is_there_twice_is_not_taken_away(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("x\nx\n")
    [conflict] = undo(tmp_path, InsertCode("m.py", "x", place="end"))
    assert conflict == "conflict: m.py (the code is there 2 times)"


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
    assert {text.partition(":")[0] for text in undo(tmp_path, *edits)} == {"removed"}
    assert tree(tmp_path) == {"new.toml": b""}


def test_a_file_that_is_generated_again_is_updated_and_reports_what_it_leaves_to_people(
    tmp_path: Path,
) -> None:
    assert apply(tmp_path, UpdateFile("m.py", "a = 1\n")) == ["added: m.py"]
    edit = UpdateFile(
        "m.py", "a = 2\n", initial="a = 3\n", before="a = 1\n", changed=("`b`: write it",)
    )
    assert apply(tmp_path, edit) == ["updated: m.py", "changed: m.py (`b`: write it)"]
    assert apply(tmp_path, edit) == ["skipped: m.py", "changed: m.py (`b`: write it)"]
    assert undo(tmp_path, edit) == ["conflict: m.py (it was changed since)"]
    (tmp_path / "m.py").write_text("a = 3\n")
    conflict, _ = apply(tmp_path, edit)
    assert conflict.startswith("conflict: m.py (it was changed while")
    assert undo(tmp_path, edit) == ["removed: m.py"]


def test_a_file_that_cannot_be_updated_prevents_all_edits(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("(\n")
    edit = UpdateFile("m.py", "a = 2\n", before="(\n", conflicts=("it is not Python",))
    results = apply(tmp_path, CreateFile("n.py", ""), edit)
    assert "conflict: m.py (it is not Python)" in results
    assert tree(tmp_path) == {"m.py": b"(\n"}


def test_a_generator_may_have_a_default_for_its_name(root: Path) -> None:
    result = photon("generate", "notice")
    assert result.exit_code == 0, result.output
    assert "added: notes/latest.txt" in result.output


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


def test_the_mode_of_a_file_stays(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("a\n")
    (tmp_path / "run.sh").chmod(0o750)
    apply(tmp_path, InsertCode("run.sh", "b", place="end"))
    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o750


@attrs.define
class Failing:
    """Stands for a function of the system that fails when it is called for the n-th time."""

    function: Callable[..., object]
    left: int

    def __call__(self, *arguments: object, **options: object) -> object:
        self.left -= 1
        if self.left == 0:
            raise OSError("the disk is full")
        return self.function(*arguments, **options)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("name", ["replace", "copy2"])
def test_a_failure_in_the_middle_leaves_the_project_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, count: int
) -> None:
    for letter in "abc":
        (tmp_path / f"{letter}.txt").write_text(letter)
    before = tree(tmp_path)
    owner = os if name == "replace" else shutil
    failing = Failing(getattr(owner, name), count)
    edits = [InsertCode(f"{letter}.txt", "new", place="end") for letter in "abc"]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing)
        with pytest.raises(GeneratorError, match="the disk is full"):
            apply(tmp_path, CreateFile("x/y/z.txt", "z"), *edits)
    assert tree(tmp_path) == before


def test_a_failure_of_a_removal_brings_back_what_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = [CreateFile("a/b.txt", "b"), CreateFile("a/c.txt", "c")]
    apply(tmp_path, *edits)
    before = tree(tmp_path)
    plan = undo_edits(tmp_path, edits)
    (tmp_path / "a" / "b.txt").unlink()
    (tmp_path / "a" / "b.txt").mkdir()
    with pytest.raises(GeneratorError, match="nothing was changed"):
        write_changes(tmp_path, plan.changes)
    assert tree(tmp_path) == before | {"a/b.txt": b"<folder>"}


def test_a_file_that_was_saved_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    plan = apply_edits(
        tmp_path, [CreateFile("b.txt", "b"), InsertCode("a.txt", "new", place="end")]
    )
    (tmp_path / "a.txt").write_text("saved\n")
    with pytest.raises(GeneratorError, match=r"a\.txt was changed meanwhile"):
        write_changes(tmp_path, plan.changes)
    assert tree(tmp_path) == {"a.txt": b"saved\n"}
