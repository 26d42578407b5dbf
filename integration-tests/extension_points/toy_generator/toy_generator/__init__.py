"""A generator: a module from a template, its import, an element of a list, and a setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import (
    Arguments,
    Edit,
    GeneratorError,
    InsertCode,
    InsertItem,
    Option,
    RenderFile,
    SetToml,
)
from photon_runtime.project import Project

OPTIONS: Final = (Option("switched_on", "Switch the toy on."),)


class ToyGenerator:
    """Generate a toy: NAME, and its parts.

    The parts are names as well.
    """

    options = OPTIONS

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Describe the toy."""
        name = arguments.name
        if not name.isidentifier():
            raise GeneratorError(f"`{name}` is not a name; write one such as robot")
        context = {"name": name, "parts": arguments.words}
        is_on = bool(arguments.options.get("switched_on"))
        return [
            RenderFile(f"toys/{name}.py", "toy/toy.py.jinja", context, package="toy_generator"),
            InsertCode("main.py", f"from toys import {name}", place="imports"),
            InsertItem("main.py", name, to="toys"),
            SetToml("photon.toml", ("app", "toys", name), value=is_on),
        ]

    def blockers(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Keep a toy that is in use."""
        in_use = project.root is not None and (project.root / f"{arguments.name}.lock").exists()
        return [f"remove {arguments.name}.lock first"] if in_use else []

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Name the module."""
        return [f"next: import toys.{arguments.name}"]
