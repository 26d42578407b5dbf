"""The body of a response that is rendered while it is sent.

Theory of operation. Jinja2 yields a page in many small pieces. They are joined until there are
enough for a packet, or until the template asks for a flush. The connection iterates over the body
in the task of the request, so the template sees the request's context to its end, and waits with
the connection if the client is slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jinja2
from jinja2.runtime import Context

from .templates import Templates

_SIZE: Final = 8192
_KEY: Final = "photon_templates.stream"


class TemplateBody:
    """The text of a template in pieces, as bytes.

    Args:
        templates: The templates.
        name: Name of the template.
        values: The values that it uses.
    """

    __slots__ = ("_parts", "is_flush_due")

    def __init__(self, templates: Templates, name: str, values: Mapping[str, Any]) -> None:
        """Load the template; it is rendered by the iteration."""
        self.is_flush_due = False
        self._parts = self._joined(templates.stream(name, {**values, _KEY: self}))

    def __iter__(self) -> Iterator[bytes]:
        """Return the parts; the template is rendered once."""
        return self._parts

    def close(self) -> None:
        """End the rendering, even in the middle."""
        self._parts.close()  # type: ignore[attr-defined]

    def _joined(self, pieces: Iterator[str]) -> Iterator[bytes]:
        buffer: list[str] = []
        size = 0
        for piece in pieces:
            buffer.append(piece)
            size += len(piece)
            if size >= _SIZE or (self.is_flush_due and size):
                yield "".join(buffer).encode()
                buffer.clear()
                size = 0
            self.is_flush_due = False
        if size:
            yield "".join(buffer).encode()


@jinja2.pass_context
def flush(context: Context) -> str:
    """Send what is rendered so far; a global of templates, without effect in a whole page."""
    body = context.get(_KEY)
    if isinstance(body, TemplateBody):
        body.is_flush_due = True
    return ""
