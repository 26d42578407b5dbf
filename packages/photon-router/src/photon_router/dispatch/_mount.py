"""Mounts: handlers of paths that are not operations of the document.

Examples are pages about the application, static files, and other applications. A mount is in the
same tree as the operations, which take precedence over it: literal segments precede parameters,
which precede a catch-all.
"""

from __future__ import annotations

import attrs

from photon_runtime.http import Handler

from ..handlers import RouteScope
from ._dispatch import ANY_METHOD

REST = "/{path}"
"""The end of the template of a mount for all paths below a prefix."""


@attrs.frozen
class Mount:
    """A handler of a path, or of all paths below it.

    Attributes:
        template: The template, without the base path of a server.
        handler: The handler; the values of the template's parameters are in `path_values` of the
            request.
        methods: Methods in capitals; ``*`` for all.
        is_catch_all: True if the last segment, a parameter, takes the rest of the path.
        name: Name in messages.
        is_optional: True to leave it out if an operation has the same path.
        scope: Inherited middleware and error handlers of the routers that it was mounted on, except
            those of the application itself.
    """

    template: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)
    is_catch_all: bool = False
    name: str = "a page about the application"
    is_optional: bool = False
    scope: RouteScope = attrs.field(factory=RouteScope)


def mounts_below(prefix: str, handler: Handler, name: str) -> list[Mount]:
    """Return the mounts of ``handler`` for a path and all paths below it.

    Args:
        prefix: The path; ``/`` for all.
        handler: The handler; the rest of the path is the last of the request's `path_values`.
        name: Name in messages.
    """
    base = prefix.rstrip("/")
    return [
        Mount(base or "/", handler, (ANY_METHOD,), name=name),
        Mount(base + REST, handler, (ANY_METHOD,), is_catch_all=True, name=name),
    ]
