"""The base paths of a document's servers, below which its operations are served.

The host of a server's URL depends on the deployment; only the path is used. A path item or an
operation may declare its own servers, which override those of the document. With several servers,
an operation is served below each of their paths: a document that lists ``https://example.com/v1``
and ``http://localhost:8000/`` works at both. The first path is the operation's own: it names the
route.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

MAX_BASE_PATHS: Final = 64
_ORIGIN = re.compile(r"\A([^/]*:)?//[^/]*")
_VARIABLE = re.compile(r"\{([^{}]*)\}")


def base_paths(servers: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    """Return the paths of servers, each once, without a slash at the end.

    A variable takes each value of its ``enum``, its default first; without an ``enum``, only its
    default. At most ``MAX_BASE_PATHS`` are returned.

    Args:
        servers: Server objects; without any, there is one at the root.
    """
    urls = (url for server in servers or [{"url": "/"}] for url in _urls(server))
    return tuple(dict.fromkeys(map(_path, itertools.islice(urls, MAX_BASE_PATHS))))


def undeclared_variables(server: Mapping[str, Any]) -> list[str]:
    """Return the variables of a server's URL that it does not declare."""
    declared = server.get("variables") or {}
    return [name for name in _VARIABLE.findall(str(server.get("url", ""))) if name not in declared]


def _urls(server: Mapping[str, Any]) -> Iterator[str]:
    url = str(server.get("url", "/"))
    variables = server.get("variables") or {}
    names = [name for name in dict.fromkeys(_VARIABLE.findall(url)) if name in variables]
    choices = [_values(variables[name]) for name in names]
    for values in itertools.product(*choices):
        filled = url
        for name, value in zip(names, values, strict=True):
            filled = filled.replace(f"{{{name}}}", value)
        yield filled


def _values(variable: Mapping[str, Any]) -> list[str]:
    default = str(variable.get("default", ""))
    return list(dict.fromkeys([default, *map(str, variable.get("enum") or ())]))


def _path(url: str) -> str:
    path = _ORIGIN.sub("", re.split(r"[?#]", url, maxsplit=1)[0])
    path = "/" + path.removeprefix("./").strip("/")
    return path.rstrip("/")
