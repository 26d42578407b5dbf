from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from photon_runtime._installed_sections import installed_sections
from photon_runtime._section_binding import binding_of
from photon_runtime.errors import LoadError, SettingsError
from photon_runtime.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in; the modules imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTON_ENV", "before")
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def write(folder: Path, **files: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def refusal(target: str | None = None) -> str:
    with pytest.raises(LoadError) as caught:
        Project.here().load_app(target)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_the_root_is_the_nearest_folder_above_with_a_photon_toml(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Project.here().root is None
    (root / "photon.toml").touch()
    (root / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(root / "a" / "b")
    assert Project.here().root == root


def test_the_environment_is_the_chosen_one_else_the_commands_default() -> None:
    assert Project.here().environment == "development"
    assert Project.here().defaulting_to("production").environment == "production"
    assert Project.here(environment="x").defaulting_to("production").environment == "x"


def test_the_settings_are_those_of_the_environment(root: Path) -> None:
    (root / "photon.toml").write_text("[project]\nname = 'shop'\n")
    (root / "config").mkdir()
    (root / "config" / "test.toml").write_text("[project]\nname = 'test shop'\n")
    assert Project.here().name == "shop"
    assert Project.here(environment="test").name == "test shop"


def test_a_project_without_a_name_is_called_like_its_folder(root: Path) -> None:
    assert Project.here().name == root.name


def test_all_sections_are_checked_against_the_installed_packages(root: Path) -> None:
    (root / "photon.toml").write_text(
        "[project]\nnam = 1\n[server]\nport = 'x'\n[app]\na = 1\n[zz]\n"
    )
    with pytest.raises(SettingsError) as caught:
        Project.here().check_settings()
    assert "[project] has no key `nam`; did you mean `name`?" in str(caught.value)
    assert "photon.toml:4: `server.port`: expected `int`" in str(caught.value)
    assert "no package reads the section [zz]" in str(caught.value)
    assert "[app]" not in str(caught.value)


def test_an_application_is_imported_from_the_current_folder(root: Path) -> None:
    write(root, first="def app(request): ...\n")
    application = Project.here().load_app("first:app")
    assert getattr(application, "__name__", None) == "app"


def test_an_application_is_imported_from_the_root_as_photon_toml_says(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "photon.toml").write_text("[project]\napp = 'shop.web:site.app'\n")
    write(root / "shop", web="class site:\n    def app(request): ...\n")
    monkeypatch.chdir(root / "shop")
    assert callable(Project.here().load_app())


def test_the_application_learns_its_environment(root: Path) -> None:
    write(root, asks="import os\nname = os.environ['PHOTON_ENV']\ndef app(request): ...\n")
    Project.here().defaulting_to("production").load_app("asks:app")
    assert sys.modules["asks"].name == "production"
    assert os.environ["PHOTON_ENV"] == "production"


def test_an_object_that_starts_is_an_application_too(root: Path) -> None:
    write(root, starts="class App:\n    def start(self): ...\napp = App()\n")
    assert type(Project.here().load_app("starts:app")).__name__ == "App"


def test_without_a_name_the_message_says_where_one_was_sought(root: Path) -> None:
    assert f"there is no photon.toml in {root} or above; name one as module:attribute" in refusal()
    (root / "photon.toml").touch()
    assert f"{root / 'photon.toml'} has no `app` under [project]" in refusal()


@pytest.mark.parametrize(
    ("target", "guess"),
    [
        ("main", "main:app"),
        ("main.py", "main:app"),
        ("./src/main.py", "src.main:app"),
        ("main.py:api", "main:api"),
        ("main:", "main:app"),
        ("a b", "main:app"),
        ("main:app()", "main:app"),
    ],
)
def test_a_target_in_another_form_is_answered_with_a_guess(
    root: Path, target: str, guess: str
) -> None:
    assert refusal(target).endswith(f"write module:attribute, as in {guess}")


def test_a_module_that_is_not_there_is_told_from_one_that_fails(root: Path) -> None:
    write(root, main="import not_installed_anywhere\n")
    assert refusal("mian:app") == (
        f"there is no module `mian`, which `mian:app` names; did you mean `main`?; looked in {root}"
    )
    message = refusal("main:app")
    assert message.startswith("importing `main` failed:\nTraceback")
    assert "ModuleNotFoundError: No module named 'not_installed_anywhere'" in message


def test_a_missing_module_in_a_package_is_not_there(root: Path) -> None:
    write(root / "shop", __init__="")
    assert refusal("shop.web:app").startswith("there is no module `shop.web`")
    assert refusal("shopp.web:app").startswith("there is no module `shopp`")


def test_an_error_in_the_module_shows_the_lines_of_the_user_only(root: Path) -> None:
    write(root, main="import helper\n", helper="def f():\n    raise ValueError('no')\nf()\n")
    message = refusal("main:app")
    frames = [line.strip() for line in message.splitlines() if line.lstrip().startswith("File ")]
    assert frames == [
        f'File "{root / "main.py"}", line 1, in <module>',
        f'File "{root / "helper.py"}", line 3, in <module>',
        f'File "{root / "helper.py"}", line 2, in f',
    ]
    assert message.endswith("ValueError: no\n")


REFUSED = """
from pathlib import Path
from photon_runtime.settings import load_settings

def settings():
    return load_settings(Path(), environment="a b")

settings()
"""


def test_what_photon_refuses_is_one_message_with_the_line_that_asked_for_it(root: Path) -> None:
    write(root, main=REFUSED)
    message = refusal("main:app")
    assert message.startswith(f"{root / 'main.py'}:6: the environment 'a b' is not a name")
    assert "\n" not in message


def test_a_message_that_names_the_file_itself_is_left_as_it_is(root: Path) -> None:
    text = "from photon_runtime.errors import PhotonError\nraise PhotonError(f'x ({__file__}:9)')\n"
    write(root, main=text)
    assert refusal("main:app") == f"x ({root / 'main.py'}:9)"


def test_a_syntax_error_shows_its_line(root: Path) -> None:
    write(root, main="\nx = = 1\n")
    assert f'File "{root / "main.py"}", line 2' in refusal("main:app")


def test_a_module_that_exits_is_a_failure_too(root: Path) -> None:
    write(root, main="import sys\nsys.exit('no licence')\n")
    assert "SystemExit: no licence" in refusal("main:app")


def test_a_missing_attribute_suggests_the_nearest(root: Path) -> None:
    write(root, main="application = 1\nclass site:\n    app = 1\n")
    assert refusal("main:aplication") == "`main` has no `aplication`; did you mean `application`?"
    assert refusal("main:site.ap") == "`main.site` has no `ap`; did you mean `app`?"
    assert refusal("main:zzz") == "`main` has no `zzz`"


def test_what_is_no_application_is_refused(root: Path) -> None:
    write(root, main="app = 'text'\nclass App:\n    def start(self): ...\n")
    assert refusal("main:app").startswith("`main:app` is a str, not an application;")
    assert refusal("main:App").startswith("`main:App` is the class App, not an application;")


def test_a_function_that_makes_the_application_is_refused_with_what_to_write(root: Path) -> None:
    write(root, main="def create_app(): ...\ndef handler(request): ...\n")
    assert "as in app = create_app(), and name the result" in refusal("main:create_app")
    assert callable(Project.here().load_app("main:handler"))


def test_an_application_that_takes_settings_gets_those_of_the_project(root: Path) -> None:
    (root / "photon.toml").write_text("[app]\ncolour = 'red'\n")
    write(
        root,
        main="class App:\n"
        "    def use_settings(self, settings): self.settings = settings\n"
        "    def __call__(self, request): ...\n"
        "app = App()\n",
    )
    application = Project.here(environment="test").load_app("main:app")
    settings = getattr(application, "settings")  # noqa: B009 - mypy knows no such attribute
    assert settings.environment == "test"
    assert settings.section("app", dict) == {"colour": "red"}


def offer(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, *entries: str) -> None:
    """Install a distribution that reads sections, as pip would."""
    info = folder / "shop-1.0.dist-info"
    info.mkdir()
    write(folder, shop_settings=module)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[photon.settings]", *entries]))
    monkeypatch.syspath_prepend(folder)


def test_a_class_that_is_bound_to_another_section_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = (
        "import attrs\nfrom photon_runtime.settings import section\n"
        "@section('shop')\n@attrs.frozen\nclass Shop:\n    a: int = 0\n"
        "@attrs.frozen\nclass Unbound:\n    a: int = 0\nnumber = 1\n"
    )
    classes = {"good": "Unbound", "shop": "Shop", "shp": "Shop", "one": "number"}
    entries = [f"{name} = shop_settings:{value}" for name, value in classes.items()]
    offer(root, monkeypatch, module, *entries, "gone = shop_settings:Gone")
    with pytest.raises(SettingsError) as caught:
        Project.here().check_settings()
    assert str(caught.value).splitlines() == [
        "the class of the section [gone], shop_settings:Gone of shop 1.0, cannot be imported:"
        " AttributeError: module 'shop_settings' has no attribute 'Gone'",
        "the class of the section [one], shop_settings:number of shop 1.0, is 1, not a class",
        "the class of the section [shp], shop_settings:Shop of shop 1.0, is bound to another:"
        ' @section("shop")',
    ]


def test_every_section_of_an_installed_package_is_bound_to_its_class() -> None:
    for name, cls in installed_sections().items():
        binding = binding_of(cls)
        assert binding is not None
        assert binding.name == name
