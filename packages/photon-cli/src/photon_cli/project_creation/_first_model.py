"""The first model of a new project: a greeting, which the generator of scaffolds makes.

It shows what generated code looks like, and everything about it can be taken back by ``photon
destroy scaffold greeting``, because it is made as ``photon generate`` makes it.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FIRST_SCAFFOLD = ("scaffold", "greeting", "text:string")


def generate_first_model(folder: Path) -> None:
    """Generate the first model in the folder of a project.

    Raises:
        click.ClickException: It cannot be generated.
        GeneratorError: Likewise.
    """
    from .._generate import generate
    from .._watch import WatchedProject

    with contextlib.redirect_stdout(io.StringIO()):
        generate.main(
            list(FIRST_SCAFFOLD),
            prog_name="photon generate",
            obj=WatchedProject(folder, folder),
            standalone_mode=False,
        )
