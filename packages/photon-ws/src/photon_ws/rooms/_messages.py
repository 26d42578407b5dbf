"""`RoomMessage`: a message of a room, as readers of its history get it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import attrs

from photon_runtime.http import ServerSentEvent

from ._contents import Content, decode_content


@attrs.frozen
class RoomMessage:
    """A message that was broadcast, or the notice that messages are missing.

    Attributes:
        id: Value by which a client continues behind this message.
        content: The encoded message.
        is_gap: True for a notice: between the message before it and the one behind it, messages may
            be missing, so a client loads anew what it shows.
    """

    id: str
    content: Content
    is_gap: bool = False

    @property
    def data(self) -> Any:
        """The message: a string, bytes, or what its JSON consists of; ``None`` for a gap."""
        return None if self.is_gap else decode_content(self.content)

    def to_event(self) -> ServerSentEvent:
        """Return the message as an event.

        Text and JSON are the data of a ``message``; bytes are that of an event ``binary``, in
        base64. A gap is an event ``gap``, whose data is the gap message of the room.
        """
        kind, payload = self.content.kind, self.content.payload
        text = b64encode(payload).decode() if kind == "bytes" else payload.decode()
        event = "gap" if self.is_gap else "binary" if kind == "bytes" else None
        return ServerSentEvent(text=text, event=event, id=self.id)
