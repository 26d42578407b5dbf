"""Schemas that cannot be compiled, or whose validation would take exponential time.

Both concern single schemas, and are known without compiling any of them, in one walk over the
document.

A schema and those that it contains in place (``allOf``, ``anyOf``, ``$ref`` ...) apply to the same
value. Where each of two branches refers to the next schema, twenty of them apply the last one a
million times: a document of a few lines would occupy a process for minutes. So the applications to
one value are counted, for each schema once, and bounded. A schema that contains itself in place, as
the subclass of a union that refers to the union does, counts once: validators notice recurrences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from ..messages import pointer_of, shorten
from ._definitions import Definitions, DocumentPart
from ._schema_errors import Problem

MAX_APPLICATIONS: Final = 20_000
"""Maximum number of schemas that apply to one value; public documents have some hundred."""
_LISTS: Final = ("allOf", "anyOf", "oneOf")
_ONE: Final = ("not", "if", "then", "else")
_PATTERNS: Final = jsonschema_rs.FancyRegexOptions()


def unsound_schemas(definitions: Definitions) -> Iterator[Problem]:
    """Yield the schemas with an invalid pattern, and those that apply too many schemas."""
    schemas = [part for part in definitions.parts if part.is_schema]
    yield from _wrong_patterns(schemas)
    yield from _exploding(schemas, definitions)


# -- patterns -----------------------------------------------------------------------------------


def _wrong_patterns(schemas: list[DocumentPart]) -> Iterator[Problem]:
    wrongs: dict[str, str | None] = {}
    for pointer, pattern in _patterns(schemas):
        if pattern not in wrongs:
            wrongs[pattern] = _wrong_pattern(pattern)
        if wrongs[pattern] is not None:
            yield Problem(pointer, f"{wrongs[pattern]}; write an expression of ECMA 262")


def _patterns(schemas: list[DocumentPart]) -> Iterator[tuple[str, str]]:
    for part in schemas:
        pattern, named = part.value.get("pattern"), part.value.get("patternProperties")
        if isinstance(pattern, str):
            yield f"{part.pointer}/pattern", pattern
        for name in named if isinstance(named, dict) else ():
            yield part.pointer + pointer_of(["patternProperties", name]), name


def _wrong_pattern(pattern: str) -> str | None:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=_PATTERNS)
    except (ValueError, jsonschema_rs.ValidationError):
        return f"the regular expression {shorten(pattern)!r} cannot be compiled"
    return None


# -- applications to one value ------------------------------------------------------------------


def _exploding(schemas: list[DocumentPart], definitions: Definitions) -> Iterator[Problem]:
    counts: dict[int, int] = {}
    for part in schemas:
        _count(part.value, definitions, counts)
        if counts[id(part.value)] > MAX_APPLICATIONS and not any(
            counts.get(id(inner), 0) > MAX_APPLICATIONS
            for inner in _in_place(part.value, definitions)
        ):
            yield Problem(
                part.pointer,
                f"more than {MAX_APPLICATIONS} schemas apply to one value by nested references, "
                "allOf, anyOf and oneOf; remove repeated ones",
            )


def _count(schema: dict[str, Any], definitions: Definitions, counts: dict[int, int]) -> None:
    """Count the schemas that apply where ``schema`` applies; one that is being counted is 1."""
    pending = [(schema, False)]
    while pending:
        current, is_ready = pending.pop()
        if not is_ready:
            if id(current) in counts:
                continue
            counts[id(current)] = 1
            pending.append((current, True))
            pending += [(each, False) for each in _in_place(current, definitions)]
            continue
        inner = sum(counts[id(each)] for each in _in_place(current, definitions))
        counts[id(current)] = min(1 + inner, MAX_APPLICATIONS + 1)


def _in_place(schema: dict[str, Any], definitions: Definitions) -> list[dict[str, Any]]:
    """Return the schemas that apply to the same value."""
    inner: list[Any] = []
    for key in _LISTS:
        listed = schema.get(key)
        inner += listed if isinstance(listed, list) else ()
    inner += [schema[key] for key in _ONE if key in schema]
    dependent = schema.get("dependentSchemas")
    inner += dependent.values() if isinstance(dependent, dict) else ()
    if "$ref" in schema:
        inner.append(definitions.find(schema["$ref"]))
    return [each for each in inner if isinstance(each, dict)]
