"""The type of a result whose function is known only while a job runs."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from photon_runtime.callables import signature_target


def result_type(function: Callable[..., Any]) -> Any:
    """Return the annotated type of a function's result; `Any` without one."""
    try:
        return typing.get_type_hints(signature_target(function)).get("return", Any)
    except (NameError, TypeError, AttributeError):
        return Any
