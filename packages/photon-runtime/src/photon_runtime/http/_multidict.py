"""Names with several values: the fields of a head, the parameters of a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, overload

D = TypeVar("D")


class MultiDict(Mapping[str, str]):
    """Names with one or more values each, in the order of arrival.

    As a mapping it returns the last value of a name, as for HTML forms.
    """

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Keep ``pairs`` of name and value."""
        self._pairs = list(pairs)
        self._values: dict[str, str] = dict(self._pairs)

    def __getitem__(self, name: str) -> str:
        """Return the last value of ``name``."""
        return self._values[name]

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | D) -> str | D: ...
    def get(self, name: str, /, default: str | D | None = None) -> str | D | None:
        """Return the last value of ``name``, or ``default`` if it has none."""
        return self._values.get(name, default)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, each once."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of different names."""
        return len(self._values)

    def __repr__(self) -> str:
        """Show the pairs."""
        return f"{type(self).__name__}({self._pairs!r})"

    def getlist(self, name: str) -> list[str]:
        """Return every value of ``name`` in order, an empty list if it has none."""
        return [value for key, value in self._pairs if key == name]

    def pairs(self) -> list[tuple[str, str]]:
        """Return all pairs of name and value in order."""
        return list(self._pairs)
