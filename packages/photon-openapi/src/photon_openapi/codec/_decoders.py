"""Decoders of types that are first met while a program runs: of messages, steps and events."""

from __future__ import annotations

import functools
from typing import Any

from ..annotations import ClassRules, class_rules
from ..schema import SchemaBuilder
from ._json import JsonDecoder

_MOST = 256
"""Decoders that are kept: more than an application has types, and a bound for types made anew."""


def decoder_of(type_: Any) -> JsonDecoder:
    """Return the decoder of a type; it is made once, and kept if the type can be hashed.

    Raises:
        TypeError: The type has no form in JSON.
    """
    try:
        return _kept(type_, class_rules())
    except TypeError:  # not hashable, or without a form in JSON
        return _made(type_, class_rules())


def _made(type_: Any, _rules: ClassRules) -> JsonDecoder:
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    return JsonDecoder(type_, schema=schema, components=builder.components)


_kept = functools.lru_cache(maxsize=_MOST)(_made)
