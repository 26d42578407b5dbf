"""Handlers as they were declared: for a method and a path, or for an operation of the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

import attrs

from photon_runtime.callables import location

from ..errors import SignatureError
from ..responses import ResponseCase, response_cases_of
from ..signatures._signature import Signature
from ._options import RouteOptions
from ._surroundings import Surroundings


@attrs.frozen(slots=False)
class Route:
    """A handler declared by a decorator.

    Attributes:
        function: The handler.
        signature: Its signature.
        method: In capitals.
        path: The template, ``{name:path}`` for a catch-all.
        operation_id: The name of the operation.
        options: What the decorator said.
        surroundings: What its router puts around it.
    """

    function: Callable[..., object]
    signature: Signature
    method: str
    path: str
    operation_id: str
    options: RouteOptions
    surroundings: Surroundings = attrs.field(factory=Surroundings)

    @property
    def status(self) -> int | None:
        """Status of its answers; ``None`` for the usual one."""
        return self.options.get("status")

    @cached_property
    def outcomes(self) -> list[ResponseCase]:
        """What its results may become."""
        return response_cases_of(
            self.function,
            self.signature.result,
            media=self.options.get("media_type"),
            responses=self.options.get("responses"),
            omit_none=self.options.get("omit_none", False),
        )


def name_operation(
    function: Callable[..., object], method: str, path: str, *, others: Sequence[Route]
) -> str:
    """Return the name of an operation that has none of its own: the function's.

    A function that has a route already is told apart by method and path.

    Raises:
        SignatureError: The handler is an object without a name.
    """
    name: str | None = getattr(function, "__name__", None)
    if name is None:
        raise SignatureError(
            f"{location(function)} has no name to call its operation by: give it an operation_id"
        )
    if any(other.function == function and other.operation_id == name for other in others):
        slug = re.sub(r"\W+", "_", path).strip("_")
        name = f"{name}_{method.lower()}_{slug}".rstrip("_")
    return name


@attrs.frozen
class Declared:
    """A handler of an operation that the loaded document has.

    Attributes:
        operation_id: The name of the operation.
        function: The handler.
        signature: Its signature.
        omit_none: See `OperationOptions`; ``None`` leaves it to the router.
        surroundings: What its router puts around it.
    """

    operation_id: str
    function: Callable[..., object]
    signature: Signature
    omit_none: bool | None = None
    surroundings: Surroundings = attrs.field(factory=Surroundings)

    @property
    def status(self) -> None:
        """Status of its answers, which the document says."""
        return None

    @property
    def outcomes(self) -> list[ResponseCase]:
        """What its results may become."""
        omit_none = bool(self.omit_none)
        return response_cases_of(self.function, self.signature.result, omit_none=omit_none)

    def within(self, outer: RouteOptions, around: Surroundings) -> Declared:
        """Return it as one of a router; what it says itself counts."""
        omit_none = outer.get("omit_none") if self.omit_none is None else self.omit_none
        surroundings = self.surroundings.inside(around)
        return attrs.evolve(self, omit_none=omit_none, surroundings=surroundings)
