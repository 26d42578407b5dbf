"""Names of templates that users choose reach templates and nothing else."""

import os
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.testing import in_hub
from photon_templates import EnvironmentOptions, Templates
from photon_templates._preload import preload

HOSTILE = [
    "../secret.txt",
    "pages/../../secret.txt",
    "pages/../page.html",
    "..\\secret.txt",
    "pages\\inner.html",
    "/etc/passwd",
    "//etc/passwd",
    "C:page.html",
    "page.html\x00",
    "page.html\x00.txt",
    "\x00",
    "PAGE.HTML",
    "Page.html",
    "pages/INNER.html",
    "./page.html",
    "pages//inner.html",
    "pages/./inner.html",
    "page.html/",
    " page.html",
    "page.html ",
    "page.html\n",
    "",
    ".",
    "..",
    "pages",
    "outside.html",
    "linked/secret.txt",
    ".hidden.html",
    "pages/.hidden.html",
    "page.html~",
    "logo.png",
    "%2e%2e/secret.txt",
    "page.html#",
    "page.html##",
    "page.html#body#",
    "page.html#no_such_block",
    "page.html#body#body",
    "page.html#../x",
    "a" * 100_000,
]


@pytest.fixture(params=["production", "development"])
def templates(tmp_path: Path, request: pytest.FixtureRequest) -> Templates:
    folder = tmp_path / "templates"
    (folder / "pages").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("page.html", "pages/inner.html", ".hidden.html", "pages/.hidden.html"):
        (folder / name).write_text("{% block body %}fine{% endblock %}")
    (folder / "page.html~").write_text("old")
    (folder / "logo.png").write_bytes(b"\x89PNG\xff")
    (folder / "outside.html").symlink_to(tmp_path / "secret.txt")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    (folder / "inside.html").symlink_to("pages/inner.html")
    (folder / "pages" / "again").symlink_to(folder, target_is_directory=True)
    (folder / "loop.html").symlink_to("loop.html")
    (folder / "dangling.html").symlink_to("missing.html")
    os.mkfifo(folder / "pipe.html")
    templates = Templates(folder, options=EnvironmentOptions(reload=request.param == "development"))
    in_hub(preload)(templates, {}, None)
    return templates


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:30])
def test_hostile_names_are_not_found(templates: Templates, name: str) -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        templates.render(name)
    with pytest.raises(jinja2.TemplateNotFound):
        templates.render_string("{% include name %}", name=name.replace(".txt", ".html"))


def test_a_link_to_a_template_of_the_folder_is_followed(templates: Templates) -> None:
    assert templates.render("inside.html") == "fine"


def test_a_pipe_is_not_a_template(templates: Templates) -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        templates.render("pipe.html")


@given(st.text())
def test_only_plain_names_of_existing_files_are_found(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    templates = Templates(tmp_path_factory.getbasetemp(), options=EnvironmentOptions(reload=True))

    with pytest.raises(jinja2.TemplateNotFound):
        templates.render(name + "/")


def test_names_that_do_not_exist_leave_nothing_in_memory(templates: Templates) -> None:
    before = len(templates.environment.cache or ())
    for number in range(100):
        for name in (f"no{number}.html", f"page.html#no{number}", f"{'./' * number}page.html#x"):
            with pytest.raises(jinja2.TemplateNotFound):
                templates.render(name)

    assert len(templates.environment.cache or ()) == before


def test_the_first_folder_with_a_name_decides(tmp_path: Path) -> None:
    for folder, names in (("one", "ab"), ("two", "bc")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.html").write_text(folder)
    templates = Templates(tmp_path / "one", tmp_path / "two")

    assert [templates.render(f"{name}.html") for name in "abc"] == ["one", "one", "two"]
    assert templates.names() == ["a.html", "b.html", "c.html"]
