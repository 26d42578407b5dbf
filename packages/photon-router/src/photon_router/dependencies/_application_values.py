"""Values that live as long as the application.

They are made once for each start, before the first request, and released in reverse order after
the last one. Compiled operations read them from cells. When a running application gets overrides,
the values of the overriding providers are made at that time, and live as long as the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from photon_runtime.callables import require_value

from ..annotations import Provider
from ._entering import as_context_manager


@attrs.define(eq=False)
class Cell:
    """The storage of one value of the application.

    Attributes:
        provider: The provider of the value.
        needs: The cells of the provider's arguments, by name.
        value: The value, once the application has started.
        is_made: True after the value was made.
    """

    provider: Provider
    needs: Mapping[str, Cell]
    value: Any = None
    is_made: bool = False


@attrs.define(eq=False)
class ApplicationValues:
    """The values of one start of an application."""

    cells: dict[Provider, Cell] = attrs.field(factory=dict, init=False)
    _stack: ExitStack | None = attrs.field(default=None, init=False)

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make all values, and release them at the end of the block."""
        with ExitStack() as stack:
            self._stack = stack
            try:
                self.make()
                yield
            finally:
                self._stack = None

    def make(self) -> None:
        """Make the missing values, if the application runs."""
        if self._stack is None:
            return
        for cell in self.cells.values():  # each follows the cells that it needs
            if not cell.is_made:
                cell.value = self._enter(cell, self._stack)
                cell.is_made = True

    def _enter(self, cell: Cell, stack: ExitStack) -> object:
        arguments = {name: inner.value for name, inner in cell.needs.items()}
        scoped = as_context_manager(cell.provider)
        if scoped is not None:
            value: object = stack.enter_context(scoped(**arguments))
        else:
            value = cell.provider(**arguments)
        return require_value(value, cell.provider)
