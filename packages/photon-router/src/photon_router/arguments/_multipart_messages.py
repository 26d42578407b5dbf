"""The sentences of multipart's errors: the only module that knows their form.

An error of the library *multipart* has its sentence as its first argument, and sometimes the error
that caused it as the second, which clients do not see::

    ParserLimitReached("Maximum segment count exceeded")
    ParserError("Segment header failed to decode", UnicodeDecodeError(...))

The sentences are passed on to clients, behind a colon. The contract tests hold real errors of the
installed version against this module, so that a change of what clients read is noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multipart import MultipartError  # type: ignore[import-untyped]  # it has no py.typed


def form_message(error: MultipartError) -> str:
    """Return the reason why a form cannot be read, as it follows a colon."""
    sentence = str(error.args[0]) if error.args else "the reason is unknown"
    return sentence[:1].lower() + sentence[1:]
