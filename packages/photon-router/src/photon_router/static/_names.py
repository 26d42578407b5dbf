"""Which paths of URLs can be names of files.

Theory of operation. A path is looked at when it has been decoded, once, which is how often the
operating system will see it. What comes out is a list of plain names: none is empty, ``.`` or
``..``, none has a slash, a backslash or a control character, whichever way it was spelt. A slash
that was percent-encoded is refused although it could be meant well: what guards a path by its
text (middleware, a proxy) does not see it.

What another operating system would take for something else is refused on all of them, so that a
folder behaves the same everywhere: drives, streams, devices, names that end in a dot or a space.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\\/:]|[. ]\Z")
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE
)
_ENCODED_SLASH: Final = re.compile("%2f", re.IGNORECASE)
_WELL_KNOWN: Final = ".well-known"  # RFC 8615
_MOST = 64


def names_of(path: str, *, raw_path: str, hidden: bool) -> Sequence[str] | None:
    """Return the names along a path, ``None`` where it cannot be one of files.

    Args:
        path: Relative, decoded; without a slash at either end.
        raw_path: The path of the request as it was sent.
        hidden: Whether names may begin with a dot; the folder ``.well-known`` always may.
    """
    names = path.split("/")
    if len(names) > _MOST or _ENCODED_SLASH.search(raw_path) or not all(map(is_plain, names)):
        return None
    seen = names[1:] if names[0] == _WELL_KNOWN else names
    if not hidden and any(name.startswith(".") for name in seen):
        return None
    return names


def is_plain(name: str) -> bool:
    """Say whether a name is one of a file or a folder, on every operating system."""
    return bool(name) and not _UNFIT.search(name) and not _DEVICE.fullmatch(name)
