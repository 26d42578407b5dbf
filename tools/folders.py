"""Folders with files in them, for tests: ``from folders import put``."""

from __future__ import annotations

import os
from pathlib import Path


def put(path: Path, content: bytes | str, *, changed: int = 1_700_000_000) -> Path:
    """Write a file, and the folders above it that are not there.

    Args:
        path: Where it is.
        content: What is in it; text as UTF-8.
        changed: When it was changed last, in seconds since 1970; the same for all by itself.

    Returns:
        ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (changed, changed))
    return path
