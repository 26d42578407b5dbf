"""Schemas compiled by jsonschema-rs, which validate a value in microseconds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jsonschema_rs

from ._rust_panics import is_panic

Schema: TypeAlias = Mapping[str, Any] | bool
Predicate: TypeAlias = Callable[[object], bool]
"""Returns whether a JSON value, as decoders return it, is valid."""

_BACKTRACK_LIMIT = 100_000
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACK_LIMIT)


def compiled(
    schema: Schema,
    *,
    assert_formats: bool = False,
    formats: dict[str, Callable[[str], bool]] | None = None,
    registry: jsonschema_rs.Registry | None = None,
) -> Predicate:
    """Compile a schema; nothing is ever fetched.

    Args:
        schema: The schema.
        assert_formats: Checks the formats of the standard.
        formats: Additional formats of strings; they override formats of the same name.
        registry: Schemas that are referred to by their URI.

    Raises:
        ValueError: The schema is invalid; the message contains the location.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            schema if isinstance(schema, bool) else dict(schema),
            formats=formats,
            validate_formats=assert_formats or formats is not None,
            registry=registry,
            pattern_options=_PATTERNS,
            offline=True,
        ).is_valid
    except BaseException as error:
        if not is_panic(error):
            raise
        raise ValueError(f"the schema cannot be compiled: {error}") from error


@functools.lru_cache(maxsize=512)
def keyword_predicate(keyword: str, value: Any) -> Predicate:
    """Return the predicate of one keyword alone; ``format`` is asserted."""
    return compiled({keyword: value}, assert_formats=True)
