"""The locks fit the requirements, and hold nothing of the machine that wrote them."""

import os
import re
from pathlib import Path

import pytest

import dev
import environments
from environments import Environment, Failure, RunEnvironment
from folders import put

LOCKS = environments.locks()
PATHS = pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)


@PATHS
def test_a_lock_was_made_from_the_requirements_that_there_are(path: Path) -> None:
    assert environments.is_up_to_date(path.read_text(), LOCKS[path]), "run tools/dev.py lock --keep"


@PATHS
def test_a_lock_has_every_requirement_with_its_version_and_hashes(path: Path) -> None:
    text = path.read_text()
    pinned = {environments._name(line) for line in environments._pins(text)}
    assert pinned >= {environments._name(each) for each in LOCKS[path]}
    unhashed = re.findall(r"^[^#\s].*(?<!\\)\n(?! )", text, re.MULTILINE)
    assert unhashed == []
    assert text.count("--hash=sha256:") >= len(pinned)


@PATHS
def test_a_lock_names_no_index_and_no_path(path: Path) -> None:
    for line in path.read_text().splitlines()[1:]:
        assert re.fullmatch(r"[\w.\[\],-]+==[\w.+!-]+( ; [^/]+)?( \\)?|    --hash=\S+( \\)?", line)


def test_a_lock_of_other_requirements_is_refused_with_advice() -> None:
    path = environments.ROOT / ".venv" / "nothing.txt"
    with pytest.raises(Failure, match=r"dev\.py lock --keep"):
        environments._checked(path, ["attrs"])
    text = (environments.LOCKS / "default.txt").read_text()
    assert environments.is_up_to_date(text, environments.requirements())
    assert not environments.is_up_to_date(text, [*environments.requirements(), "new>=1"])


def test_the_order_of_requirements_and_where_they_stand_do_not_matter() -> None:
    wanted = environments.requirements()
    text = (environments.LOCKS / "default.txt").read_text()
    assert environments.is_up_to_date(text, reversed(wanted))


def test_the_requirements_are_those_of_the_packages_and_tools_but_no_package_itself() -> None:
    names = {environments._name(each) for each in environments.requirements()}
    assert names >= {"greenlet", "msgspec", "backports-zstd", "prometheus-client", "ruff"}
    assert not [name for name in names if name.startswith("photon")]
    packages = {environments._name(each) for each in environments.package_requirements()}
    assert "ruff" not in packages


def test_hatch_leaves_out_the_package_that_needs_a_compiler() -> None:
    [left_out] = environments._hatch_settings()["envs"]["default"]["workspace"]["exclude"]
    assert environments.ROOT / left_out == environments.SPEEDUPS
    assert "setuptools" in {environments._name(each) for each in environments.requirements()}
    assert "setuptools" in {environments._name(each) for each in environments.run_requirements()}


def test_what_runs_needs_no_tools_and_has_the_same_versions() -> None:
    names = {environments._name(each) for each in environments.run_requirements()}
    assert names >= {"greenlet", "sqlalchemy", "pyjwt", "argon2-cffi", "itsdangerous", "alembic"}
    assert names.isdisjoint({"hatch", "mypy", "pytest", "ruff", "psycopg", "schemathesis"})
    assert not [name for name in names if name.startswith("photon")]
    pins = {path: (environments.LOCKS / path).read_text() for path in ("run.txt", "default.txt")}
    developing = set(environments._pins(pins["default.txt"]))
    others = set(environments._pins(pins["run.txt"])) - developing
    assert {environments._name(each) for each in others} == {
        "editables",
        "hatchling",
        "trove-classifiers",
    }


@pytest.mark.parametrize(
    ("options", "is_prepared", "home"),
    [
        ([], False, "run"),
        ([], True, "default"),
        (["--versions", "newest"], False, "newest"),
    ],
    ids=["alone", "beside the environment for developing", "other versions"],
)
def test_the_demo_makes_no_environment_for_developing(
    monkeypatch: pytest.MonkeyPatch, options: list[str], is_prepared: bool, home: str
) -> None:
    made: list[str] = []

    def prepare(environment: Environment) -> None:
        made.append(environment.home.name)
        raise Failure("stopped", advice="none")

    monkeypatch.setattr(Environment, "is_prepared", lambda _: is_prepared)
    monkeypatch.setattr(Environment, "prepare", prepare)
    monkeypatch.setattr(dev, "refuse_taken_port", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["dev.py", "demo", *options])
    assert dev.main() == 1
    assert made == [home]


def test_pins_are_read_without_hashes_and_with_markers() -> None:
    text = "# head\na-b==1.0 ; python_full_version < '3.14' \\\n    --hash=sha256:0\nc==2\n"
    assert environments._pins(text) == ["a-b==1.0 ; python_full_version < '3.14'", "c==2"]


def test_hatch_forgets_what_it_installed_in_an_environment_that_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It compares requirements with its note of the last ones, and not with the environment."""
    notes = put(tmp_path / "hatch" / "data" / "env" / ".metadata" / "default.json", "{}")
    found: list[bool] = []

    def call(command: list[object], **options: object) -> int:
        found.append(notes.exists())
        return 0

    monkeypatch.setattr(environments, "_HATCH_HOME", tmp_path / "hatch")
    monkeypatch.setattr(environments, "HOME", tmp_path)
    monkeypatch.setattr(environments, "_install_hatch", lambda: None)
    monkeypatch.setattr(environments, "_pip_install", lambda *_: None)
    monkeypatch.setattr("subprocess.call", call)
    environment = Environment()
    environment.home = environments.ROOT / ".venv" / "of-this-test"
    environment._make()
    assert found == [False, False]


def test_what_runs_has_every_package_in_place_but_the_one_that_needs_a_compiler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(environments, "_make_venv", lambda _: None)
    monkeypatch.setattr(environments, "_pip_install", lambda _, arguments: calls.append(arguments))
    RunEnvironment()._make()
    installed = {Path(each).name for each in calls[-1] if not each.startswith("-")}
    folders = {path.parent.name for path in environments.ROOT.glob("packages/*/pyproject.toml")}
    assert installed == folders - {"photon-speedups"}


def test_each_choice_of_versions_has_a_folder_of_its_own() -> None:
    homes = [Environment(versions).home.name for versions in environments.VERSIONS]
    assert homes == ["default", "newest", "oldest"]
    hatch = environments._hatch_settings()["envs"]
    assert [hatch[home]["path"] for home in homes] == [f".venv/{home}" for home in homes]


def test_the_daily_run_leaves_out_what_is_slow() -> None:
    assert dev.pytest_arguments(["-x", "--quick", "packages"]) == [
        "-m",
        "not slow",
        "-x",
        "packages",
    ]
    assert dev.pytest_arguments(["-k", "quick"]) == ["-k", "quick"]


def test_the_request_path_is_tested_on_the_python_code() -> None:
    packages = [f"packages/{name}" for name in dev.REQUEST_PATH]
    assert all((environments.ROOT / folder).is_dir() for folder in packages)
    assert dev.pytest_arguments(["--without-speedups"]) == packages
    assert dev.pytest_arguments(["--quick", "--without-speedups"]) == ["-m", "not slow", *packages]
    assert dev.pytest_arguments(["--without-speedups", "docs", "-x"]) == ["docs", "-x"]


@pytest.mark.parametrize(
    ("options", "value"), [(["docs"], "1"), (["--without-speedups", "docs"], "0")]
)
def test_tests_run_with_and_without_the_module(
    monkeypatch: pytest.MonkeyPatch, options: list[str], value: str
) -> None:
    replaced: list[str] = []

    def replace_by(environment: Environment, *arguments: str) -> int:
        replaced.extend(arguments)
        return 0

    monkeypatch.setenv("PHOTON_SPEEDUPS", "1")
    monkeypatch.setattr(Environment, "prepare", lambda _: None)
    monkeypatch.setattr(dev, "replace_by", replace_by)
    assert dev.test(Environment(), options) == 0
    assert replaced == ["-m", "pytest", "docs"]
    assert os.environ["PHOTON_SPEEDUPS"] == value


def test_an_unknown_choice_of_versions_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dev.py", "test", "--versions", "some"])
    with pytest.raises(SystemExit) as ended:
        dev.main()
    assert ended.value.code == 2
    assert "locked" in capsys.readouterr().err
