"""Why a JSON body was refused: everything that is wrong with it, in our own words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..errors import ErrorDetail, MalformedBody, ValidationError
from ..messages import pointer_of, shorten
from ._check import SchemaCheck

# The validators recurse natively: some ten thousand levels would exhaust their stack.
MAX_DEPTH = 200

_LONGEST_MESSAGE = 300
_PATH = re.compile(r" - at (?:`key` in )?`(?P<path>\$[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[0-9]+|\.\.\.)\]")
_OFFSET = re.compile(r"\(byte (?P<byte>[0-9]+)\)")
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

decode_plain: Callable[[bytes], object] = msgspec.json.Decoder().decode


def is_deep(value: object) -> bool:
    """Whether containers are nested more than ``MAX_DEPTH`` times; walks level by level."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for container in level
            if isinstance(container, list | dict)
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, list | dict)
        ]
        if not level:
            return False
    return True


def with_integers(data: bytes) -> bytes | None:
    """Return a JSON text whose whole numbers are all written as integers: ``1.0`` as ``1``.

    ``None`` where there is nothing to write otherwise, and for what cannot be read.
    """
    found = False

    def number(text: str) -> float:
        nonlocal found
        value = float(text)
        if math.isinf(value):
            raise ValueError("a number out of range")
        if not value.is_integer():
            return value
        found = True
        return int(value)

    try:
        plain = msgspec.json.Decoder(float_hook=number).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.json.encode(plain) if found and not is_deep(plain) else None


def explain(check: SchemaCheck, data: bytes, refusal: BaseException) -> ValidationError:
    """Find everything that is wrong with a refused body."""
    try:
        plain = decode_plain(data)
    except msgspec.ValidationError as error:  # a number beyond what JSON readers agree on
        return ValidationError([_decode_error(error)])
    except msgspec.DecodeError as error:
        return MalformedBody(_syntax_message(data, str(error)))
    except UnicodeDecodeError:
        return MalformedBody("is not UTF-8")
    except RecursionError:
        return MalformedBody(_TOO_DEEP)
    if isinstance(refusal, RecursionError) or is_deep(plain):
        return MalformedBody(_TOO_DEEP)
    return ValidationError(check.errors(plain) or [_decode_error(refusal)])


_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"


def _decode_error(refusal: BaseException) -> ErrorDetail:
    """Turn the one error of msgspec into ours, its path into a pointer."""
    text = str(refusal)
    match = _PATH.search(text)
    message = text[: match.start()] if match else text
    cause = refusal.__cause__
    if isinstance(cause, ValueError | TypeError) and cause.args:
        message = str(cause.args[0])  # attrs validators add the attribute and the value to it
    path = list(_steps(match["path"])) if match else []
    return ErrorDetail("body", decode_message(message), pointer=pointer_of(path))


def decode_message(message: str) -> str:
    """``Expected `int`, got `str` `` as we would say it; shortened, since it may hold the value."""
    text = shorten(message.replace("`", ""), limit=_LONGEST_MESSAGE)
    return f"e{text[1:]}" if text.startswith("Expected ") else text


def _steps(path: str) -> Iterator[str | int]:
    """``$.items[0].price`` → items, 0, price; ends where msgspec does not name the member."""
    for step in _STEP.finditer(path):
        if step["index"] == "...":
            return
        yield step["name"] if step["index"] is None else int(step["index"])


def _syntax_message(data: bytes, message: str) -> str:
    """Where the JSON ends to be JSON, as line and column."""
    match = _OFFSET.search(message)
    if match is None:
        if _LONE_SURROGATE.search(data):
            return "is not valid JSON: it ends too early, or escapes half of a surrogate pair"
        return "is not valid JSON: it ends too early"
    offset = min(int(match["byte"]), len(data))
    if "trailing" in message:  # where msgspec points behind the character
        offset -= 1
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    reason = message[: match.start()].removeprefix("JSON is malformed: ").strip()
    return f"is not valid JSON: {reason} at line {line}, column {column}"
