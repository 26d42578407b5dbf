"""What a document declares for a status, and of which kind its bodies are."""

from __future__ import annotations

from collections.abc import Mapping

from ._document import OpenApi


def code_for(responses: Mapping[str, OpenApi], status: int) -> str | None:
    """Return under which code a document has the answer for ``status``, the most particular one."""
    codes = (str(status), f"{status // 100}XX", "default")
    return next((code for code in codes if code in responses), None)


def is_json(media: str) -> bool:
    """Say whether a media type is JSON: ``application/json`` or ``…+json`` (RFC 6839)."""
    kind = media.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
