"""The type of a result whose function is known only while a job runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from photon_runtime.errors import SignatureError
from photon_runtime.signatures import Parameter, read_callable


def result_type(function: Callable[..., Any]) -> Any:
    """Return the annotated type of a function's result; `Any` without one."""
    try:
        result = read_callable(function).result
    except SignatureError:
        return Any
    return Any if result is Parameter.empty else result
