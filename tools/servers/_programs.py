"""Where the programs of a server are: in ``PATH``, where Debian puts them, or in a wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # often missing in PATH


class ServerUnavailable(Exception):
    """A server is not installed, or does not start."""


def program(*names: str) -> Path | None:
    """Return the first program of ``names`` that is installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM])
    for name in names:
        if file := shutil.which(name, path=path):
            return Path(file)
    return None


def folder_with(folders: Iterable[Path], *programs: str) -> Path | None:
    """Return the first of ``folders`` that holds all of ``programs``."""
    for folder in folders:
        if all((folder / name).is_file() for name in programs):
            return folder
    return None


def inside(package: str, part: str) -> list[Path]:
    """Return the folder ``part`` of an installed package, as a list of one or none."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).parent / part]
