"""The declared response for a status."""

from __future__ import annotations

from collections.abc import Mapping

from ._document import OpenApi


def code_for(responses: Mapping[str, OpenApi], status: int) -> str | None:
    """Return the most specific code that is declared for ``status``, ``None`` if there is none."""
    codes = (str(status), f"{status // 100}XX", "default")
    return next((code for code in codes if code in responses), None)
