"""Generated files whose template has changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen
class DriftedFile:
    """A generated file whose template has changed since it was written.

    Attributes:
        path: The file, from the project's folder.
        generator: The generator that wrote it.
        name: The name that it was generated for.
        version: The version of the generator's package that wrote it.
        is_edited: Whether the file was edited since.
    """

    path: str
    generator: str
    name: str
    version: str
    is_edited: bool


def list_drift(root: Path) -> list[DriftedFile]:
    """List the generated files whose template has changed since they were written.

    Args:
        root: The folder of the project.

    Raises:
        GeneratorError: The ledger cannot be read.
    """
    return []
