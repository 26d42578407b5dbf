"""Who makes a dependency's value: the function that was named, or what stands in for it in a test.

Values of the application are made once for each start, before the first request, and are ended
after the last in the reverse order. They lie in cells, which the plans read; when an application
that runs gets other stand-ins, their values are made then and live as long as the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias, cast

import attrs

from ..annotations._depends import Dependency, Overrides, Provider
from ..errors import SignatureError
from ..signatures._signature import is_generator, read_signature, where

_Generator: TypeAlias = Callable[..., Iterator[object]]


@attrs.define(eq=False)
class Cell:
    """The place of one value of the application.

    Attributes:
        provider: Makes it.
        needs: The cells of its arguments, by name.
        value: The value, from the start on.
        is_made: Whether there is one.
    """

    provider: Provider
    needs: Mapping[str, Cell]
    value: Any = None
    is_made: bool = False


@attrs.define(eq=False)
class ApplicationValues:
    """The values of one start of an application."""

    _cells: dict[Provider, Cell] = attrs.field(factory=dict, init=False)
    _stack: ExitStack | None = attrs.field(default=None, init=False)

    def cell(self, provider: Provider, overrides: Overrides) -> Cell:
        """Return the cell of a provider's value, with those that it needs before it.

        Raises:
            SignatureError: It needs something of a request.
        """
        if provider not in self._cells:
            needs = {}
            for argument in read_signature(provider).arguments:
                if argument.dependency is not None:
                    needs[argument.name] = self._needed(provider, argument.dependency, overrides)
                elif argument.is_required:
                    raise SignatureError(
                        f"{where(provider)}, argument {argument.name}: a dependency of the "
                        "application is made before any request: give it a default, or Depends"
                    )
            self._cells[provider] = Cell(provider, needs)
        return self._cells[provider]

    def _needed(self, provider: Provider, dependency: Dependency, overrides: Overrides) -> Cell:
        inner = replaced(dependency.provider, overrides)
        if dependency.scope != "application":
            raise SignatureError(
                f"{where(provider)} lives as long as the application and cannot need "
                f"{where(inner)}, which is made for each request"
            )
        return self.cell(inner, overrides)

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make all values, and end them at the end of the block."""
        with ExitStack() as stack:
            self._stack = stack
            try:
                self.make()
                yield
            finally:
                self._stack = None

    def make(self) -> None:
        """Make the values that are not made yet, if the application runs."""
        if self._stack is None:
            return
        for cell in self._cells.values():  # each comes after those that it needs
            if not cell.is_made:
                cell.value = self._enter(cell, self._stack)
                cell.is_made = True

    def _enter(self, cell: Cell, stack: ExitStack) -> object:
        arguments = {name: inner.value for name, inner in cell.needs.items()}
        if is_generator(cell.provider):
            return stack.enter_context(scoped(cell.provider)(**arguments))
        return cell.provider(**arguments)


def replaced(provider: Provider, overrides: Overrides) -> Provider:
    """Return what stands in for ``provider``, itself where nothing does."""
    return overrides.get(provider, provider)


def scoped(provider: Provider) -> Callable[..., Any]:
    """Return a generator function as one that gives a context manager."""
    return contextmanager(cast("_Generator", provider))
