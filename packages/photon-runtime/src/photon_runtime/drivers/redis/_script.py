"""`Script`: a Lua script, which is sent by its digest."""

from __future__ import annotations

from hashlib import sha1

import attrs


@attrs.frozen
class Script:
    """A Lua script.

    Attributes:
        text: Its text.
        digest: What the server knows it by.
    """

    text: str = attrs.field(repr=False)
    digest: str = attrs.field(init=False)

    @digest.default
    def _digest(self) -> str:
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()
