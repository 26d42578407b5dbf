"""Checks of the functions that an application gives to its templates.

Jinja2 calls a filter when a page is rendered: one that takes no value would fail there, and one
that is asynchronous would show the name of a coroutine.
"""

from __future__ import annotations

import os
import types
from collections.abc import Iterable, Mapping

from photon_runtime.callables import kind_of, location
from photon_runtime.errors import SignatureError
from photon_runtime.signatures import takes

from ._environment import first_argument


def check_lists(**options: object) -> None:
    """Refuse a single value, or a text, in place of a list.

    Raises:
        SignatureError: An option is not a list.
    """
    for name, value in options.items():
        if isinstance(value, str | bytes | os.PathLike) or not isinstance(value, Iterable):
            raise SignatureError(f"{name}=... is a list, not {value!r}: write [{value!r}]")


def check_functions(kind: str, functions: object) -> None:
    """Refuse filters and tests that cannot be called with a value.

    Args:
        kind: ``filters`` or ``tests``.
        functions: The functions by name.

    Raises:
        SignatureError: They are not functions by names, or one of them takes no value or is
            asynchronous.
    """
    if not isinstance(functions, Mapping):
        raise SignatureError(
            f'{kind}=... has functions by their names, as in {{"price": price}}, not {functions!r}'
        )
    role = f"a function of {kind}=..."
    for name, function in functions.items():
        if not callable(function):
            raise SignatureError(f"{kind}=...: {name!r} is not a function: {function!r}")
        kind_of(function)
        passed = first_argument(function)
        if not takes(function, 1 if passed is None else 2):
            raise SignatureError(
                f"{location(function)} cannot be {role}: it is called with the value as its "
                f"{'first' if passed is None else 'second'} argument"
            )


def check_globals(values: object) -> None:
    """Refuse functions whose calls in a template would not run.

    Raises:
        SignatureError: They have no names, or one of them is asynchronous.
    """
    if not isinstance(values, Mapping):
        raise SignatureError(
            f'globals=... has values by their names, as in {{"shop": shop}}, not {values!r}'
        )
    for value in values.values():
        if isinstance(value, types.FunctionType | types.MethodType):
            kind_of(value)
