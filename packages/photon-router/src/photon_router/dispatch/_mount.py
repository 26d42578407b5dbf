"""Mounts: what answers paths of the application without being an operation of its document.

Pages about the application, static files, other applications. A mount hangs in the same tree as the
operations and gives way to them: literal segments come before parameters, those before a rest.
"""

from __future__ import annotations

import attrs

from photon_runtime.http import Handler

from ..handlers import RouteScope
from ._dispatch import ANY_METHOD

REST = "/{path}"
"""The end of the template of what answers all below a path."""


@attrs.frozen
class Mount:
    """Something that answers a path, or all below one.

    Attributes:
        template: The template, below no base path.
        handler: Answers; the values of the template's parameters are the request's `path_values`.
        methods: In capitals; ``*`` for all.
        is_catch_all: Whether the last segment, a parameter, takes the rest of the path.
        name: What people call it, for messages.
        gives_way: Whether it is left out where an operation has its path.
        scope: What it inherits: middleware and error handlers of the routers that it was mounted
            on, but for those of the application itself.
    """

    template: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)
    is_catch_all: bool = False
    name: str = "a page about the application"
    gives_way: bool = False
    scope: RouteScope = attrs.field(factory=RouteScope)


def mounts_below(prefix: str, handler: Handler, name: str) -> list[Mount]:
    """Return the mounts that let ``handler`` answer everything at a path and below.

    Args:
        prefix: The path; ``/`` for all.
        handler: Answers; the rest of the path is the last of the request's `path_values`.
        name: What people call it, for messages.
    """
    base = prefix.rstrip("/")
    return [
        Mount(base or "/", handler, (ANY_METHOD,), name=name),
        Mount(base + REST, handler, (ANY_METHOD,), is_catch_all=True, name=name),
    ]
