"""Who makes a dependency's value: the function that was named, or what stands in for it in a test.

Values of the application are made once for each start, before the first request, and are ended
after the last in the reverse order. They lie in cells, which the plans read; when an application
that runs gets other stand-ins, their values are made then and live as long as the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import GeneratorType
from typing import Any, TypeAlias, cast

import attrs

from photon_runtime.callables import CallableKind, is_unrun, kind_of, location, require_value

from ..annotations._depends import Dependency, Overrides, Provider
from ..errors import SignatureError
from ..signatures._signature import read_signature

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
                        f"{location(provider)}, argument {argument.name}: a dependency of the "
                        "application is made before any request: give it a default, or Depends"
                    )
            self._cells[provider] = Cell(provider, needs)
        return self._cells[provider]

    def _needed(self, provider: Provider, dependency: Dependency, overrides: Overrides) -> Cell:
        inner = replaced(dependency.provider, overrides)
        if dependency.scope != "application":
            raise SignatureError(
                f"{location(provider)} lives as long as the application and cannot need "
                f"{location(inner)}, which is made for each request"
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
        scoped = as_context_manager(cell.provider)
        if scoped is not None:
            return require_value(stack.enter_context(scoped(**arguments)), cell.provider)
        return require_value(cell.provider(**arguments), cell.provider)


def replaced(provider: Provider, overrides: Overrides) -> Provider:
    """Return what stands in for ``provider``, itself where nothing does."""
    return overrides.get(provider, provider)


def as_context_manager(provider: Provider) -> Callable[..., Any] | None:
    """Return a provider as a function that gives a context manager.

    Returns:
        ``None`` where calling the provider gives the value itself.
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
    """Enter what a wrapped generator function gives, which only a call shows."""
    result = provider(*args, **kwargs)
    if isinstance(result, GeneratorType):
        result = contextmanager(lambda: result)()
    elif not (is_unrun(result) and isinstance(result, AbstractContextManager)):
        result = nullcontext(require_value(result, provider))
    with result as value:
        yield value
