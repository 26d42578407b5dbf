"""``Vary``: on which request fields an answer depends (RFC 9110, section 12.5.5)."""

from __future__ import annotations

from photon_runtime.http import Response


def add_vary(response: Response, name: str) -> None:
    """Name a request field in ``Vary``, unless it is there or everything counts anyway."""
    fields = [value for key, value in response.headers if key.lower() == "vary"]
    if not fields:
        response.headers.append(("vary", name))
        return
    named = {item.strip().lower() for field in fields for item in field.split(",")}
    if "*" not in named and name.lower() not in named:
        response.set_header("vary", ", ".join([*fields, name]))
