"""The line of a template in which an error arose, as a note on the error.

A traceback shows it among all others. The note is its last line, so that it is in the log, and on
the page of a test or of development, next to the message.
"""

from __future__ import annotations

import linecache
from typing import Final

import jinja2

from ._jinja_internals import lines_of

_PREFIX: Final = "in the template "


def add_line(error: BaseException) -> None:
    """Add the file, the line and its text to an error, once."""
    if any(note.startswith(_PREFIX) for note in getattr(error, "__notes__", ())):
        return
    if isinstance(error, jinja2.TemplateSyntaxError):
        return  # its message has them
    lines = list(lines_of(error))
    if lines:
        file, line, _ = lines[-1]
        text = linecache.getline(file, line).strip()
        error.add_note(f"{_PREFIX}{file}:{line}" + (f": {text}" if text else ""))
