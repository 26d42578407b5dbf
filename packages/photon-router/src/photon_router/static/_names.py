"""The file names of a URL's path.

Theory of operation. A path is checked after it has been decoded exactly once, in the form that the
operating system gets. The result is a list of plain names: a name is not empty, ``.`` or ``..``,
and does not contain a slash, a backslash or a control character, in any spelling. A percent-encoded
slash is refused even if it is harmless: middleware or a proxy that guards a path by its text does
not see it.

Names with a special meaning on any operating system are refused on all of them, so that a folder
behaves the same everywhere: drives, streams, devices, names that end in a dot or a space.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f\\/:]|[. ]\Z")
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE
)
_ENCODED_SLASH: Final = re.compile("%2f", re.IGNORECASE)
_WELL_KNOWN: Final = ".well-known"  # RFC 8615
_MAX_NAMES = 64


def names_of(path: str, *, raw_path: str, hidden: bool) -> Sequence[str] | None:
    """Return the names along a path, ``None`` if it cannot be the path of a file.

    Args:
        path: The relative, decoded path, without a slash at either end.
        raw_path: The path of the request as it was sent.
        hidden: True if names may begin with a dot; the folder ``.well-known`` always may.
    """
    names = path.split("/")
    has_encoded_slash = _ENCODED_SLASH.search(raw_path) is not None
    if len(names) > _MAX_NAMES or has_encoded_slash or not all(map(is_plain, names)):
        return None
    restricted = names[1:] if names[0] == _WELL_KNOWN else names
    if not hidden and any(name.startswith(".") for name in restricted):
        return None
    return names


def is_plain(name: str) -> bool:
    """Return whether a name can be that of a file or a folder, on every operating system."""
    return bool(name) and not _FORBIDDEN.search(name) and not _DEVICE.fullmatch(name)
