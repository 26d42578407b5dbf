"""photon-speedups in an environment: compiled in place, on machines that have what that needs.

Theory of operation. The module is the only package that needs a compiler, so hatch leaves it out:
pip installs it when everything else is installed. If that fails, its Python files alone are
installed, and Photon runs on its Python code, which is what the module replaces. The exception is
continuous integration (``CI=true``), where the tests of the module would be left out unnoticed.

The compiled file is beside the sources, under a name for this version of Python, and all
environments of that version share it. The stamp of an environment is a digest of the sources and
of that file, so any other file, such as that of another environment after a change of the sources,
counts as not built. If the sources do not compile, an older file is removed: tests must not run on
code that the sources do not have any more.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

NAME = "photon-speedups"
_BUILT_FROM = ("pyproject.toml", "setup.py", "src/**/*.c", "src/**/*.h")


class NativeModule:
    """The module in one environment, whose version of Python is that of this process.

    Attributes:
        folder: The package's folder.
        python: The interpreter of the environment.
    """

    def __init__(self, folder: Path, *, python: Path) -> None:
        self.folder = folder
        self.python = python
        self._stamp = python.parent.parent / f"{NAME}.stamp"

    def is_built(self) -> bool:
        """Whether the environment has the module, compiled from the sources of now."""
        return self._is_installed() and self._compiled() != []

    def _is_installed(self) -> bool:
        return self._stamp.exists() and self._stamp.read_text() == self._digest()

    def obstacle(self) -> str | None:
        """Return why this machine cannot compile the module; ``None`` if it can."""
        if sys.platform != "linux":
            return "it is for Linux"
        if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
            return "it is for CPython with a global interpreter lock"
        command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
        compiler = shlex.split(command)[0]
        if shutil.which(compiler) is None:
            return f"the C compiler `{compiler}` is not on PATH (on Debian: build-essential)"
        header = Path(sysconfig.get_path("include")) / "Python.h"
        if not header.exists():
            return f"{header} is missing (on Debian: python3-dev)"
        return None

    def build(self) -> str | None:
        """Compile and install the module in place.

        Returns:
            The output of pip if it failed, otherwise ``None``.
        """
        return self._install(compiles=True)

    def leave_out(self) -> str | None:
        """Install the package without its module, and remove what was compiled earlier.

        Returns:
            The output of pip if it failed, otherwise ``None``.
        """
        return None if self._is_installed() else self._install(compiles=False)

    def _install(self, *, compiles: bool) -> str | None:
        self._remove_compiled()
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install"]
        done = self._run(
            [*command, "--no-deps", "--no-build-isolation", "-e", str(self.folder)],
            variables=os.environ | {"PHOTON_SPEEDUPS_COMPILE": str(int(compiles))},
        )
        if done.returncode != 0:
            self._remove_compiled()
            return done.stdout
        self._stamp.write_text(self._digest())
        return None

    def _remove_compiled(self) -> None:
        for path in self._compiled():
            path.unlink()

    def _compiled(self) -> list[Path]:
        return sorted(self.folder.glob(f"src/*/*{sysconfig.get_config_var('EXT_SUFFIX')}"))

    def _digest(self) -> str:
        found = hashlib.sha256()
        sources = {path for pattern in _BUILT_FROM for path in self.folder.glob(pattern)}
        for path in [*sorted(sources), *self._compiled()]:
            found.update(f"\0{path.relative_to(self.folder)}\0".encode())
            found.update(path.read_bytes())
        return found.hexdigest()

    @staticmethod
    def _run(
        command: Sequence[str], *, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
