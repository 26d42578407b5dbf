"""The root path: where clients see the application on its host.

Theory of operation. A proxy may serve an application below a path: clients see ``/shop/items``, the
application has ``/items``, and ``/shop`` is its root path. Some proxies strip it from requests,
others keep it; both are accepted, and afterwards a request looks the same: `Request.raw_path` and
`Request.target` are those of the application, and `Request.root_path` is what precedes them in the
eyes of the client. So routes, exempt paths and metrics do not know of it; only what makes addresses
does. A path that begins with the root path is taken for one that was kept.

The root path is that of the settings, or the one that a trusted proxy states in
``X-Forwarded-Prefix``, which takes precedence. It is entered before the handler is called, and
only by servers that have one of these settings: other requests pay nothing. A context variable has
it for code that makes addresses without a request at hand.

What a proxy states ends in links, redirects and cookies. So it is a plain path: anything that a
browser could read as another host (``//``), that leads elsewhere (``..``), or that ends an
attribute or a field is ignored, as malformed values of the other forwarding fields are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ._request import Request
    from ._response import Response

Handler: TypeAlias = "Callable[[Request], Response]"

# Segments of letters, digits and some marks; encoded octets only if they are not ASCII.
_SEGMENT = r"/(?!\.{1,2}(?:/|\Z))(?:[A-Za-z0-9._~!$*+=:@-]|%[89A-Fa-f][0-9A-Fa-f]|%20)+"
_ROOT_PATH = re.compile(f"(?:{_SEGMENT})+")
_FIELD = b"x-forwarded-prefix"

_current: ContextVar[str | None] = ContextVar("photon_root_path", default=None)


def current_root_path() -> str | None:
    """Return the root path of the running request; ``None`` if it does not have one of its own."""
    return _current.get()


def parse_root_path(text: str) -> str | None:
    """Return a root path without the slash at its end; ``None`` if it is invalid.

    Empty text and ``/`` are the root of the host.
    """
    path = text.removesuffix("/")
    return path if not path or _ROOT_PATH.fullmatch(path) else None


def is_below(path: str, root_path: str) -> bool:
    """Return whether ``path`` begins with the segments of ``root_path``."""
    return path.startswith(root_path) and path[len(root_path) :][:1] in ("", "/", "?", "#")


def check_root_path(text: str) -> str:
    """Return a root path without the slash at its end.

    Raises:
        ValueError: It is invalid.
    """
    path = parse_root_path(text)
    if path is None:
        raise ValueError(
            f"a root path is a path such as /shop, without scheme, host, query, `//` and `..`, not "
            f"{text!r}"
        )
    return path


def enter_root_path(request: Request, root_path: str, *, is_stripped: bool = False) -> None:
    """Make ``root_path`` that of the request; called before the handler, in the request's context.

    Args:
        request: The request, whose path may still begin with the root path.
        root_path: A valid root path; nothing is done if it is empty.
        is_stripped: True if the path is known to be without it.
    """
    if root_path:
        path = request.raw_path
        if is_below(path, root_path) and not is_stripped:
            _move(request, path[len(root_path) :] or "/")
        request._root_path = root_path
        _current.set(root_path)


def leave_root_path(request: Request) -> None:
    """Make the root path a part of the request's path, for an application that serves below it.

    `current_root_path` stays: addresses of files are still below it.
    """
    root_path = request.root_path
    request._root_path = ""
    _move(request, root_path + request.raw_path)


def _move(request: Request, raw_path: str) -> None:
    _, mark, query = request.target.partition("?")
    request.raw_path = raw_path
    request.target = raw_path + mark + query


def with_root_path(handler: Handler, root_path: str, *, reads_field: bool) -> Handler:
    """Return a handler that enters the root path of each request, or ``handler`` itself.

    Args:
        handler: The handler.
        root_path: The root path of the settings.
        reads_field: True if peers may be trusted to state another one.
    """
    if reads_field:

        def read(request: Request) -> Response:
            has_field = request.raw_header(_FIELD) is not None
            prefix = request.forwarded_prefix if has_field else None
            stated = None if prefix is None else parse_root_path(prefix)
            enter_root_path(request, root_path if stated is None else stated)
            if stated == "":
                _current.set("")  # the root of the host, and not the path of the settings
            return handler(request)

        return read
    if not root_path:
        return handler

    def enter(request: Request) -> Response:
        enter_root_path(request, root_path)
        return handler(request)

    return enter
