"""Decoders of types that are known only while a job runs: of steps and events."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from typing import Any

from photon_openapi.codec import JsonDecoder
from photon_openapi.schema import SchemaBuilder
from photon_runtime.callables import signature_target


def decoder_of(type_: Any) -> JsonDecoder:
    """Return the decoder of a type.

    Raises:
        TypeError: The type has no form in JSON.
    """
    try:
        return _cached(type_)
    except TypeError:  # not hashable, or without a form in JSON
        return _made(type_)


def _made(type_: Any) -> JsonDecoder:
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    return JsonDecoder(type_, schema=schema, components=builder.components)


_cached = functools.lru_cache(maxsize=256)(_made)


def result_type(function: Callable[..., Any]) -> Any:
    """Return the annotated type of a function's result; `Any` without one."""
    try:
        return typing.get_type_hints(signature_target(function)).get("return", Any)
    except (NameError, TypeError, AttributeError):
        return Any
