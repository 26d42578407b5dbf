"""Schemas compiled by jsonschema-rs, which give their verdict in microseconds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jsonschema_rs

from ._rust_panics import is_panic

Schema: TypeAlias = Mapping[str, Any] | bool
Verdict: TypeAlias = Callable[[object], bool]
"""Says whether a JSON value, as decoders give them, is valid."""

_BACKTRACK_LIMIT = 100_000
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACK_LIMIT)


def compiled(
    schema: Schema,
    *,
    assert_formats: bool = False,
    formats: dict[str, Callable[[str], bool]] | None = None,
    registry: jsonschema_rs.Registry | None = None,
) -> Verdict:
    """Compile a schema; nothing is ever fetched.

    Args:
        schema: The schema.
        assert_formats: Whether the formats of the standard are checked.
        formats: Formats of texts that are checked as well, or instead of those of their names.
        registry: Schemas that are referred to by their URI.

    Raises:
        ValueError: The schema is wrong; the message says where.
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
def verdict_of(keyword: str, value: Any) -> Verdict:
    """Return the verdict of one keyword by itself; ``format`` is asserted."""
    return compiled({keyword: value}, assert_formats=True)
