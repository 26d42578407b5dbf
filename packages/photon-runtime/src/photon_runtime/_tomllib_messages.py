"""The sentences of tomllib's errors, read: the only module that knows their wording.

Up to Python 3.13 ``tomllib`` writes the position at the end of the sentence, and nowhere else::

    Invalid value (at line 4, column 5)
    Unclosed array (at end of document)

Since 3.14 an error also has it as ``msg``, ``lineno`` and ``colno``, which are then taken. The
contract tests hold real errors of the running Python and recorded ones of both sorts against this
module.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tomllib

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def syntax_message(name: str, text: str, error: tomllib.TOMLDecodeError) -> str:
    """Say as ``file:line`` and in words what is wrong with a text that is not TOML.

    Args:
        name: The file as messages show it.
        text: What was read.
        error: What ``tomllib`` raised for it.
    """
    sentence = str(error)
    found = _POSITION.search(sentence)
    what = getattr(error, "msg", None) or _POSITION.sub("", sentence)
    if found is None or found[1] is None:
        return f"{name}:{text.rstrip().count(chr(10)) + 1}: this is not TOML: {what}"
    line = getattr(error, "lineno", found[1])
    column = getattr(error, "colno", found[2])
    return f"{name}:{line}: this is not TOML: {what} (column {column})"
