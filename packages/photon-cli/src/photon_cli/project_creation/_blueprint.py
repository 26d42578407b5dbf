"""The files of a new project, from the code templates in ``blueprints/new``.

Each layer is a folder that is laid out as the project. ``package`` in a path is replaced by the
name of the project's package, ``dot-`` at the beginning of a name by a dot. A file that ends in
``.jinja`` is rendered, and not created if nothing but white space remains. Other files are copied.
"""

from __future__ import annotations

import re
import secrets
from importlib import resources
from typing import TYPE_CHECKING

import attrs

from .._version import own_version
from ..generation import Blueprints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from ._choices import Choices
    from ._name import ProjectName

_PACKAGE = "photon_cli"
_SUFFIX = ".jinja"


def project_files(name: ProjectName, choices: Choices) -> dict[str, bytes]:
    """Return the content of each file, by its path from the folder of the project.

    Two calls differ in their secrets.

    Args:
        name: The names of the project.
        choices: Its kind and its database.
    """
    values = {
        "project": name,
        "choices": choices,
        "version": compatible_release(own_version()),
        "variables": production_variables(name, choices),
        "new_secret": lambda: secrets.token_urlsafe(32),
    }
    blueprints = Blueprints(name.folder, _PACKAGE)
    root = resources.files(_PACKAGE) / "blueprints" / "new"
    files: dict[str, bytes] = {}
    for layer in choices.layers:
        for path in _walk(root / layer):
            content = blueprints.render(f"new/{layer}/{path}", values)
            if content.strip() or not path.endswith(_SUFFIX):
                files[_target(path, name)] = content
    return dict(sorted(files.items()))


@attrs.frozen
class Variable:
    """A variable of the environment that production needs.

    Attributes:
        name: Its name.
        value: Its value in ``.env.example``.
        example: Its value in a shell.
    """

    name: str
    value: str
    example: str


def production_variables(name: ProjectName, choices: Choices) -> list[Variable]:
    """Return the variables that ``config/production.toml`` refers to."""
    variables = []
    if choices.has_pages:
        variables.append(Variable("SECRET_KEY", "", "$(photon secret)"))
    if choices.database == "postgresql":
        url = f"postgresql://USER:PASSWORD@HOST/{name.package}"
        variables.append(Variable("DATABASE_URL", url, url))
    return variables


def compatible_release(version: str) -> str:
    """Return the requirement of a version of Photon in projects: ``~=0.1.0`` for ``0.1.4``."""
    numbers = re.match(r"\d+\.\d+", version)
    is_final = re.fullmatch(r"\d+(\.\d+)+", version) is not None
    return f"~={numbers[0]}.0" if numbers and is_final else f"~={version}"


def _walk(folder: Traversable, prefix: str = "") -> Iterator[str]:
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _walk(entry, f"{path}/")
        else:
            yield path


def _target(path: str, name: ProjectName) -> str:
    parts = path.removesuffix(_SUFFIX).split("/")
    named = (name.package if part == "package" else part for part in parts)
    return "/".join(re.sub(r"^dot-", ".", part) for part in named)
