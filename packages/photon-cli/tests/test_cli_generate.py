from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from photon_cli import _generate
from photon_cli._plugins import PluginGroup
from photon_cli.generation import (
    DriftedFile,
    OutdatedOverride,
    list_drift,
    list_outdated_overrides,
)
from photon_cli.main import cli

if TYPE_CHECKING:
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


@pytest.mark.parametrize("command", ["generate", "destroy"])
def test_a_name_that_is_missing_is_asked_for(root: Path, command: str) -> None:
    assert photon("generate", "note", "milk").exit_code == 0
    result = photon(command, "note")
    assert result.exit_code == 2
    assert "Missing argument 'NAME'" in result.output


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
    assert last.output.splitlines() == [
        "removed: photon.toml (the inserted code)",
        "removed: index.txt (the inserted code)",
        "removed: notes/milk.txt",
    ]
    assert tree(root) == before
    again = photon("destroy", "note", "milk")
    assert again.exit_code == 1
    assert "`note milk` is not recorded in .photon/generated.toml" in again.output


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
        "conflict: notes/milk.txt"
        " (it was generated by `note milk buy`, and would be different now)",
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
    result = photon("destroy", "note", "milk", "buy")
    assert result.exit_code == 1
    assert "kept: notes/milk.txt (it was edited since it was generated)" in result.output
    assert [name for name in tree(root) if "/" in name] == [
        "notes/milk.txt",
        ".photon/generated.toml",
    ]
    assert (root / "index.txt").read_text() == INDEX
    assert photon("destroy", "note", "milk", "--force").exit_code == 0
    assert not (root / "notes").exists()
    assert not (root / ".photon").exists()


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


SLOW = {
    "IPython", "alembic", "asyncio", "inflection", "jsonschema", "jsonschema_rs", "libcst",
    "photon_lifeguard", "photon_openapi", "photon_router", "photon_runtime.http", "rich",
    "sqlalchemy", "watchfiles", "yaml",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "others"),
    [
        (["--help"], {"photon_cli.generation", "photon_runtime", "jinja2", "tomlkit"}),
        (["generate", "note", "milk", "buy"], {"jinja2"}),
        (["generate", "note", "milk", "buy", "--dry-run", "--diff"], {"jinja2"}),
        (["destroy", "note", "milk"], {"jinja2"}),
        (["generate", "model", "--help"], {"jinja2", "tomlkit"}),
    ],
)
def test_what_is_slow_is_not_imported(root: Path, arguments: list[str], others: set[str]) -> None:
    photon("generate", "note", "milk", "buy")
    path = os.pathsep.join([str(root.parent / "site"), *filter(None, [os.getenv("PYTHONPATH")])])
    process = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "photon_cli", *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines()}
    assert "photon_cli.main" in imported
    assert (
        imported & ((SLOW | others) - ({"inflection"} if "model" in arguments else set())) == set()
    )


def test_the_groups_alone_list_their_generators(root: Path) -> None:
    for group in ("generate", "destroy"):
        result = photon(group)
        assert result.exit_code == 0
        assert "note " in result.output


def test_a_generation_is_destroyed_by_its_name_however_it_is_written(root: Path) -> None:
    before = tree(root)
    photon("generate", "note", "blog-post", "buy")
    refused = photon("destroy", "note", "BlogPost", "sell")
    assert refused.exit_code == 1
    assert "it was generated by `note blog-post buy`" in refused.output
    assert photon("destroy", "note", "BlogPost").exit_code == 0
    assert tree(root) == before


def test_the_results_are_json_for_programs(root: Path) -> None:
    shown = json.loads(photon("generate", "note", "milk", "buy", "--json").output)
    assert shown["written"] is True
    assert shown["results"][0] == {
        "verb": "added", "path": "notes/milk.txt", "reason": "", "by_hand": "",
    }  # fmt: skip


def test_code_without_a_place_is_shown_and_left_out_by_force_only(root: Path) -> None:
    (root / "index.txt").unlink()
    refused = photon("generate", "note", "milk", "buy")
    assert refused.exit_code == 1
    line = "index.txt (it does not exist; add by hand, in that file:)\n    milk\n"
    assert f"conflict: {line}" in refused.output
    assert not (root / "notes").exists()
    forced = photon("generate", "note", "milk", "buy", "--force")
    assert forced.exit_code == 1
    assert f"skipped: {line}" in forced.output
    assert "Error: some code has no place; add the lines above by hand" in forced.output
    assert (root / "notes" / "milk.txt").exists()


def test_verbs_have_colours_unless_they_are_refused(root: Path) -> None:
    def output(**variables: str) -> str:
        arguments = ["generate", "note", "milk", "buy", "--dry-run"]
        return CliRunner(env=variables).invoke(cli, arguments, color=True).output

    assert "\x1b[32madded:\x1b[0m notes/milk.txt" in output()
    assert "\x1b" not in output(NO_COLOR="1")


OVERRIDABLE = """
from photon_runtime.generators import *

class Note:
    '''Generate a note.'''

    def plan(self, project, arguments):
        context = {"name": arguments.name}
        return [RenderFile("note.txt", "note/note.txt.jinja", context, package="notes")]
"""


def test_a_template_is_copied_and_drift_is_listed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = root.parent / "site"
    blueprint = site / "notes" / "blueprints" / "note" / "note.txt.jinja"
    blueprint.parent.mkdir(parents=True)
    (blueprint.parent.parent / "other").mkdir()
    (blueprint.parent.parent / "other" / "x.jinja").touch()
    blueprint.write_text("Note: [[ name ]]\n")
    (site / "notes" / "__init__.py").write_text(OVERRIDABLE)
    (info,) = site.glob("*.dist-info")
    (info / "entry_points.txt").write_text("[photon.generators]\nnote = notes:Note\n")
    monkeypatch.delitem(sys.modules, "notes", raising=False)

    listed = photon("generate", "override", "note", "--list").output
    assert listed == "note/note.txt.jinja\n"
    assert photon("generate", "override", "gone").exit_code == 2
    assert photon("generate", "note", "milk").exit_code == 0
    assert list_drift(root) == []
    copied = photon("generate", "override", "note")
    assert copied.output == "added: .photon/templates/note/note.txt.jinja\n"
    assert list_drift(root) == []
    override = root / ".photon" / "templates" / "note" / "note.txt.jinja"
    override.write_text("Ours: [[ name ]]\n")
    assert list_drift(root) == [DriftedFile("note.txt", "note", "milk", "1.2", is_edited=False)]
    (root / "note.txt").write_text("edited")
    assert list_drift(root) == [DriftedFile("note.txt", "note", "milk", "1.2", is_edited=True)]

    assert "(overridden)" in photon("generate", "override", "--list").output
    assert photon("generate", "override", "note/note.txt.jinja").exit_code == 1
    assert list_outdated_overrides(root) == []
    blueprint.write_text("Note, newer: [[ name ]]\n")
    [outdated] = list_outdated_overrides(root)
    assert outdated == OutdatedOverride(".photon/templates/note/note.txt.jinja", "notes", "1.2")
    assert photon("generate", "note", "tea", "--diff", "--force").exit_code == 0
    assert (root / "note.txt").read_text() == "Ours: tea\n"


def test_a_generator_may_have_a_default_for_its_name(root: Path) -> None:
    result = photon("generate", "notice")
    assert result.exit_code == 0, result.output
    assert "added: notes/latest.txt" in result.output
