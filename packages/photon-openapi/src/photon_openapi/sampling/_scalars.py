"""Numbers and strings that satisfy a flat schema."""

from __future__ import annotations

import base64
import functools
import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import attrs

from ..document import OpenApi
from ..schema import SchemaCheck
from ._draw import Draw
from ._pattern import matching_string

MAX_LENGTH: Final = 100_000
"""Maximum number of characters of a string."""
_WORD: Final = "string"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_STEPS: Final = 100
_TRIES: Final = 40
_FORMATS: Final[Mapping[str, str]] = {
    "date-time": "2025-01-31T12:30:00Z",
    "date": "2025-01-31",
    "time": "12:30:00Z",
    "date-time-local": "2025-01-31T12:30:00",
    "time-local": "12:30:00",
    "duration": "P1DT12H",
    "email": "user@example.com",
    "idn-email": "user@example.com",
    "hostname": "www.example.com",
    "idn-hostname": "www.example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "iri": "https://example.com/",
    "uri-reference": "/path",
    "iri-reference": "/path",
    "uri-template": "/items/{id}",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "/items/0",
    "relative-json-pointer": "0",
    "regex": "^[a-z]+$",
    "byte": "cGhvdG9u",
    "base64url": "cGhvdG9u",
    "char": "a",
    "decimal": "1.50",
    "html": "<p>text</p>",
}


class NoValue(ValueError):
    """A schema has no valid value, or none was found; the message is the reason."""


def number_for(schema: OpenApi, draw: Draw, *, is_integer: bool) -> int | float:
    """Return a number.

    Raises:
        NoValue: No number is within the limits.
    """
    low, high = _limits(schema)
    factor = Fraction(str(schema.get("multipleOf", 0)))
    if is_integer:
        factor = Fraction(factor.numerator or 1)
    value = _multiple(low, high, factor or Fraction(1), draw)
    if value is None and not factor and low is not None and high is not None and low.at < high.at:
        value = (low.at + high.at) / 2
    if value is None:
        raise NoValue("no number is within the limits")
    return int(value) if value.denominator == 1 else float(value)


@attrs.frozen
class _Limit:
    """A limit of numbers.

    Attributes:
        at: The value of the limit.
        is_open: Excludes the limit itself.
    """

    at: Fraction
    is_open: bool


def _limits(schema: OpenApi) -> tuple[_Limit | None, _Limit | None]:
    result: dict[str, _Limit] = {}
    for key, other in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        limits = [
            _Limit(Fraction(str(schema[each])), each == other)
            for each in (key, other)
            if each in schema
        ]
        sign = 1 if key == "minimum" else -1
        if limits:
            result[key] = max(limits, key=lambda each: (sign * each.at, each.is_open))
    return result.get("minimum"), result.get("maximum")


def _multiple(
    low: _Limit | None, high: _Limit | None, factor: Fraction, draw: Draw
) -> Fraction | None:
    """Return a multiple of ``factor`` between two limits, ``factor`` itself if possible."""
    least = most = None
    if low is not None:
        least = math.ceil(low.at / factor)
        least += low.is_open and least * factor == low.at
    if high is not None:
        most = math.floor(high.at / factor)
        most -= high.is_open and most * factor == high.at
    if least is not None and most is not None and least > most:
        return None
    if draw.is_plain:
        plainest = max(1, least) if least is not None else 1
        return factor * (min(plainest, most) if most is not None else plainest)
    if least is None:
        least = (
            most - _STEPS if most is not None and most < 0 else 0 if most is None else min(0, most)
        )
    return factor * draw.between(least, least + _STEPS if most is None else most)


def string_for(schema: OpenApi, draw: Draw) -> str:
    """Return a string.

    Raises:
        NoValue: No valid string was found.
    """
    shortest = int(schema.get("minLength", 0))
    longest = int(schema.get("maxLength", MAX_LENGTH))
    if shortest > min(longest, MAX_LENGTH):
        raise NoValue(f"strings of {shortest} characters or more are not generated")
    if "pattern" in schema:
        return _matching(schema, draw)
    if schema.get("contentEncoding") in ("base64", "base64url"):
        return base64.b64encode(b"photon" * max(1, math.ceil(shortest / 8))).decode()
    if schema.get("contentMediaType") == "application/json":
        return "{}"
    example = _FORMATS.get(schema.get("format", ""))
    if example is not None and shortest <= len(example) <= longest:
        return example if draw.is_plain else _varied(example, schema["format"], draw)
    word = _WORD if draw.is_plain else "".join(draw.pick(_LETTERS) for _ in _WORD)
    word *= max(1, math.ceil(shortest / len(word)))
    return word[: min(longest, max(shortest, len(_WORD)))]


def _varied(example: str, form: str, draw: Draw) -> str:
    """Return another string of a format, for formats where it is simple."""
    if form == "uuid":
        return example[:-12] + "".join(draw.pick("0123456789abcdef") for _ in range(12))
    if form in ("date", "date-time"):
        day = draw.between(10, 28)
        return f"{example[:8]}{day}{example[10:]}"
    if form in ("email", "idn-email"):
        return "".join(draw.pick(_LETTERS) for _ in range(5)) + example[4:]
    if form in ("uri", "url", "iri", "uri-reference", "iri-reference"):
        return example + "".join(draw.pick(_LETTERS) for _ in range(5))
    return example


@functools.lru_cache(maxsize=256)
def _string_limits(limits: str) -> SchemaCheck:
    return SchemaCheck(json.loads(limits))


def _matching(schema: OpenApi, draw: Draw) -> str:
    """Return a string that matches a pattern and has an allowed length."""
    limits: OpenApi = {
        key: schema[key] for key in ("minLength", "maxLength", "pattern") if key in schema
    }
    check = _string_limits(json.dumps(limits))
    example = _FORMATS.get(schema.get("format", ""))
    if example is not None and check.is_valid(example):
        return example
    shortest = schema.get("minLength", 0)
    seeds = [None] if draw.is_plain else [draw.between(0, 1 << 30) for _ in range(20)]
    for seed in seeds:
        for more in (0, *range(max(0, shortest - _TRIES), shortest + 1), 1, 2):
            try:
                text = matching_string(schema["pattern"], Draw(seed, length=more))
            except (ValueError, RecursionError) as error:
                raise NoValue(f"no string was found for the pattern: {error}") from error
            for each in (text, text + "a" * (shortest - len(text))):
                if check.is_valid(each):
                    return each
    raise NoValue("no string was found that matches the pattern and the length limits")
