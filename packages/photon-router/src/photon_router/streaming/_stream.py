"""Streamed bodies: the items that a handler yields, as bytes.

Theory of operation. The connection iterates over a body in its own task and always closes it at the
end. So a resource that a handler's generator holds is open while the client reads, and is closed
when the client has received everything, has disconnected, or the request is cancelled; the same is
true of the dependencies of a handler that streams, which `HeldBody` holds open until then.

A stream of events must send a comment at intervals while there are no events: proxies close silent
connections, and only a send detects that a client has disconnected. As the connection cannot wait
for two things at once, the generator then runs in a task of its own and sends its events through a
channel, and the connection waits at the channel for a limited time. Without a hub, under a WSGI
server, the events are sent as they are produced, without comments in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from photon_runtime import Channel, ChannelClosed, NotRunning, Task, current_task, shield, spawn
from photon_runtime.escapes import as_failure

from ._events import KEEP_ALIVE, OPENING
from ._held import close_iterable

Encode = Callable[[Any], bytes]

_START_TIME = 0.1
"""Seconds after which a stream starts without an event, so that the client sees it is open."""


class StreamBody:
    """A body made of the items of an iterable.

    Args:
        items: The items; closed at the end, if possible.
        encode: Encodes an item as bytes.
    """

    __slots__ = ("_items", "_parts", "encode")

    def __init__(self, items: Iterable[Any], encode: Encode) -> None:
        """Store the items, which are iterated over once."""
        self._items = items
        self._parts: Iterator[bytes] | None = None
        self.encode = encode

    def __iter__(self) -> Iterator[bytes]:
        """Return the parts; the items are iterated over once."""
        if self._parts is None:
            self._parts = self._encoded()
        return self._parts

    def close(self) -> None:
        """Close the items, even in the middle of the iteration."""
        close_iterable(self._parts)
        close_iterable(self._items)

    def _encoded(self) -> Iterator[bytes]:
        for item in self._items:
            yield self.encode(item)


class EventBody(StreamBody):
    """A stream of events, with comments while there are none.

    Args:
        items: The events.
        encode: Encodes an event as bytes.
        keep_alive: Seconds of silence after which a comment is sent.

    Attributes:
        is_cut: True if `stop` has ended it before its events did.
    """

    __slots__ = ("_channel", "_error", "_is_stopped", "_keep_alive", "_producer", "is_cut")

    def __init__(self, items: Iterable[Any], encode: Encode, *, keep_alive: float) -> None:
        """Store the events, which are iterated over once."""
        super().__init__(items, encode)
        self._keep_alive = keep_alive
        self._channel: Channel[bytes] = Channel(0)
        self._producer: Task[None] | None = None
        self._error: Exception | None = None
        self._is_stopped = False
        self.is_cut = False

    def stop(self) -> None:
        """End the stream at its next wait, as if there were no more events. Does not wait."""
        if not self._channel.closed:
            self._is_stopped = self.is_cut = True
        self._channel.close()

    def close(self) -> None:
        """Close the events.

        Blocks: the calling task, until their generator has ended.
        """
        if self._producer is not None:
            self._producer.cancel()
            with shield():
                self._producer.join()
        super().close()

    def _encoded(self) -> Iterator[bytes]:
        try:
            current_task()
        except NotRunning:
            return super()._encoded()
        return self._with_keep_alive()

    def _with_keep_alive(self) -> Iterator[bytes]:
        self._producer = spawn(self._produce)
        try:
            part = self._next(_START_TIME, OPENING)
            while part is not None:
                yield part
                part = self._next(self._keep_alive, KEEP_ALIVE)
        finally:
            self._producer.cancel()
        if self._error is not None:
            raise self._error

    def _next(self, timeout: float, comment: bytes) -> bytes | None:
        try:
            return self._channel.receive(timeout=timeout)
        except TimeoutError:
            return comment
        except ChannelClosed:
            return None

    def _produce(self) -> None:
        """Send the events to the channel; the producer's task."""
        with self._channel as channel:
            try:
                for item in self._items:
                    channel.send(self.encode(item))
            except BaseException as error:
                failure = as_failure(error)
                if not (self._is_stopped and isinstance(failure, ChannelClosed)):
                    self._error = failure
