"""A generator: a module, its import, a line of code and a key of the settings."""

from __future__ import annotations

from collections.abc import Sequence

from photon_runtime.generators import (
    Arguments,
    CreateFile,
    Edit,
    GeneratorError,
    InsertCode,
    SetToml,
)
from photon_runtime.project import Project


class ToyGenerator:
    """Generate a toy: NAME, and its parts.

    The parts are names as well.
    """

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Describe the toy."""
        name = arguments.name
        if not name.isidentifier():
            raise GeneratorError(f"`{name}` is not a name; write one such as robot")
        return [
            CreateFile(f"toys/{name}.py", f"NAME = {name!r}\nPARTS = {arguments.words!r}\n"),
            InsertCode("main.py", f"from toys import {name}", place="imports"),
            InsertCode("main.py", f"toys.append({name})", after="toys = []"),
            SetToml("photon.toml", ("app", "toys", name), value=True),
        ]
