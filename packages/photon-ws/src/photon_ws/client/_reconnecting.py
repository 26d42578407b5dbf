"""Connections one after the other, for services that follow a feed."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from typing import Any

from photon_runtime import current_task, sleep, spawn
from photon_runtime.errors import NotRunning

from ..errors import HandshakeRefused
from ._client_socket import ClientWebSocket
from ._connecting import connect

_log = logging.getLogger("photon.websockets.client")

_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})


def reconnecting(
    url: str, *, min_delay: float = 1.0, max_delay: float = 60.0, **options: Any
) -> Iterator[ClientWebSocket]:
    """Yield a connection to ``url``, and another one whenever the loop's body has ended.

    Between two connections it waits, at first for ``min_delay`` seconds and then for twice as long
    each time; a random part of up to a half is subtracted, so that the clients of a server that
    restarts do not all come back at once. A connection that was open for ``max_delay`` seconds
    starts the delays anew. ``Retry-After`` of a refusal is respected, up to ``max_delay``.

    Args:
        url: As for `connect`.
        min_delay: First delay, in seconds.
        max_delay: Longest delay, in seconds.
        options: Further arguments of `connect`.

    Raises:
        ValueError: The URL or an option is invalid.
        HandshakeFailed: The server refuses the handshake for good; statuses such as 503 and 429
            are temporary, and so are all errors of the network.

    Blocks: the calling task.

    Example:
        .. code-block:: python

            for ws in reconnecting("wss://feed.example/prices"):
                for message in ws:
                    store(message)
    """
    delay = min_delay
    clock = current_task().hub.time
    while True:
        begun = clock()
        least = 0.0
        try:
            ws = connect(url, **options)
        except (OSError, HandshakeRefused) as error:
            if isinstance(error, HandshakeRefused) and error.status not in _TEMPORARY:
                raise
            reason = str(error)
            least = min(_retry_after(error), max_delay)
        else:
            try:
                yield ws
            except GeneratorExit:
                _close_soon(ws)
                raise
            ws.close()
            reason = f"{ws.url} was closed: {ws.close_code} {ws.close_reason}".rstrip()
            if clock() - begun >= max_delay:
                delay = min_delay
        pause = max(least, delay * random.uniform(0.5, 1.0))
        _log.info("%s; connecting again in %.1f seconds", reason, pause)
        sleep(pause)
        delay = min(delay * 2, max_delay)


def _retry_after(error: Exception) -> float:
    """Return the seconds that a refusal asks to wait; a date counts as none."""
    value = error.headers.get("retry-after", "") if isinstance(error, HandshakeRefused) else ""
    return float(value) if value.isdecimal() else 0.0


def _close_soon(ws: ClientWebSocket) -> None:
    """Close a socket that its loop has left; a generator that is collected must not wait."""
    try:
        spawn(ws.close)
    except NotRunning:  # the hub has ended, and the connection with it
        pass
