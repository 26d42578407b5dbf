"""The files of templates: several folders, of which the first that has a name decides.

Theory of operation. A file is found by the names along its path, as `os.scandir` returns them, so
that the spelling of a name is exact on every file system. A symbolic link counts if its target is
inside of the same folder. Files with a leading dot, copies of editors (``index.html~``) and files
of other kinds, such as images, are not templates.

In production the folders are read once, at start (`TemplateFolders.read_all`). In development a
name is looked up for each use (`TemplateFolders.find`).
"""

from __future__ import annotations

import importlib.util
import mimetypes
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import attrs

from photon_runtime.errors import PhotonError

from ._names import is_file_name

_OTHER_KINDS: Final = ("audio/", "font/", "image/", "video/", "application/zip", "application/pdf")
_TEXT_IMAGES: Final = (".svg",)

BUILTIN_FOLDER: Final = Path(__file__).parent / "builtin"
"""The templates of this package, which a project replaces by files of the same names."""


class Source(NamedTuple):
    """The text of a file.

    Attributes:
        path: Its path.
        text: The text.
        version: What changes when the file does.
    """

    path: str
    text: str
    version: tuple[int, ...]


@attrs.frozen
class TemplateFolders:
    """Folders of templates, in the order in which they are searched."""

    folders: tuple[Path, ...]

    def find(self, name: str) -> str | None:
        """Return the path of a template; ``None`` if it does not exist."""
        for folder in self.folders:
            path = _find(folder, name.split("/"))
            if path is not None:
                return path
        return None

    def list_all(self) -> dict[str, str]:
        """Return the paths of all templates by name."""
        paths: dict[str, str] = {}
        for folder in self.folders:
            root = os.path.realpath(folder)
            for name, path in _files_in(root, root, "", frozenset([root])):
                paths.setdefault(name, path)
        return dict(sorted(paths.items()))


def read_source(path: str) -> Source:
    """Read a file.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        text = file.read().decode("utf-8-sig")
    return Source(path, text, _version(status))


def version_of(path: str) -> tuple[int, ...] | None:
    """Return what changes when a file does; ``None`` if it does not exist."""
    try:
        return _version(os.stat(path))
    except OSError:
        return None


def package_folder(package: str) -> Path:
    """Return the folder ``templates`` of a package.

    Raises:
        PhotonError: The package is not installed, or has no such folder.
    """
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise PhotonError(f"the package {package!r}, which brings templates, is not installed")
    for location in spec.submodule_search_locations or ():
        folder = Path(location) / "templates"
        if folder.is_dir():
            return folder
    raise PhotonError(f"the package {package!r} has no folder `templates`")


def is_template_file(name: str) -> bool:
    """Return whether a file can be a template, by its name."""
    if name.startswith(".") or name.endswith(("~", ".orig", ".rej", ".pyc")):
        return False
    if name.lower().endswith(_TEXT_IMAGES):
        return True
    kind = mimetypes.guess_type(name)[0] or ""
    return not kind.startswith(_OTHER_KINDS)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _find(folder: Path, parts: Sequence[str]) -> str | None:
    """Return the path of a file below a folder, if all names are spelled as they are there."""
    root = os.path.realpath(folder)
    path = root
    try:
        for part in parts:
            if part not in os.listdir(path):
                return None
            path = os.path.join(path, part)
    except OSError:
        return None
    is_file = is_template_file(parts[-1]) and os.path.isfile(path)
    return path if is_file and _is_inside(os.path.realpath(path), root) else None


def _files_in(
    root: str, folder: str, prefix: str, above: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield the names and paths of the templates below a folder.

    Args:
        root: The folder of templates, without symbolic links.
        folder: The folder to look into.
        prefix: The beginning of names in it.
        above: The real paths of the folder and those above it, so that a link to one of them ends.
    """
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        name = prefix + entry.name
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
        if not _is_inside(real, root):
            continue
        if os.path.isdir(entry.path):  # false, where `entry.is_dir()` raises for a loop of links
            inside = os.path.realpath(entry.path)
            if inside not in above:
                yield from _files_in(root, entry.path, f"{name}/", above | {inside})
        elif os.path.isfile(entry.path) and is_template_file(entry.name) and is_file_name(name):
            yield name, entry.path


def _is_inside(path: str, root: str) -> bool:
    return path.startswith(root.rstrip(os.sep) + os.sep)
