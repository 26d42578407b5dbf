"""Checks of options that several layers have."""

from __future__ import annotations

from typing import Any

import attrs


def is_strings(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no sequence of texts; a single text is none, though it has a length.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, str) or not all(isinstance(item, str) for item in value):  # type: ignore[attr-defined]  # else it is the TypeError
        raise TypeError(f"{field.alias} is a list of texts, not {value!r}")
