"""What routers put around handlers: middleware, dependencies, answers for errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from photon_runtime.http import Handler, Request, Response

from ..annotations._depends import Dependency

Middleware: TypeAlias = Callable[[Request, Handler], Response]
"""One shape for all: it may answer itself, or call on and change what comes back."""
ErrorHandler: TypeAlias = Callable[[Request, BaseException], Response]
"""Makes the response for an error."""


@attrs.frozen
class Surroundings:
    """What a router, or one operation, puts around handlers.

    Attributes:
        layers: Middleware, outermost first.
        dependencies: What is made before the handler runs, for its effect alone.
        error_handlers: Answers for errors by their class; the nearest base class counts.
    """

    layers: tuple[Middleware, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    error_handlers: Mapping[type[BaseException], ErrorHandler] = attrs.field(factory=dict)

    def inside(self, outer: Surroundings) -> Surroundings:
        """Return these surroundings put into ``outer`` ones; for errors the inner ones win."""
        return Surroundings(
            (*outer.layers, *self.layers),
            (*outer.dependencies, *self.dependencies),
            {**outer.error_handlers, **self.error_handlers},
        )
