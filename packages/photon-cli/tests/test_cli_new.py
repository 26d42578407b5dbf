from __future__ import annotations

import ast
import hashlib
import itertools
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from click.testing import CliRunner

from photon_cli._new import new
from photon_cli.main import cli
from photon_cli.project_creation import (
    FIRST_SCAFFOLD,
    Choices,
    Database,
    Kind,
    ProjectName,
    create_folder,
    project_files,
    start_repository,
)
from photon_runtime.generators import GeneratorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from click.testing import Result

KIND_OF: dict[str, Kind] = {"--api": "api", "--html": "html"}
COMBINATIONS = [
    Choices(kind, database) for kind in get_args(Kind) for database in get_args(Database)
]
HTMX = re.search(
    r"SHA-256 of the file: `(\w+)`",
    Path(sys.modules["photon_cli"].__path__[0], "blueprints/new/NOTICE.md").read_text(),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def photon_new(*arguments: str) -> Result:
    return CliRunner().invoke(new, arguments, prog_name="photon new")


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def parsed(text: str) -> ProjectName:
    return ProjectName.parse(text, directory=Path("/projects"))


# --- names ---


@pytest.mark.parametrize(
    ("text", "folder", "package", "distribution", "title"),
    [
        ("blog", "/projects/blog", "blog", "blog", "Blog"),
        ("shops/blog/", "/projects/shops/blog", "blog", "blog", "Blog"),
        ("my-blog", "/projects/my-blog", "my_blog", "my-blog", "My Blog"),
        ("MyBlog", "/projects/MyBlog", "my_blog", "my-blog", "My Blog"),
        ("my blog", "/projects/my blog", "my_blog", "my-blog", "My Blog"),
        ("my.blog", "/projects/my.blog", "my_blog", "my-blog", "My Blog"),
        ("_blog_", "/projects/_blog_", "blog", "blog", "Blog"),
        ("Café", "/projects/Café", "cafe", "cafe", "Cafe"),
        ("/srv/Shop2", "/srv/Shop2", "shop2", "shop2", "Shop2"),
        ("../other", "/other", "other", "other", "Other"),
        ("match", "/projects/match", "match", "match", "Match"),  # a soft keyword is a name
        ("app", "/projects/app", "app", "app", "App"),
    ],
)
def test_names_are_derived_from_the_path(
    text: str, folder: str, package: str, distribution: str, title: str
) -> None:
    assert parsed(text) == ProjectName(Path(folder), package, distribution, title)


@pytest.mark.parametrize("text", [".", "./", "../shop-front"])
def test_the_current_folder_gives_its_name(tmp_path: Path, text: str) -> None:
    directory = tmp_path / "shop-front"
    directory.mkdir()
    name = ProjectName.parse(text, directory=directory)
    assert (name.folder, name.package) == (directory.resolve(), "shop_front")


@pytest.mark.parametrize(
    ("text", "reason", "suggestion"),
    [
        ("class", "keyword", "class-app"),
        ("email", "standard library", "email-app"),
        ("Calendar", "standard library", "calendar-app"),
        ("test", "standard library", "test-app"),
        ("tests", "another folder of projects", "tests-app"),
        ("config", "another folder of projects", "config-app"),
        ("click", "installed module", "click-app"),
        ("photon", "begin with `photon`", "my-project"),
        ("photon-shop", "begin with `photon`", "shop"),
        ("photon_router", "begin with `photon`", "router"),
        ("2048", "begin with a digit", "project-2048"),
        ("日本", "no letter", "my-project"),
        ("---", "no letter", "my-project"),
        ("", "is empty", "my-project"),
        ("  ", "is empty", "my-project"),
        ("two\nlines", "cannot be seen", "my-project"),
        ("nul\0", "cannot be seen", "my-project"),
    ],
)
def test_unsuitable_names_are_refused_with_a_suggestion(
    text: str, reason: str, suggestion: str
) -> None:
    with pytest.raises(GeneratorError, match=f"{reason}.*choose another name, such as") as caught:
        parsed(text)
    assert f"such as `{suggestion}`" in str(caught.value)
    assert parsed(suggestion).distribution == suggestion


def test_a_folder_of_the_current_folder_is_not_an_installed_module(folder: Path) -> None:
    (folder / "blog").mkdir()
    sys.path.insert(0, str(folder))
    try:
        assert ProjectName.parse("blog", directory=folder).package == "blog"
    finally:
        sys.path.remove(str(folder))


# --- files ---


@pytest.mark.parametrize("choices", COMBINATIONS, ids=lambda each: f"{each.kind}-{each.database}")
def test_files_are_complete_and_have_no_placeholders(choices: Choices) -> None:
    files = project_files(parsed("my-blog"), choices)
    for path, content in files.items():
        text = content.decode()
        assert not re.search(r"\[\[ |\[% |\[# ", text), path
        assert "photon_blog" not in text
        if path.endswith(".py"):
            ast.parse(text)
        if path.endswith(".toml"):
            tomllib.loads(text)
        if not path.endswith(("htmx.min.js", ".gitkeep")):
            assert re.search(r"[^\n]\n\Z", text), path
    settings = tomllib.loads(files["photon.toml"].decode())
    assert settings["project"]["kind"] == choices.kind
    assert ("database" in settings) is choices.has_database
    assert ("templates/base.html" in files) is (choices.kind == "html")
    pyproject = tomllib.loads(files["pyproject.toml"].decode())
    assert pyproject["project"]["name"] == "my-blog"


def test_each_project_has_its_own_secrets() -> None:
    def secrets() -> list[str]:
        files = project_files(parsed("blog"), Choices("html", "none"))
        names = ("development", "test")
        settings = [tomllib.loads(files[f"config/{name}.toml"].decode()) for name in names]
        of_this_machine = files[".env"].decode().partition("SECRET_KEY=")[2].strip()
        return [of_this_machine, *(each["middleware"]["sessions"]["secret"] for each in settings)]

    found = secrets() + secrets()
    assert len(set(found)) == 6
    assert min(map(len, found)) >= 32


def test_the_vendored_htmx_is_the_file_of_its_notice() -> None:
    files = project_files(parsed("blog"), Choices("html", "none"))
    assert HTMX is not None
    assert hashlib.sha256(files["static/htmx.min.js"]).hexdigest() == HTMX[1]


@pytest.mark.parametrize("choices", COMBINATIONS, ids=lambda each: f"{each.kind}-{each.database}")
def test_the_variables_of_production_are_listed(choices: Choices) -> None:
    files = {name: text.decode() for name, text in project_files(parsed("shop"), choices).items()}
    used = re.findall(r"^[^#\n]*\$\{(\w+)\}", files.get("config/production.toml", ""), re.MULTILINE)
    listed = re.findall(r"^(\w+)=", files.get(".env.example", ""), re.MULTILINE)
    assert sorted(used) == sorted(listed)
    assert all(f"export {name}=" in files["README.md"] for name in used)


@pytest.mark.parametrize("choices", COMBINATIONS, ids=lambda each: f"{each.kind}-{each.database}")
def test_where_jobs_run_and_mails_go_is_written_down(choices: Choices) -> None:
    files = {name: text.decode() for name, text in project_files(parsed("shop"), choices).items()}
    assert "photon worker" in files["README.md"]
    if choices.kind != "minimal":
        commented = files["config/production.toml"]
        settings = tomllib.loads(re.sub(r"(?m)^# (?=\[|\w+ = )", "", commented))
        assert settings["tasks"]["mode"] == "queue"
        assert settings["mail"]["password"] == "${SMTP_PASSWORD}"


def test_the_editor_serves_without_the_patch_and_the_deadline() -> None:
    """With the patch breakpoints work, and debugpy hangs when it evaluates an expression."""
    files = project_files(parsed("shop"), Choices("api", "sqlite"))
    serve, tests = json.loads(files[".vscode/launch.json"])["configurations"]
    assert (serve["module"], serve["args"]) == ("photon_cli", ["dev", "--no-patch"])
    assert serve["env"] == {"PHOTON__MIDDLEWARE__DEADLINE__ENABLED": "false"}
    assert tests["module"] == "pytest"


def test_the_colours_of_the_style_sheet_have_enough_contrast() -> None:
    css = project_files(parsed("shop"), Choices("html", "none"))["static/site.css"].decode()
    light, dark = (colours(each) for each in css.split(":root {")[1:3])
    for scheme in (light, light | dark):
        assert too_low(scheme, TEXTS, ("background", "surface", "raised"), 4.5) == []
        assert too_low(scheme, ("control", "focus", "danger"), ("background", "surface"), 3) == []
        for kind in ("success", "warning", "danger", "info"):
            assert too_low(scheme, (kind,), (f"{kind}-surface",), 4.5) == []
        for kind in ("accent", "danger"):
            assert too_low(scheme, (f"on-{kind}",), (kind, f"{kind}-strong"), 4.5) == []
    assert set(dark) == set(light)


TEXTS = ("text", "muted", "accent", "accent-strong", "danger")


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): #(\w{6});", block.partition("}")[0]))


def too_low(
    scheme: dict[str, str], texts: Iterable[str], surfaces: Iterable[str], least: float
) -> list[tuple[str, str, float]]:
    """Return the pairs whose contrast, as WCAG 2 defines it, is below ``least``."""
    found = []
    for text, surface in itertools.product(texts, surfaces):
        darker, lighter = sorted((luminance(scheme[text]), luminance(scheme[surface])))
        contrast = (lighter + 0.05) / (darker + 0.05)
        if contrast < least:
            found.append((text, surface, contrast))
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_pages_load_nothing_from_other_hosts_and_have_nothing_inline() -> None:
    """The preset `strict` of the security headers refuses it, and the network is not needed."""
    files = project_files(parsed("shop"), Choices("html", "sqlite"))
    pages = {
        name: text.decode() for name, text in files.items() if name.endswith((".html", ".css"))
    }
    for name, text in pages.items():
        assert not re.search(r"(?:src|href)=.?https?:|url\(|@import", text), name
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", text), name


# --- the folder ---


def test_a_folder_is_complete(tmp_path: Path) -> None:
    files = {"a.txt": b"a", "b/c.txt": b"c"}
    create_folder(tmp_path / "x" / "y", files, complete=lambda staging: None)
    assert tree(tmp_path) == {"x", "x/y", "x/y/a.txt", "x/y/b", "x/y/b/c.txt"}


def test_only_the_owner_can_read_the_secrets_of_a_machine(tmp_path: Path) -> None:
    create_folder(tmp_path / "x", {".env": b"", "a": b""}, complete=lambda staging: None)
    assert stat.S_IMODE((tmp_path / "x" / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "x" / "a").stat().st_mode) & 0o044 == 0o044


def test_an_empty_folder_stays_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    (folder / ".git").mkdir(parents=True)
    number = folder.stat().st_ino
    create_folder(folder, {"a.txt": b"a", "b/c.txt": b"c"}, complete=lambda staging: None)
    assert tree(folder) == {".git", "a.txt", "b", "b/c.txt"}
    assert folder.stat().st_ino == number


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError("bug")])
def test_a_failure_leaves_everything_as_before(
    tmp_path: Path, error: BaseException, exists: bool
) -> None:
    folder = tmp_path / "x" / "y"
    if exists:
        folder.mkdir(parents=True)
    before = tree(tmp_path)

    def fail(staging: Path) -> None:
        assert (staging / "a.txt").exists()
        raise error

    with pytest.raises(GeneratorError if isinstance(error, OSError) else type(error)):
        create_folder(folder, {"a.txt": b"a"}, complete=fail)
    assert tree(tmp_path) == before


def test_entries_that_were_moved_are_moved_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name == "c.txt":
            raise PermissionError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(GeneratorError, match="nothing was created: no"):
        create_folder(tmp_path, {"a": b"", "b": b"", "c.txt": b""}, complete=lambda folder: None)
    assert tree(tmp_path) == set()


KILLED = """
import os, signal, sys
from pathlib import Path
from photon_cli.project_creation import create_folder

def end(staging):
    os.kill(os.getpid(), int(sys.argv[2]))

create_folder(Path(sys.argv[1]), {"a.txt": b"a"}, complete=end)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_everything_as_before(tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "x" / "y"
    command = [sys.executable, "-c", KILLED, str(target), str(int(number))]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    assert tree(tmp_path) == set()


def test_what_a_killed_process_has_left_is_removed_later(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "x"), str(int(signal.SIGKILL))]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    [abandoned] = tmp_path.iterdir()
    assert abandoned.name.startswith(".photon-new-")
    of_a_running_process = tmp_path / f".photon-new-{os.getpid()}-1"
    of_a_running_process.mkdir()
    create_folder(tmp_path / "x", {}, complete=lambda staging: None)
    assert set(tmp_path.iterdir()) == {of_a_running_process, tmp_path / "x"}


# --- git ---


def test_a_repository_is_created_without_a_commit(tmp_path: Path) -> None:
    line = start_repository(tmp_path, target=tmp_path)
    assert line == "git: a repository was created, without a commit"
    head = (tmp_path / ".git" / "HEAD").read_text()
    assert head == "ref: refs/heads/main\n"


def test_a_project_inside_of_a_repository_stays_part_of_it(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    folder = tmp_path / "blog"
    folder.mkdir()
    assert f"is in the repository {tmp_path}" in start_repository(folder, target=folder)
    assert tree(folder) == set()


def test_a_missing_or_failing_git_is_reported_and_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    assert "not installed" in start_repository(tmp_path, target=tmp_path)
    (programs / "git").write_text("#!/bin/sh\necho 'fatal: no space' >&2\nexit 1\n")
    (programs / "git").chmod(0o755)
    assert start_repository(tmp_path, target=tmp_path).endswith("was created: fatal: no space")


# --- the command ---


def test_the_bare_form_creates_an_api_and_shows_three_commands(folder: Path) -> None:
    result = photon_new("shops/my-blog")
    assert result.exit_code == 0, result.output
    assert "added: shops/my-blog/my_blog/app.py\n" in result.output
    assert "git: a repository was created" in result.output
    assert result.output.endswith(
        f"The project My Blog is in {folder / 'shops/my-blog'}. Next:\n\n"
        "  cd shops/my-blog\n  photon db migrate\n  photon dev\n"
    )
    settings = tomllib.loads((folder / "shops/my-blog/photon.toml").read_text())
    assert settings["project"]["kind"] == "api"
    assert {path.name for path in folder.iterdir()} == {"shops"}


@pytest.mark.parametrize(
    ("name", "command"), [("My Shop", "cd 'My Shop'"), ("-shop", "cd ./-shop")]
)
def test_the_next_commands_can_be_typed_as_they_are(folder: Path, name: str, command: str) -> None:
    result = photon_new("--minimal", "--no-git", "--", name)
    assert f"\n  {command}\n" in result.output


@pytest.mark.parametrize("kind", ["--api", "--html"])
def test_the_first_model_is_generated_and_can_be_destroyed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    result = photon_new("blog", kind, "--no-git")
    assert "added: blog/blog/models/greeting.py\n" in result.output
    assert "scaffold" in (folder / "blog" / ".photon" / "generated.toml").read_text()
    monkeypatch.chdir(folder / "blog")
    arguments = ["destroy", *FIRST_SCAFFOLD[:2]]
    destroyed = CliRunner().invoke(cli, arguments, prog_name="photon", catch_exceptions=False)
    assert destroyed.exit_code == 0, destroyed.output
    name = ProjectName.parse(str(folder / "blog"), directory=folder)
    assert {each for each in tree(folder / "blog") if "greeting" in each} == set()
    for path, content in project_files(name, Choices(KIND_OF[kind], "sqlite")).items():
        if "secret" not in content.decode().lower():
            assert (folder / "blog" / path).read_bytes() == content, path


def test_projects_without_models_in_a_package_have_no_first_model(folder: Path) -> None:
    for number, options in enumerate((["--db", "none"], ["--minimal", "--db", "sqlite"])):
        assert photon_new(f"blog{number}", *options).exit_code == 0
    assert not any("greeting" in path for path in tree(folder))


def test_a_failure_of_the_first_model_creates_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "photon_cli.project_creation._first_model.FIRST_SCAFFOLD",
        ("scaffold", "class", "text:string"),
    )
    with pytest.raises(GeneratorError):
        CliRunner().invoke(new, ["blog"], catch_exceptions=False)
    assert tree(folder) == set()


def test_the_current_folder_becomes_a_project(folder: Path) -> None:
    result = photon_new(".", "--minimal", "--no-git", "--no-input")
    assert result.exit_code == 0, result.output
    assert "added: app.py\n" in result.output
    assert result.output.endswith("Next:\n\n  photon dev\n  photon test\n")
    assert not (folder / ".git").exists()


def test_a_folder_that_is_not_empty_is_refused_with_its_content(folder: Path) -> None:
    for name in "abcdefg":
        (folder / name).touch()
    before = tree(folder)
    with pytest.raises(GeneratorError, match=r"is not empty: it has a, b, c, d, e and 2 more"):
        CliRunner().invoke(new, ["."], catch_exceptions=False)
    assert tree(folder) == before


def test_a_file_and_a_dangling_link_are_refused(folder: Path) -> None:
    (folder / "blog").touch()
    (folder / "shop").symlink_to("nowhere")
    for name, reason in (("blog", "is a file"), ("shop", "symbolic link")):
        with pytest.raises(GeneratorError, match=reason):
            CliRunner().invoke(new, [name], catch_exceptions=False)


def test_a_project_inside_of_a_project_is_refused(folder: Path) -> None:
    (folder / "photon.toml").touch()
    with pytest.raises(GeneratorError, match="inside of another project"):
        CliRunner().invoke(new, ["services/blog"], catch_exceptions=False)
    assert tree(folder) == {"photon.toml"}


def test_kinds_exclude_each_other(folder: Path) -> None:
    result = photon_new("blog", "--api", "--html")
    assert result.exit_code == 2
    assert "--api and --html exclude each other" in result.output
    assert tree(folder) == set()


@pytest.mark.slow
def test_an_interruption_leaves_nothing_or_everything(folder: Path) -> None:
    command = [sys.executable, "-c", "from photon_cli._new import new; new()", "blog", "--no-git"]
    complete = None
    for number in range(12):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.05 + 0.03 * number)  # a random moment of the process
        process.send_signal(signal.SIGINT if number % 2 else signal.SIGTERM)
        process.wait()
        found = tree(folder)
        if found:
            complete = complete or found
            assert found == complete
            assert "blog/tests/test_app.py" in found
            subprocess.run(["rm", "-r", str(folder / "blog")], check=True)
