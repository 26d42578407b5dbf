"""What handlers inherit from their routers: middleware, dependencies, error handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from photon_runtime.http import Handler, Request, Response

from ..annotations import Dependency

Middleware: TypeAlias = Callable[[Request, Handler], Response]
"""Takes a request and the next handler, and returns a response."""
ErrorHandler: TypeAlias = Callable[[Request, BaseException], Response]
"""Makes the response for an error."""


@attrs.frozen
class RouteScope:
    """What wraps the handlers of a router, or one operation.

    Attributes:
        middleware: The outermost first.
        dependencies: Made before the handler runs, for their effect alone.
        error_handlers: By the class of the error; the nearest base class counts.
    """

    middleware: tuple[Middleware, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    error_handlers: Mapping[type[BaseException], ErrorHandler] = attrs.field(factory=dict)

    def inherit(self, outer: RouteScope) -> RouteScope:
        """Return this scope inside of an outer one; inner error handlers come first."""
        return RouteScope(
            (*outer.middleware, *self.middleware),
            (*outer.dependencies, *self.dependencies),
            {**outer.error_handlers, **self.error_handlers},
        )
