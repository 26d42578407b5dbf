"""Dependencies: values that are made for a handler by other functions.

`Depends` marks an argument; its function is called like a handler, with arguments of its own
from the request or from further dependencies. Within one request a function is called once,
however many ask for it. A generator function gives the value it yields, and goes on after the
response was made, in the reverse order of the beginnings: the place for clean-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar, cast, overload

import attrs

T = TypeVar("T")


@attrs.frozen
class Dependency:
    """The marker that `Depends` leaves in a signature."""

    provider: Callable[..., object]


@overload
def Depends(provider: Callable[..., Iterator[T]]) -> T: ...
@overload
def Depends(provider: Callable[..., T]) -> T: ...
def Depends(provider: Callable[..., T] | Callable[..., Iterator[T]]) -> T:  # noqa: N802 - a marker
    """Give an argument the result of ``provider``.

    Write it as default value, ``user: User = Depends(current_user)``, or in the annotation,
    ``user: Annotated[User, Depends(current_user)]``.

    Args:
        provider: A function whose arguments are bound like a handler's. It is called once per
            request. If it is a generator function, the argument gets what it yields, and it
            goes on after the response was made.
    """
    return cast(T, Dependency(provider))
