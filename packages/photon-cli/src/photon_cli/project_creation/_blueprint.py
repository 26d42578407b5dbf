"""The files of a new project, from the code templates in ``blueprints/new``.

Each layer is a folder that is laid out as the project. ``package`` in a path is replaced by the
name of the project's package, ``dot-`` at the beginning of a name by a dot. A file that ends in
``.jinja`` is a code template; its placeholders are written ``[[ name ]]``, so that templates of
Jinja2 can be generated as well. Other files are copied.
"""

from __future__ import annotations

import re
import secrets
from importlib import resources
from typing import TYPE_CHECKING

import attrs
import jinja2

from .._version import own_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

    from ._choices import Choices
    from ._name import ProjectName

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
    root = resources.files("photon_cli") / "blueprints" / "new"
    files: dict[str, bytes] = {}
    for layer in choices.layers:
        for path, source in _walk(root / layer):
            content = _content(path, source, values)
            if content is not None:
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


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _walk(entry, f"{path}/")
        else:
            yield path, entry


def _content(path: str, source: Traversable, values: Mapping[str, object]) -> bytes | None:
    """Return the content of one file; ``None`` if its template is empty for this project."""
    if not path.endswith(_SUFFIX):
        return source.read_bytes()
    text = _environment().from_string(source.read_text("utf-8")).render(values)
    return text.encode() if text.strip() else None


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # what is generated is code, not HTML
    )


def _target(path: str, name: ProjectName) -> str:
    parts = path.removesuffix(_SUFFIX).split("/")
    named = (name.package if part == "package" else part for part in parts)
    return "/".join(re.sub(r"^dot-", ".", part) for part in named)
