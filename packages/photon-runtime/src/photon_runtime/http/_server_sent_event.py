"""Server-sent events as bytes: the ``text/event-stream`` format of the HTML standard.

An event consists of lines, each a field, and an empty line at its end. CR LF, CR and LF all end a
line, so text of several lines becomes several ``data`` fields, and the names and ids of events must
not contain any of them (HTML standard, section 9.2.6, "Interpreting an event stream").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs
import msgspec

_LINE_END = re.compile(r"\r\n|\r|\n")


def _one_line(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and (_LINE_END.search(value) or "\0" in value):
        raise ValueError(f"the {attribute.name} of an event must be one line, not {value!r}")


def _not_negative(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value >= 0:
        raise ValueError(f"{attribute.name} must be zero or more seconds, not {value!r}")


@attrs.frozen
class ServerSentEvent:
    r"""One event of a stream that a browser reads with ``EventSource``.

    Args:
        data: Content of the event, sent as JSON.
        text: Content of the event, sent as plain text; not together with ``data``.
        event: Name of the event; without one browsers call it ``message``.
        id: Value that a client sends as ``Last-Event-ID`` when it reconnects.
        retry: Seconds that the client waits before it reconnects.
        comment: Text that clients ignore.

    Raises:
        ValueError: ``event`` or ``id`` has several lines, ``retry`` is negative, or the event has
            both ``data`` and ``text``.

    Example:
        >>> from photon_runtime.http import ServerSentEvent
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
        """Reject an event with two contents."""
        if self.data is not msgspec.UNSET and self.text is not None:
            raise ValueError("an event must have either data, which is sent as JSON, or text")

    def encode(self, encode_json: Callable[[Any], bytes] = msgspec.json.encode) -> bytes:
        """Return the event as bytes.

        Args:
            encode_json: Encodes the data.

        Raises:
            TypeError: The data cannot be encoded as JSON.
        """
        lines = [] if self.comment is None else [f": {line}" for line in _lines(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {round(self.retry * 1000)}")
        if self.data is not msgspec.UNSET:
            # Only JSON that the application encoded (`msgspec.Raw`) can have several lines.
            lines += [f"data: {line}" for line in _lines(encode_json(self.data).decode())]
        if self.text is not None:
            lines += [f"data: {line}" for line in _lines(self.text)]
        return "".join([*(f"{line}\n" for line in lines), "\n"]).encode()


def _lines(text: str) -> list[str]:
    return _LINE_END.split(text)
