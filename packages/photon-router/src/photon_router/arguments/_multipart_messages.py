"""The messages of multipart's errors: the only module that depends on their format.

An error of the library *multipart* has its message as its first argument, and sometimes its cause
as the second, which is not sent to clients::

    ParserLimitReached("Maximum segment count exceeded")
    ParserError("Segment header failed to decode", UnicodeDecodeError(...))

The messages are sent to clients, after a colon. The contract tests check this module against real
errors of the installed version, so that a change of the messages is detected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multipart import MultipartError  # type: ignore[import-untyped]  # it has no py.typed


def form_message(error: MultipartError) -> str:
    """Return the reason why a form cannot be read, in lower case to follow a colon."""
    sentence = str(error.args[0]) if error.args else "the reason is unknown"
    return sentence[:1].lower() + sentence[1:]
