"""What types have by themselves and by the types that they contain, found once for each type.

Types contain each other in cycles, and many contain the same ones, so following all paths takes
exponential time. Tarjan's algorithm visits each type and each of its parts once: types that contain
each other have the same result, and it is known when the first of them has been left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def gathered(
    root: Any,
    inner: Callable[[Any], Sequence[Any]],
    own: Callable[[Any], frozenset[T]],
    known: dict[Any, frozenset[T]],
) -> frozenset[T]:
    """Return the union of what a type and all types inside it have.

    Args:
        root: The type.
        inner: A function that returns the types directly inside a type.
        own: A function that returns what a type has by itself.
        known: The results for other types; those of this call are added. Types that cannot be
            hashed are computed each time.
    """
    return _Walk(inner, own, known).result(root)


class _Walk:
    """One walk by Tarjan's algorithm, with a stack of its own instead of recursion."""

    def __init__(
        self,
        inner: Callable[[Any], Sequence[Any]],
        own: Callable[[Any], frozenset[Any]],
        known: dict[Any, frozenset[Any]],
    ) -> None:
        self._inner, self._own, self._known = inner, own, known
        self._numbers: dict[Any, int] = {}
        self._lowest: dict[Any, int] = {}
        self._found: dict[Any, frozenset[Any]] = {}
        self._open: list[Any] = []  # in components that are not complete
        self._path: list[tuple[Any, Iterator[Any]]] = []

    def result(self, root: Any) -> frozenset[Any]:
        key = _key(root)
        if key not in self._known:
            self._enter(root, key)
            while self._path:
                self._step()
        return self._known[key]

    def _enter(self, type_: Any, key: Any) -> None:
        self._numbers[key] = self._lowest[key] = len(self._numbers)
        self._found[key] = self._own(type_)
        self._open.append(key)
        self._path.append((key, iter(self._inner(type_))))

    def _step(self) -> None:
        key, rest = self._path[-1]
        for type_ in rest:
            other = _key(type_)
            if other in self._known:
                self._found[key] |= self._known[other]
            elif other in self._numbers:  # a cycle
                self._lowest[key] = min(self._lowest[key], self._numbers[other])
            else:
                self._enter(type_, other)
                return
        self._path.pop()
        if self._lowest[key] == self._numbers[key]:
            self._complete(key)
        if self._path:
            outer = self._path[-1][0]
            self._lowest[outer] = min(self._lowest[outer], self._lowest[key])
            self._found[outer] |= self._found[key]

    def _complete(self, key: Any) -> None:
        """Give all members of a cycle the result of the first one."""
        while True:
            member = self._open.pop()
            self._known[member] = self._found[key]
            if member == key:
                return


def _key(type_: Any) -> Any:
    try:
        hash(type_)
    except TypeError:
        return _Unhashable(type_)
    return type_


class _Unhashable:
    """The key of a type that cannot be hashed, which is distinct from all others."""

    __slots__ = ("type",)

    def __init__(self, type_: Any) -> None:
        self.type = type_
