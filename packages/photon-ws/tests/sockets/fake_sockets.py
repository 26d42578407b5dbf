"""Members of rooms without a network: sockets whose clients read at once."""

from __future__ import annotations

from typing import Any

import msgspec

from photon_ws.protocol import FrameDecoder


class Connection:
    """A connection whose client reads at once."""

    deflater = None
    is_open = True

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._decoder = FrameDecoder(is_client=True, max_message_size=10**6)

    def post(self, frame: bytes, slow: str) -> bool:
        """Decode a frame of the room."""
        self._decoder.feed(frame, self.events)
        return True

    def send(self, message: str | bytes) -> None:
        """Take a message for this member alone."""
        self.events.append(message)

    def on_close(self, callback: object) -> None:
        """Do nothing: the connection stays open."""

    forget_on_close = on_close

    def closed_error(self) -> Exception:
        """Return the error of a closed connection."""
        return ConnectionError("closed")


class FakeSocket:
    """A client that is connected to a worker."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.message_check: None = None

    @property
    def messages(self) -> list[Any]:
        """What has arrived, decoded."""
        return [msgspec.json.decode(text) for text in self.connection.events]

    @property
    def data(self) -> list[Any]:
        """The content of what has arrived, and ``gap`` for gaps."""
        return ["gap" if "gap" in each else each["data"] for each in self.messages]

    @property
    def last_id(self) -> str:
        """The id of the newest message."""
        last: str = self.messages[-1]["id"]
        return last
