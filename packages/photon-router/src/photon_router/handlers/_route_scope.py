"""The scope that handlers inherit from routers: middleware, dependencies, error handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from photon_runtime.http import Handler, Request, Response

from ..annotations import Dependency

Middleware: TypeAlias = Callable[[Request, Handler], Response]
"""Takes a request and the next handler, and returns a response."""
ErrorHandler: TypeAlias = Callable[[Request, BaseException], Response]
"""Returns the response to an error."""


@attrs.frozen
class RouteScope:
    """The middleware, dependencies and error handlers of a router, or of one operation.

    Attributes:
        middleware: Middleware, the outermost first.
        dependencies: Dependencies that run before the handler, for their effect alone.
        error_handlers: Error handlers by the class of the error; the nearest base class counts.
    """

    middleware: tuple[Middleware, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    error_handlers: Mapping[type[BaseException], ErrorHandler] = attrs.field(factory=dict)

    def inherit(self, outer: RouteScope) -> RouteScope:
        """Return this scope inside an outer one; its own error handlers take precedence."""
        if not (outer.middleware or outer.dependencies or outer.error_handlers):
            return self  # the usual case, at each level of routers
        if not (self.middleware or self.dependencies or self.error_handlers):
            return outer
        return RouteScope(
            (*outer.middleware, *self.middleware),
            (*outer.dependencies, *self.dependencies),
            {**outer.error_handlers, **self.error_handlers},
        )
