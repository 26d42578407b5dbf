"""photon-speedups is compiled where it can be, and missing where its sources do not compile."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import pytest

import environments
from environments import Environment, Failure
from folders import put
from native_module import NativeModule

COMPILED = f"src/photon_speedups/_native{sysconfig.get_config_var('EXT_SUFFIX')}"
SOURCE = """
#include <Python.h>
static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, .m_name = "_native"};
PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&MODULE); }
"""
ERRORS = "native.c:7: error: expected ';'\n"


@attrs.define
class Pip:
    """What pip would do with the package: compile a file, leave it out, or fail.

    Attributes:
        folder: The package's folder.
        is_broken: Whether the sources do not compile.
        calls: For each call, whether it was to compile.
    """

    folder: Path
    is_broken: bool = False
    calls: list[bool] = attrs.field(factory=list)

    def __call__(
        self, command: Sequence[str], *, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        compiles = variables["PHOTON_SPEEDUPS_COMPILE"] == "1"
        self.calls.append(compiles)
        if not compiles:
            return subprocess.CompletedProcess(command, 0, "")
        put(self.folder / COMPILED, "half of a file" if self.is_broken else "machine code")
        failed = subprocess.CompletedProcess(command, 1, ERRORS)
        return failed if self.is_broken else subprocess.CompletedProcess(command, 0, "")


@pytest.fixture
def module(tmp_path: Path) -> NativeModule:
    """The module of a package with one source, for an environment without anything."""
    put(tmp_path / "package" / "setup.py", "setup()")
    put(tmp_path / "package" / "pyproject.toml", "[project]")
    put(tmp_path / "package" / "src" / "photon_speedups" / "native" / "native.c", "int one;")
    put(tmp_path / "package" / "src" / "photon_speedups" / "native" / "native.h", "int two;")
    python = put(tmp_path / "environment" / "bin" / "python", "")
    return NativeModule(tmp_path / "package", python=python)


@pytest.fixture
def pip(module: NativeModule, monkeypatch: pytest.MonkeyPatch) -> Pip:
    pip = Pip(module.folder)
    monkeypatch.setattr(module, "_run", pip)
    return pip


@pytest.fixture
def prepare(
    module: NativeModule, pip: Pip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[], None]:
    """Prepare an environment that has everything but this module."""
    monkeypatch.setattr(environments, "HOME", tmp_path)
    monkeypatch.setattr(environments, "NativeModule", lambda folder, python: module)
    monkeypatch.setattr(Environment, "is_prepared", lambda _: True)
    monkeypatch.setattr(module, "obstacle", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    return Environment().prepare


def test_the_module_is_built_once(module: NativeModule, pip: Pip) -> None:
    assert not module.is_built()
    assert module.build() is None
    assert module.is_built()
    assert pip.calls == [True]


@pytest.mark.parametrize(
    "changed",
    [
        "setup.py",
        "pyproject.toml",
        "src/photon_speedups/native/native.c",
        "src/photon_speedups/native/native.h",
        "src/photon_speedups/native/new.c",
        COMPILED,
    ],
)
def test_a_change_of_a_source_or_of_the_compiled_file_counts_as_not_built(
    module: NativeModule, pip: Pip, changed: str
) -> None:
    module.build()
    put(module.folder / changed, "changed")
    assert not module.is_built()
    module.build()
    assert module.is_built()
    assert pip.calls == [True, True]


def test_a_removed_compiled_file_counts_as_not_built(module: NativeModule, pip: Pip) -> None:
    module.build()
    (module.folder / COMPILED).unlink()
    assert not module.is_built()


def test_a_file_whose_sources_do_not_compile_is_removed(module: NativeModule, pip: Pip) -> None:
    module.build()
    pip.is_broken = True
    assert module.build() == ERRORS
    assert not (module.folder / COMPILED).exists()
    assert not module.is_built()


def test_a_command_compiles_the_module_before_it_begins(
    module: NativeModule, pip: Pip, prepare: Callable[[], None]
) -> None:
    prepare()
    prepare()
    assert module.is_built()
    assert pip.calls == [True]


def test_a_failed_compilation_is_reported_and_everything_else_works(
    module: NativeModule,
    pip: Pip,
    prepare: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pip.is_broken = True
    prepare()
    output = capsys.readouterr().out
    assert "native.c:7: error: expected ';'" in output
    assert output.endswith(
        "dev.py: photon-speedups is not compiled, and everything runs on the Python code: "
        "see the errors above\n"
    )
    assert not (module.folder / COMPILED).exists()
    prepare()  # tries again: the compiler may have changed
    assert pip.calls == [True, False, True]


def test_continuous_integration_does_not_continue_after_a_failed_compilation(
    pip: Pip, prepare: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pip.is_broken = True
    with pytest.raises(Failure, match=r"native\.c:7: error(.|\n)*tests would be left out"):
        prepare()


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_machine_that_cannot_compile_says_so_and_runs_python_code(
    module: NativeModule,
    pip: Pip,
    prepare: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: str,
) -> None:
    module.build()
    put(module.folder / "setup.py", "changed")
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(module, "obstacle", lambda: "a compiler is missing")
    for _ in range(2):
        prepare()
        assert capsys.readouterr().out == (
            "dev.py: photon-speedups is not compiled, and everything runs on the Python code: "
            "a compiler is missing\n"
        )
    assert not (module.folder / COMPILED).exists()
    assert pip.calls == [True, False]


def test_a_missing_compiler_is_named(module: NativeModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "some-cc -m64")
    assert module.obstacle() == (
        "the C compiler `some-cc` is not on PATH (on Debian: build-essential)"
    )


def test_missing_headers_are_named(
    module: NativeModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", sys.executable)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    assert module.obstacle() == f"{tmp_path}/Python.h is missing (on Debian: python3-dev)"
    put(tmp_path / "Python.h", "")
    assert module.obstacle() is None


@pytest.mark.parametrize(
    ("attribute", "value", "obstacle"),
    [
        ("sys.platform", "darwin", "it is for Linux"),
        ("sys.implementation.name", "pypy", "it is for CPython with a global interpreter lock"),
    ],
)
def test_other_systems_and_interpreters_do_not_compile_it(
    module: NativeModule,
    monkeypatch: pytest.MonkeyPatch,
    attribute: str,
    value: str,
    obstacle: str,
) -> None:
    monkeypatch.setattr(attribute, value)
    assert module.obstacle() == obstacle


def test_free_threaded_interpreters_do_not_compile_it(
    module: NativeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    assert module.obstacle() == "it is for CPython with a global interpreter lock"


@pytest.mark.slow
@pytest.mark.skipif(
    NativeModule(environments.SPEEDUPS, python=Path(sys.executable)).obstacle() is not None,
    reason="this machine cannot compile it",
)
def test_the_package_is_built_in_an_environment(tmp_path: Path) -> None:
    """With the real pip, the package's own builder, a small source, and an error in it."""
    folder = tmp_path / "package"
    for name in ("pyproject.toml", "setup.py", "README.md", "src/photon_speedups/__init__.py"):
        put(folder / name, (environments.SPEEDUPS / name).read_bytes())
    source = put(folder / "src" / "photon_speedups" / "native" / "native.c", SOURCE)
    venv.create(tmp_path / "environment", with_pip=False)
    python = tmp_path / "environment" / "bin" / "python"
    put(Path(site_packages(python)) / "tools.pth", sysconfig.get_path("platlib"))
    module = NativeModule(folder, python=python)
    assert (module.build() or "").splitlines() == []
    assert module.is_built()
    program = "import photon_speedups._native as native; print(native.__file__)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(folder))
    source.write_text(f"{SOURCE}!")
    assert "error:" in (module.build() or "")
    assert module.leave_out() is None
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    assert "No module named 'photon_speedups._native'" in done.stderr


def site_packages(python: Path) -> str:
    program = "import sysconfig; print(sysconfig.get_path('platlib'))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()
