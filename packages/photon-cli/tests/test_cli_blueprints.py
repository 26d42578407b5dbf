from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from photon_cli.generation import Blueprints, apply_edits
from photon_runtime.generators import GeneratorError, RenderFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the templates of an installed package."""
    folder = tmp_path / "site" / "shop" / "blueprints" / "item"
    folder.mkdir(parents=True)
    (folder.parent.parent / "__init__.py").write_text("raise RuntimeError('it is imported')\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return folder


def rendered(root: Path, template: str, context: Mapping[str, object]) -> bytes:
    edit = RenderFile("made", f"item/{template}", context, package="shop")
    [change] = apply_edits(root, [edit]).changes
    assert change.after is not None
    return change.after


def test_a_template_is_rendered_by_its_own_delimiters_without_importing_its_package(
    tmp_path: Path, package: Path
) -> None:
    (package / "page.html.jinja").write_text(
        "{{ title }} {% if x %}[# a comment #]!\n"
        "[% for name in names %]\n  <p>[[ name | literal ]]</p>\n[% endfor %]\n"
    )
    assert rendered(tmp_path, "page.html.jinja", {"names": ['a"b', "c"]}) == (
        b'{{ title }} {% if x %}!\n  <p>\'a"b\'</p>\n  <p>"c"</p>\n'
    )
    assert "shop" not in sys.modules


def test_a_file_without_the_suffix_is_copied_byte_for_byte(tmp_path: Path, package: Path) -> None:
    (package / "logo.bin").write_bytes(b"\xff[[ x ]]\r\n")
    assert rendered(tmp_path, "logo.bin", {}) == b"\xff[[ x ]]\r\n"


def test_the_projects_template_overrides_that_of_the_package(tmp_path: Path, package: Path) -> None:
    (package / "a.py.jinja").write_text("[% include 'item/part.jinja' %]!\n")
    (package / "part.jinja").write_text("theirs")
    override = tmp_path / ".photon" / "templates" / "item" / "part.jinja"
    override.parent.mkdir(parents=True)
    override.write_text("[[ name ]]")
    assert rendered(tmp_path, "a.py.jinja", {"name": "ours"}) == b"ours!\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a\n[% if %]\n", r"item/x.jinja:2: "),
        ("a\nb\n[[ missing ]]\n", r"item/x.jinja:3: 'missing' is undefined"),
        ("[% include 'item/gone.jinja' %]", r"item/x.jinja:1: .*gone.jinja"),
    ],
)
def test_an_invalid_template_is_an_error_with_its_file_and_line(
    tmp_path: Path, package: Path, source: str, message: str
) -> None:
    (package / "x.jinja").write_text(source)
    with pytest.raises(GeneratorError, match=message):
        rendered(tmp_path, "x.jinja", {})


def test_a_template_that_does_not_exist_is_an_error(tmp_path: Path, package: Path) -> None:
    with pytest.raises(GeneratorError, match=r"`item/no.jinja` of shop does not exist"):
        rendered(tmp_path, "no.jinja", {})
    with pytest.raises(GeneratorError, match="`nowhere` are missing: it is not installed"):
        apply_edits(tmp_path, [RenderFile("x", "item/x.jinja", package="nowhere")])
    for template in ("x.jinja", "/item/x", "item/../../x"):
        with pytest.raises(ValueError, match="a folder and a file"):
            RenderFile("x", template, package="shop")


def test_the_hash_of_a_template_has_what_it_includes(tmp_path: Path, package: Path) -> None:
    (package / "a.jinja").write_text("[% if x %][%- include 'item/b.jinja' %][% endif %]\n")
    (package / "b.jinja").write_text('[% from "item/c.jinja" import y %]')
    (package / "c.jinja").write_text("[% macro y() %]1[% endmacro %]")
    blueprints = Blueprints(tmp_path, "shop")
    before = blueprints.digest("item/a.jinja")
    assert blueprints.digest("item/a.jinja") == before
    (package / "c.jinja").write_text("[% macro y() %]2[% endmacro %]")
    assert blueprints.digest("item/a.jinja") != before
