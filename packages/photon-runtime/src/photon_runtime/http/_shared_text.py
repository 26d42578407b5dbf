"""Large texts as bytes, once for all clients that are sent the same one.

A constant text of megabytes would otherwise be encoded for each client, and slow clients keep what
they are sent. The bytes of the last large text are kept, and found by its identity: to compare or
to hash texts of this size would take longer than to encode them. Larger ones than `_MOST` are not
kept, since they may be needed only once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import attrs

_LARGE: Final = 256 * 1024
_MOST: Final = 8 * 1024 * 1024


@attrs.frozen(eq=False)
class _Identity:
    """A text that equals only itself."""

    text: str

    def __hash__(self) -> int:
        return id(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.text is self.text


@lru_cache(maxsize=1)
def _encoded(identity: _Identity) -> bytes:
    return identity.text.encode()


def encode_text(text: str) -> bytes:
    """Return ``text`` as UTF-8."""
    return _encoded(_Identity(text)) if _LARGE <= len(text) <= _MOST else text.encode()
