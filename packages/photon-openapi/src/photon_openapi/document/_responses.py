"""What a document declares for a status."""

from __future__ import annotations

from collections.abc import Mapping

from ._document import OpenApi


def code_for(responses: Mapping[str, OpenApi], status: int) -> str | None:
    """Return under which code a document has the answer for ``status``, the most particular one."""
    codes = (str(status), f"{status // 100}XX", "default")
    return next((code for code in codes if code in responses), None)
