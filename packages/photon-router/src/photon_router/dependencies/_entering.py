"""Providers that yield a value and resume later, as functions that return a context manager.

A generator function becomes one through `contextlib.contextmanager`; a function that is already
decorated with it is used unchanged. The result of any other decorator of a generator function is
known only when it is called.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import GeneratorType
from typing import Any, TypeAlias, cast

from photon_runtime.callables import CallableKind, is_unrun, kind_of, require_value

from ..annotations import Provider

_Generator: TypeAlias = Callable[..., Iterator[object]]


def as_context_manager(provider: Provider) -> Callable[..., Any] | None:
    """Return a provider as a function that returns a context manager.

    Returns:
        ``None`` if calling the provider returns the value itself.

    Raises:
        SignatureError: The provider is asynchronous.
    """
    kind = kind_of(provider)
    if kind is CallableKind.GENERATOR:
        return contextmanager(cast("_Generator", provider))
    if kind is CallableKind.CONTEXT_MANAGER:
        return provider
    if kind is CallableKind.WRAPS_GENERATOR:
        return functools.partial(_entered, provider)
    return None


@contextmanager
def _entered(provider: Provider, /, *args: Any, **kwargs: Any) -> Iterator[object]:
    """Enter the result of a wrapped generator function."""
    result = provider(*args, **kwargs)
    if isinstance(result, GeneratorType):
        result = contextmanager(lambda: result)()
    elif not (is_unrun(result) and isinstance(result, AbstractContextManager)):
        result = nullcontext(require_value(result, provider))
    with result as value:
        yield value
