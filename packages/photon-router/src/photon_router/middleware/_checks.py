"""Validators of the options of middleware."""

from __future__ import annotations

from typing import Any

import attrs


def is_strings(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    """Require a sequence of strings; a single string is refused.

    Raises:
        TypeError: The value is not a sequence of strings.
    """
    if isinstance(value, str) or not all(isinstance(item, str) for item in value):  # type: ignore[attr-defined]  # else it is the TypeError
        raise TypeError(f"{field.alias} is a list of strings, not {value!r}")
