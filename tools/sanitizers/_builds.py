"""The native module, compiled for a check: with other options, and perhaps with a flaw."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from environments import ROOT, Failure

from ._flaws import Flaw

PACKAGE = ROOT / "packages" / "photon-speedups" / "src" / "photon_speedups"
SOURCES = PACKAGE / "native"
PLAIN = ("-O1", "-g", "-fvisibility=hidden")  # as in setup.py: libc has a function `step`, too
SANITIZED = (
    *PLAIN,
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
)
STRICT = (
    *("-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Wshadow", "-Wvla", "-Wundef"),
    *("-Wstrict-prototypes", "-Wpointer-arith", "-Wformat=2"),
    *("-Wdouble-promotion", "-Wnull-dereference", "-Wimplicit-fallthrough", "-Werror"),
    # Functions of a type have parameters that one of them does not need; structures may be short.
    *("-Wno-unused-parameter", "-Wno-missing-field-initializers"),
)
_NEVER_WAIT = ("head.c", "native.c")
"""The files whose functions cannot switch to another greenlet."""
_SETTINGS = """
import greenlet, json, pathlib, sysconfig
print(json.dumps({
    "include": [sysconfig.get_path("include"), str(pathlib.Path(greenlet.__file__).parent)],
    "suffix": sysconfig.get_config_var("EXT_SUFFIX"),
}))
"""


@attrs.frozen
class Interpreter:
    """A Python, and what the compiler must know of it.

    Attributes:
        python: The program.
        include: The folders of its headers and of greenlet's.
        suffix: The end of the names of extension modules.
    """

    python: Path
    include: tuple[str, ...]
    suffix: str

    @classmethod
    def of(cls, python: Path = Path(sys.executable)) -> Interpreter:
        """Return what ``python`` says about itself."""
        output = subprocess.check_output([python, "-c", _SETTINGS])
        settings = json.loads(output)
        return cls(python, tuple(settings["include"]), settings["suffix"])


def compile_strictly(interpreter: Interpreter) -> bool:
    """Compile with all warnings as errors, and with the analysers; return whether all is well."""
    commands = [["gcc", "-O2", *STRICT], ["gcc", "-O1", "-fanalyzer", "-Werror"]]
    if shutil.which("clang") is not None:
        commands.append(["clang", "--analyze", "-Xanalyzer", "-analyzer-werror"])
    passed = [
        _compile([*command, *_system(interpreter), "-c", str(source)], Path("/dev/null"))
        for command in commands
        for source in sorted(SOURCES.glob("*.c"))
    ]
    return all(passed)


def build(
    folder: Path, options: Sequence[str], interpreter: Interpreter, flaw: Flaw | None = None
) -> Path:
    """Compile the module into a package below ``folder``; return the folder for the path.

    Args:
        folder: An empty folder.
        options: Options of the compiler.
        interpreter: The Python that will load it.
        flaw: A change of the sources.

    Raises:
        Failure: It cannot be compiled, or the flaw does not fit the sources.
    """
    package, native = folder / PACKAGE.name, folder / "native"
    shutil.copytree(SOURCES, native)
    package.mkdir()
    for path in PACKAGE.glob("*.py"):
        shutil.copy(path, package)
    if flaw is not None:
        flaw.apply(native)
    objects = [str(path) for path in _objects(native, options, interpreter)]
    module = package / f"_native{interpreter.suffix}"
    if not _compile([*_linker(options), *objects], module):
        raise Failure("the module could not be linked", advice="read the messages above")
    return folder


def _objects(native: Path, options: Sequence[str], interpreter: Interpreter) -> Iterator[Path]:
    for source in sorted(native.glob("*.c")):
        is_moved = "-fsanitize=address,undefined" in options and source.name not in _NEVER_WAIT
        more = ["--param", "asan-stack=0"] if is_moved else []
        made = source.with_suffix(".o")
        # Not as system headers: gcc would then take those of the usual interpreter on Debian.
        headers = [f"-I{folder}" for folder in interpreter.include]
        command = ["gcc", "-fPIC", "-std=c11", *options, *more, *headers, "-c", str(source)]
        if not _compile(command, made):
            raise Failure(f"{source.name} could not be compiled", advice="read the messages above")
        yield made


def _linker(options: Sequence[str]) -> list[str]:
    return ["gcc", "-shared", *(each for each in options if each.startswith("-fsanitize"))]


def _system(interpreter: Interpreter) -> list[str]:
    """Return the options for the headers of others, in which nothing is warned of."""
    return ["-std=c11", *(part for folder in interpreter.include for part in ("-isystem", folder))]


def _compile(command: Sequence[str], made: Path) -> bool:
    return subprocess.call([*command, "-o", str(made)], cwd=ROOT) == 0
