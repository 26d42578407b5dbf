"""The lines of a file, by JSON pointer, so that a finding can be shown with its line."""

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
        """Read the lines; a file that cannot be parsed has none."""
        try:
            self._lines: Mapping[str, int] = _lines_of(yaml.compose(text, yaml.CSafeLoader))
        except (yaml.YAMLError, RecursionError):
            self._lines = {}

    def line(self, pointer: str) -> int | None:
        """Return the line, from 1, of a part, or of the nearest enclosing part with a line.

        Parts from other files have the line of the reference to them.
        """
        while pointer not in self._lines and pointer:
            pointer = pointer.rpartition("/")[0]
        return self._lines.get(pointer)


def _lines_of(root: Any) -> dict[str, int]:
    lines: dict[str, int] = {}
    pending = [("", root, root)]
    while pending:
        pointer, node, head = pending.pop()
        if node is None or pointer in lines:
            continue
        lines[pointer] = head.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            pending += [
                (pointer + pointer_of([key.value]), value, key) for key, value in node.value
            ]
        elif isinstance(node, yaml.SequenceNode):
            pending += [(f"{pointer}/{at}", each, each) for at, each in enumerate(node.value)]
    return lines
