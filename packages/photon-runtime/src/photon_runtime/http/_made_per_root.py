"""Values that are made once for each root path, such as a document with its address.

The root paths of an application are few, but a proxy states them: only some values are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, final

from ..made_once import MadeOnce
from ._root_path import current_root_path

T = TypeVar("T")
_MOST = 16


@final
class MadePerRoot(Generic[T]):
    """A value that is made when it is first called for below a root path."""

    def __init__(self, make: Callable[[str], T]) -> None:
        """Store the function that makes the value of a root path, as `MadeOnce` calls it."""
        self._make = make
        self._made: dict[str, MadeOnce[T]] = {}

    def __call__(self) -> T:
        """Return the value for the root path of the running request.

        Raises:
            Exception: The function raised it; the next call tries again.

        Blocks: the calling task, until the value is made.
        """
        root_path = current_root_path() or ""
        made = self._made.get(root_path)
        if made is None:
            if len(self._made) >= _MOST:
                self._made.clear()
            made = self._made[root_path] = MadeOnce(lambda: self._make(root_path))
        return made()
