"""The names of a project: its folder, its distribution, its package, its title.

The package is imported with the project's folder in front of ``sys.path``, so a package with the
name of another module hides it from everything that runs in the project. Names of that kind are
refused with a suggestion, before anything is written.
"""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from importlib.machinery import PathFinder
from pathlib import Path

import attrs
import inflection

from photon_runtime.generators import GeneratorError

_FOLDERS = frozenset({"config", "db", "dist", "docs", "static", "templates", "tests", "wheels"})
"""Names that folders of a project have, or may get."""


@attrs.frozen
class ProjectName:
    """The names of one project.

    Attributes:
        folder: Folder of the project.
        package: Name of its Python package: ``my_blog``.
        distribution: Name in ``pyproject.toml``: ``my-blog``.
        title: Name for people: ``My Blog``.
    """

    folder: Path
    package: str
    distribution: str
    title: str

    @classmethod
    def parse(cls, text: str, *, directory: Path) -> ProjectName:
        """Derive the names from a path.

        Args:
            text: The path of the new folder, or a name; ``.`` is the current folder.
            directory: The current folder.

        Raises:
            GeneratorError: The last part of the path is not suitable; the message suggests a name.
        """
        if not text.strip():
            raise GeneratorError("the name is empty; choose another name, such as `my-project`")
        if not text.isprintable():
            raise GeneratorError(
                f"the name {text!r} has a character that cannot be seen; choose another name, such"
                " as `my-project`"
            )
        folder = Path(directory, Path(text).expanduser())
        folder = folder.parent.resolve() / folder.name if folder.name != ".." else folder.resolve()
        if text.strip() == "." or folder == directory:
            folder = directory.resolve()
        package = _package_name(folder.name)
        problem = _problem(folder.name, package)
        if problem:
            raise GeneratorError(problem)
        words = package.split("_")
        return cls(folder, package, "-".join(words), " ".join(map(str.capitalize, words)))


def _package_name(name: str) -> str:
    """Return the name in snake case, in ASCII."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    snake = inflection.underscore(re.sub(r"[^A-Za-z0-9]+", "_", plain))
    return re.sub(r"_+", "_", snake).strip("_")


def _problem(name: str, package: str) -> str:
    """Describe why a name is unsuitable, with a suggestion; empty if it is suitable."""
    if not package:
        return (
            f"the name {name!r} has no letter from a to z, so a Python package cannot be named"
            " after it; choose another name, such as `my-project`"
        )
    if package[0].isdigit():
        return (
            f"the package of the project would be named `{package}`, and a Python name cannot begin"
            f" with a digit; choose another name, such as `project-{package.replace('_', '-')}`"
        )
    reason = _reason(package)
    if not reason:
        return ""
    return (
        f"the package of the project would be named `{package}`, {reason};"
        f" choose another name, such as `{_suggestion(package)}`"
    )


def _reason(package: str) -> str:
    """Describe what else has the name of a package; empty if nothing has it."""
    if keyword.iskeyword(package):
        return "which is a keyword of Python"
    if package in {*sys.stdlib_module_names, "test"}:
        return "which is a module of Python's standard library"
    if package.split("_")[0] == "photon":
        return "and names that begin with `photon` are those of Photon's own packages"
    if package in _FOLDERS:
        return "which is the name of another folder of projects"
    if _is_installed(package):
        return "which is an installed module"
    return ""


def _is_installed(package: str) -> bool:
    """Return whether a module of this name can be imported, apart from those of this folder."""
    here = Path.cwd()
    search = [entry for entry in sys.path if entry and Path(entry).resolve() != here]
    try:
        return PathFinder.find_spec(package, search) is not None
    except (ImportError, ValueError):
        return False


def _suggestion(package: str) -> str:
    """Return a name that is close to the one that was refused."""
    base = re.sub(r"^photon_?", "", package) or "my_project"
    for candidate in (base, f"{base}_app", f"my_{base}", f"{base}_project"):
        if candidate != package and not _reason(candidate):
            return candidate.replace("_", "-")
    return "my-project"
