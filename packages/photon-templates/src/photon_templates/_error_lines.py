"""The line of a template in which an error arose, as a note on the error.

A traceback shows it among all others. The note is its last line, so that it is in the log, and on
the page of a test or of development, next to the message.
"""

from __future__ import annotations

import linecache
from typing import Final

import jinja2

from ._jinja_internals import TemplateLine, lines_of

_PREFIX: Final = "in the template "


def add_line(error: BaseException) -> None:
    """Add the file, the line and its text to an error, once."""
    if any(note.startswith(_PREFIX) for note in getattr(error, "__notes__", ())):
        return
    place = _place(error)
    if place is not None:
        linecache.checkcache(place.file)  # the file may have changed since the last error
        text = linecache.getline(place.file, place.line).strip()
        error.add_note(f"{_PREFIX}{place.file}:{place.line}" + (f": {text}" if text else ""))


def _place(error: BaseException) -> TemplateLine | None:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return TemplateLine(error.filename or "<template>", error.lineno)
    lines = list(lines_of(error))
    return lines[-1] if lines else None
