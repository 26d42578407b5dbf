"""The items of an event stream as bytes; `ServerSentEvent` has the format."""

from __future__ import annotations

from photon_openapi.codec import encode
from photon_runtime.http import ServerSentEvent as ServerSentEvent

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: clients ignore it, and proxies see that the connection is alive."""
OPENING = b":\n\n"


def encode_event(item: object) -> bytes:
    """Return an item of a stream as an event: a string as text, any other value as JSON."""
    if isinstance(item, ServerSentEvent):
        return item.encode(encode)
    event = ServerSentEvent(text=item) if isinstance(item, str) else ServerSentEvent(item)
    return event.encode(encode)
