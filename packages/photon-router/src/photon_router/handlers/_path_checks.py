"""Checks of the paths that are written in code.

A path in the style of another framework would be literal text: it starts, and no request ever
matches it. Whatever cannot be a path of a URL is refused where it is declared, with the form that
Photon has for it. Paths of a loaded document are checked with the document.
"""

from __future__ import annotations

import re
from typing import Final

_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")
_CATCH_ALL: Final = re.compile(r"[^\W\d]\w*:path")
_NAME: Final = re.compile(r"[\w.$@~-]+")
_COLON: Final = re.compile(r":[^\W\d]\w*")  # items/{id}:cancel is a usual path
_FLASK: Final = re.compile(r"<(?:[^<>:]*:)?([^<>]*)>")
_TYPES: Final = {
    "str": "str",
    "string": "str",
    "int": "int",
    "float": "float",
    "uuid": "UUID",
    "bool": "bool",
}
_FORBIDDEN: Final = re.compile(r'[\x00-\x20\x7f"<>\\^`|\[\]]')


def path_problem(path: object, *, is_prefix: bool = False) -> str | None:
    """Return what is wrong with a path, and what to write; ``None`` if it is well-formed.

    Args:
        path: The path, from its first slash on.
        is_prefix: True for a prefix, which has no parameter that takes the rest of the path.
    """
    if not isinstance(path, str):
        return f"a path must be a string, not {path!r}"
    if not path.startswith("/"):
        return f"a path must begin with a slash, not {path!r}" + _host_hint(path)
    return (
        _foreign(path)
        or _wrong_braces(path, is_prefix=is_prefix)
        or _wrong_text(_PARAMETER.sub("{}", path), path)
    )


def _host_hint(path: str) -> str:
    return ": leave scheme and host out" if "://" in path else ""


def _foreign(path: str) -> str | None:
    """Return the problem of parameters in the style of another framework."""
    found = _FLASK.search(path)
    if found is not None:
        return f"{path!r}: {found[0]!r} is not a parameter: write {_written(found[1])}"
    for segment in _PARAMETER.sub("{}", path).split("/"):
        found = _COLON.match(segment)
        if found is not None:
            return f"{path!r}: {found[0]!r} is not a parameter: write {_written(found[0][1:])}"
        if "*" in segment:
            return (
                f"{path!r}: {segment!r} is not a pattern: a parameter that takes the rest of the "
                "path is written {name:path}, as the last segment"
            )
    return None


def _written(name: str) -> str:
    own = re.sub(r"\W", "_", name).strip("_") or "name"
    return f"{{{own}}}, and give the handler an argument {own!r} with the type"


def _wrong_braces(path: str, *, is_prefix: bool) -> str | None:
    """Return the problem of parameters in braces."""
    names = _PARAMETER.findall(path)
    rest = _PARAMETER.sub("", path)
    if "{" in rest or "}" in rest:
        return f"{path!r}: a brace is not closed or not opened; a parameter is written {{name}}"
    for name in names:
        problem = _wrong_name(name, path, is_prefix=is_prefix)
        if problem is not None:
            return f"{path!r}: {problem}"
    plain = [name.removesuffix(":path") for name in names]
    double = next((name for name in plain if plain.count(name) > 1), None)
    return None if double is None else f"{path!r} has two parameters with the name {double!r}"


def _wrong_name(name: str, path: str, *, is_prefix: bool) -> str | None:
    if _CATCH_ALL.fullmatch(name):
        if is_prefix:
            return f"{{{name}}} takes the rest of the path, and cannot be in a prefix"
        if not path.endswith(f"/{{{name}}}"):
            return f"{{{name}}} takes the rest of the path, and is the whole last segment"
        return None
    if _NAME.fullmatch(name):
        return None
    return f"{{{name}}}{_foreign_name(name)}"


def _foreign_name(name: str) -> str:
    """Return what to write in place of a parameter in the style of another framework."""
    own, _, kind = (each.strip() for each in name.partition(":"))
    if own in _TYPES and kind not in _TYPES:
        own, kind = kind, own
    own = re.sub(r"\W", "", own)
    if kind in _TYPES:
        return f": the type belongs to the argument: {{{own}}}, and `{own}: {_TYPES[kind]}`"
    if "*" in name or kind.startswith("path"):
        return f": a parameter that takes the rest of the path is written {{{own}:path}}"
    if kind:
        return (
            f": a pattern belongs to the argument: {{{own}}}, and "
            f"`{own}: Annotated[str, Param(pattern=...)]`"
        )
    return " is not a parameter: write a name in the braces, as in {name}"


def _wrong_text(text: str, path: str) -> str | None:
    """Return the problem of the literal text of a path."""
    if "?" in text:
        return f"{path!r}: the query is not part of the path: parameters of it are arguments"
    if "#" in text:
        return f"{path!r}: clients do not send what follows a '#': leave it out"
    found = _FORBIDDEN.search(text)
    if found is not None:
        return f"{path!r} contains {found[0]!r}, which is not a character of a path in a URL"
    if any(segment in (".", "..") for segment in text.split("/")):
        return f"{path!r}: clients resolve the segments '.' and '..' before they send a path"
    return None
