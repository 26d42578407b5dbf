"""Server-sent events as bytes: the ``text/event-stream`` format of the HTML standard.

An event is a few lines, each a field, and an empty line at its end. Lines end at any of CR LF, CR
and LF, so text of several lines becomes several ``data`` fields, and the names and ids of events
must not have any (HTML standard, section 9.2.6, "Interpreting an event stream").
"""

from __future__ import annotations

import re
from typing import Any

import attrs
import msgspec

from ..arguments import encode

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: clients drop it, and whoever watches the connection sees that it is alive."""
OPENING = b":\n\n"

_LINE_END = re.compile(r"\r\n|\r|\n")


def _one_line(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and (_LINE_END.search(value) or "\0" in value):
        raise ValueError(f"the {attribute.name} of an event is one line, not {value!r}")


def _not_negative(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value >= 0:
        raise ValueError(f"{attribute.name} is in seconds, zero or more, not {value!r}")


@attrs.frozen
class ServerSentEvent:
    r"""One event of a stream that a browser reads by ``EventSource``.

    Args:
        data: What the event tells, sent as JSON.
        text: The same as text, sent as it is; not beside ``data``.
        event: Name of the event; without one browsers call it ``message``.
        id: What a client that comes back sends as ``Last-Event-ID``.
        retry: Seconds that the client is to wait before it comes back.
        comment: Text that clients drop.

    Raises:
        ValueError: ``event`` or ``id`` has several lines, ``retry`` is negative, or there are
            both ``data`` and ``text``.

    Example:
        >>> from photon_router import ServerSentEvent
        >>> ServerSentEvent({"price": 3}, event="offer", id="7").encode()
        b'event: offer\nid: 7\ndata: {"price":3}\n\n'
        >>> ServerSentEvent(text="two\nlines").encode()
        b'data: two\ndata: lines\n\n'
    """

    data: object = attrs.field(default=msgspec.UNSET)
    text: str | None = attrs.field(default=None, kw_only=True)
    event: str | None = attrs.field(default=None, kw_only=True, validator=_one_line)
    id: str | None = attrs.field(default=None, kw_only=True, validator=_one_line)
    retry: float | None = attrs.field(default=None, kw_only=True, validator=_not_negative)
    comment: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse two contents."""
        if self.data is not msgspec.UNSET and self.text is not None:
            raise ValueError("an event has data, which is sent as JSON, or text; not both")

    def encode(self) -> bytes:
        """Return the event as it is sent.

        Raises:
            TypeError: The data has no form in JSON.
        """
        lines = [] if self.comment is None else [f": {line}" for line in _lines(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {round(self.retry * 1000)}")
        if self.data is not msgspec.UNSET:
            # Of several lines it is only where it was made elsewhere (`msgspec.Raw`).
            lines += [f"data: {line}" for line in _lines(encode(self.data).decode())]
        if self.text is not None:
            lines += [f"data: {line}" for line in _lines(self.text)]
        return "".join([*(f"{line}\n" for line in lines), "\n"]).encode()


def encode_event(item: object) -> bytes:
    """Return an item of a stream as an event: itself, a text as it is, anything else as JSON."""
    if isinstance(item, ServerSentEvent):
        return item.encode()
    return (ServerSentEvent(text=item) if isinstance(item, str) else ServerSentEvent(item)).encode()


def _lines(text: str) -> list[str]:
    return _LINE_END.split(text)
