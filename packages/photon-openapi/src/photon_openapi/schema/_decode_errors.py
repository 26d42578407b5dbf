"""The complete list of errors of a JSON body that was refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from ..errors import ErrorDetail, MalformedBody, ValidationError
from ..messages import pointer_of
from ._check import SchemaCheck
from ._msgspec_messages import DECODE_ERRORS, parse_validation_error, syntax_message

Beside: TypeAlias = Callable[[object, list[ErrorDetail]], list[ErrorDetail]]
"""Returns the errors of a value, from the value and the errors of its schema."""

# The validators recurse natively: about ten thousand levels would exhaust the stack.
MAX_DEPTH = 200

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
    """Return a JSON text in which all whole numbers are written as integers: ``1.0`` as ``1``.

    ``None`` if no number changes, and for bytes that are not JSON.
    """
    is_changed = False

    def number(text: str) -> float:
        nonlocal is_changed
        value = float(text)
        if math.isinf(value):
            raise ValueError("a number out of range")
        if not value.is_integer():
            return value
        is_changed = True
        return int(value)

    try:
        plain = msgspec.json.Decoder(float_hook=number).decode(data)
    except DECODE_ERRORS:
        return None
    return msgspec.json.encode(plain) if is_changed and not is_deep(plain) else None


def explain(
    check: SchemaCheck, data: bytes, refusal: BaseException, beside: Beside | None = None
) -> ValidationError:
    """Return every error of a refused body.

    Args:
        check: The schema.
        data: The body.
        refusal: The exception of the decoder.
        beside: A function that adds the errors of classes to those of the schema.
    """
    try:
        plain = decode_plain(data)
    except msgspec.ValidationError as error:  # a number beyond the range of JSON decoders
        return ValidationError([_decode_error(error)])
    except RecursionError:
        return MalformedBody(_TOO_DEEP)
    except DECODE_ERRORS as error:
        return MalformedBody(syntax_message(data, error))
    if isinstance(refusal, RecursionError) or is_deep(plain):
        return MalformedBody(_TOO_DEEP)
    errors = check.errors(plain)
    if beside is not None:
        errors = beside(plain, errors)
    return ValidationError(errors or [_decode_error(refusal)])


_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"


def _decode_error(refusal: BaseException) -> ErrorDetail:
    """Convert the error of msgspec to an error detail, and its path to a pointer."""
    message, path = parse_validation_error(refusal)
    return ErrorDetail("body", message, pointer=pointer_of(path))
