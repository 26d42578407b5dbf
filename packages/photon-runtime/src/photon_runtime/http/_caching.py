"""Fields for caches: ``Vary`` (RFC 9110, section 12.5.5) and ``Cache-Control`` (RFC 9111, 5.2)."""

from __future__ import annotations

from ._response import Response

_FOR_ALL = frozenset({"public", "s-maxage"})


def add_vary(response: Response, name: str) -> None:
    """Name a request field in ``Vary`` (RFC 9110, section 12.5.5).

    Nothing changes where it is there already, or everything counts anyway.
    """
    fields = [value for key, value in response.headers if key.lower() == "vary"]
    if not fields:
        response.headers.append(("vary", name))
        return
    named = {item.strip().lower() for field in fields for item in field.split(",")}
    if "*" not in named and name.lower() not in named:
        response.set_header("vary", ", ".join([*fields, name]))


def keep_private(response: Response, *, unless_public: bool = False) -> None:
    """Let no shared cache keep a response (RFC 9111, section 5.2.2.7).

    Args:
        response: What is for one client alone.
        unless_public: Whether its own ``public`` or ``s-maxage`` counts; else they are left out.
    """
    items = _directives(response)
    names = {item: _name_of(item) for item in items}
    if any(item.lower() in ("private", "no-store") for item in items):
        return  # `private="a field"` is not meant: it lets the rest be kept
    if unless_public and not _FOR_ALL.isdisjoint(names.values()):
        return
    kept = [item for item in items if names[item] not in _FOR_ALL]
    response.set_header("cache-control", ", ".join([*kept, "private"]))


def has_cache_directive(response: Response, name: str) -> bool:
    """Return whether ``Cache-Control`` of a response has the directive ``name``."""
    return any(_name_of(item) == name for item in _directives(response))


def _directives(response: Response) -> list[str]:
    fields = [value for name, value in response.headers if name.lower() == "cache-control"]
    return [item.strip() for value in fields for item in value.split(",") if item.strip()]


def _name_of(directive: str) -> str:
    return directive.partition("=")[0].rstrip().lower()
