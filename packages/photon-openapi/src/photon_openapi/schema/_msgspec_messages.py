"""Parses the messages of msgspec's errors: the only module that depends on their wording.

msgspec describes the error and its location in one English sentence; its errors have no fields.
Three kinds are distinguished::

    Expected `str`, got `int` - at `$.items[0].name`      ValidationError: sentence and path
    JSON is malformed: invalid character (byte 9)         DecodeError with an offset
    Input data was truncated                              DecodeError without one

Invalid UTF-8 inside a string is a ``UnicodeDecodeError`` up to msgspec 0.22 and a ``DecodeError``
without an offset since 0.23, so the bytes themselves are checked, whatever the error. The contract
tests check this module against real errors of the installed version and recorded errors of the
others; they fail with a new wording before a client receives a wrong message.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import msgspec

from ..messages import shorten

# The exceptions that msgspec raises for a body that it cannot decode.
DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_LONGEST_MESSAGE = 300
_PATH = re.compile(r" - at (?:`key` in )?`(?P<path>\$[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[0-9]+|\.\.\.)\]")
_OFFSET = re.compile(r"\(byte (?P<byte>[0-9]+)\)")
_TRUNCATED = "truncated"
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_validation_error(error: BaseException) -> tuple[str, list[str | int]]:
    """Split a ``ValidationError`` into message and path.

    Returns:
        The message, and the path to the value, which ends where msgspec does not name the member.
    """
    text = str(error)
    match = _PATH.search(text)
    message = text[: match.start()] if match else text
    cause = error.__cause__
    if isinstance(cause, ValueError | TypeError) and cause.args:
        message = str(cause.args[0])  # attrs validators add the attribute and the value to it
    return decode_message(message), list(_steps(match["path"])) if match else []


def conversion_message(error: msgspec.MsgspecError) -> str:
    """Return the message about a value that ``msgspec.convert`` refused."""
    return str(error).replace("`", "")


def decode_message(message: str) -> str:
    """Return ``expected int, got str`` for msgspec's message; truncated: it may contain a value."""
    text = shorten(message.replace("`", ""), limit=_LONGEST_MESSAGE)
    return f"e{text[1:]}" if text.startswith("Expected ") else text


def syntax_message(data: bytes, error: BaseException) -> str:
    """Return the message about bytes that are not JSON, with line and column if known."""
    message = str(error)
    match = _OFFSET.search(message) if isinstance(error, msgspec.DecodeError) else None
    if match is None:
        return _without_offset(data, message)
    offset = min(int(match["byte"]), len(data))
    if "trailing characters" in message:  # msgspec's offset is that of the next character
        offset -= 1
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    reason = message[: match.start()].removeprefix("JSON is malformed: ").strip()
    return f"is not valid JSON: {reason} at line {line}, column {column}"


def _without_offset(data: bytes, message: str) -> str:
    if not _is_utf8(data):
        return "is not UTF-8"
    if _TRUNCATED not in message:
        return "is not valid JSON"
    if _LONE_SURROGATE.search(data):
        return "is not valid JSON: it ends too early, or escapes half of a surrogate pair"
    return "is not valid JSON: it ends too early"


def _is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8, or the beginning of it: a partial last character is truncation."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _steps(path: str) -> Iterator[str | int]:
    """``$.items[0].price`` → items, 0, price."""
    for step in _STEP.finditer(path):
        if step["index"] == "...":
            return
        yield step["name"] if step["index"] is None else int(step["index"])
