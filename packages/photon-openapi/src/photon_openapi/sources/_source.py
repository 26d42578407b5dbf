"""Documents from files or from standard input, not upgraded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import yaml

from ..document import bundled, check_depth, parse_yaml, read_file
from ..errors import DocumentError
from ._positions import Positions


@attrs.frozen
class Source:
    """A document and its origin.

    Attributes:
        name: The name of the file or the application, for reports.
        data: The document, bundled with the parts of other files that it refers to.
        positions: The lines of its parts.
    """

    name: str
    data: dict[str, Any]
    positions: Positions


def from_file(path: Path) -> Source:
    """Read a document from a file.

    Raises:
        DocumentError: The file, or a file that it refers to, cannot be read.
    """
    data = _object(read_file(path), str(path))
    return Source(
        str(path), bundled(data, path, read_file), Positions(path.read_text(encoding="utf-8"))
    )


def from_text(text: str, name: str) -> Source:
    """Read a document from a string, YAML or JSON; it must not refer to other files.

    Raises:
        DocumentError: The string cannot be parsed.
    """
    try:
        data = parse_yaml(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise DocumentError([f"{name}: cannot be read: {error}"]) from error
    return Source(name, _object(data, name), Positions(text))


def _object(data: Any, name: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise DocumentError([f"{name}: a document must be an object"])
    check_depth(data)
    return data
