"""Generated files whose template has changed since, and copies of templates that are outdated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from photon_runtime.generators import GeneratorError

from ._blueprints import Blueprints
from ._ledger import Ledger, digest

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

    The template is that of the project where it overrides that of the package. Files that do not
    exist any more are not listed, nor those that have no template.

    Args:
        root: The folder of the project.

    Raises:
        GeneratorError: The ledger cannot be read.
    """
    drifted = []
    for record in Ledger.read(root).records:
        for file in record.files:
            try:
                content = (root / file.path).read_bytes()
            except OSError:
                continue
            if file.template and _current_digest(root, file.template) != file.template_digest:
                is_edited = digest(content) != file.digest
                drifted.append(
                    DriftedFile(file.path, record.generator, record.name, record.version, is_edited)
                )
    return drifted


def _current_digest(root: Path, template: str) -> str | None:
    package, _, name = template.partition(":")
    try:
        return Blueprints(root, package).digest(name)
    except GeneratorError:  # a later version of the package may not have it
        return None
