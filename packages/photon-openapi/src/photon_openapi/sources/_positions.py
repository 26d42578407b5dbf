"""Lines of a file for JSON pointers, so that a finding can be shown where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from ..messages import pointer_of


class Positions:
    """The lines of the parts of one file.

    Args:
        text: The file, YAML or JSON.
    """

    def __init__(self, text: str) -> None:
        """Read the file; of one that cannot be read nothing is known."""
        try:
            self._lines: Mapping[str, int] = _lines_of(yaml.compose(text, yaml.CSafeLoader))
        except (yaml.YAMLError, RecursionError):
            self._lines = {}

    def line(self, pointer: str) -> int | None:
        """Return the line, from 1, of a part, or of the nearest one around it that is known.

        What a document has from other files has the line of what refers to it.
        """
        while pointer not in self._lines and pointer:
            pointer = pointer.rpartition("/")[0]
        return self._lines.get(pointer)


def _lines_of(root: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    waiting = [("", root, root)]
    while waiting:
        pointer, node, head = waiting.pop()
        if node is None or pointer in found:
            continue
        found[pointer] = head.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            waiting += [
                (pointer + pointer_of([key.value]), value, key) for key, value in node.value
            ]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(f"{pointer}/{at}", each, each) for at, each in enumerate(node.value)]
    return found
