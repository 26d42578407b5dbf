"""The source distribution has everything that the module is compiled from, and a wheel has no C."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent
SOURCES = [path.relative_to(FOLDER) for path in FOLDER.glob("src/*/native/*.[ch]")]
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('out'))"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package without what was built in it."""
    patterns = ("*.*", "src/*/*.py", "src/*/py.typed", "src/*/native/*", "tests/*.py")
    for path in {path for pattern in patterns for path in FOLDER.glob(pattern)}:
        copy = tmp_path / path.relative_to(FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            copy.write_bytes(path.read_bytes())
    return tmp_path


def build(package: Path, hook: str) -> Path:
    """Call a hook of the builder, which leaves its file in the folder ``out``."""
    command = [sys.executable, "-c", BUILD, hook]
    subprocess.run(command, cwd=package, check=True)
    [built] = (package / "out").iterdir()
    return built


@pytest.mark.slow
def test_the_source_distribution_has_all_sources_and_headers(package: Path) -> None:
    with tarfile.open(build(package, "build_sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {path.name for path in SOURCES} >= {"native.c", "native.h"}
    assert names >= {path.as_posix() for path in SOURCES}
    assert names >= {"setup.py", "README.md", "src/photon_speedups/py.typed"}
    assert f"tests/{Path(__file__).name}" in names


@pytest.mark.slow
def test_a_wheel_has_the_types_and_no_sources(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTON_SPEEDUPS_COMPILE", "0")
    wheel = build(package, "build_wheel")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(names) == ["photon_speedups/__init__.py", "photon_speedups/py.typed"]


def test_wheels_are_built_for_the_versions_that_the_package_names() -> None:
    settings = tomllib.loads((FOLDER / "pyproject.toml").read_text())
    prefix = "Programming Language :: Python :: 3."
    classifiers = settings["project"]["classifiers"]
    minors = [each.removeprefix(prefix) for each in classifiers if each.startswith(prefix)]
    assert settings["tool"]["cibuildwheel"]["build"] == [f"cp3{minor}-*" for minor in minors]
