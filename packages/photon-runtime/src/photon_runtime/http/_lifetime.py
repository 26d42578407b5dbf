"""How long a worker lives: heartbeats, and when it requests a replacement.

Once a second the server's sweep calls `Lifetime.tick`: the worker sends its supervisor a heartbeat,
and requests a replacement when it has handled enough requests or uses too much memory. It continues
to serve until the replacement is ready and the supervisor stops it, so there is no gap. Requests
are counted only if their number is limited.
"""

from __future__ import annotations

import logging
import os
import random
from typing import Protocol

from ..stats import resident_memory
from ._request import Request
from ._response import Response
from ._settings import ServerSettings
from ._wire import Handler

_log = logging.getLogger("photon.http")


class WorkerLink(Protocol):
    """The connection from a worker to its supervisor."""

    def beat(self) -> None:
        """Send a heartbeat."""

    def retire(self) -> None:
        """Request a replacement."""


class Lifetime:
    """The limits of one worker.

    Attributes:
        handled: Number of requests begun; counted only if it is limited.
    """

    def __init__(self, settings: ServerSettings, link: WorkerLink | None) -> None:
        """Choose this worker's limits; without a ``link`` they have no effect."""
        self.handled = 0
        self._link = link
        self._max_memory = settings.max_memory
        self._max_requests = 0
        if settings.max_requests:
            jitter = random.randint(0, settings.max_requests_jitter)
            self._max_requests = settings.max_requests + jitter
        self._is_over = False

    def counting(self, handler: Handler) -> Handler:
        """Return ``handler``, wrapped to count its calls if their number is limited."""
        if not self._max_requests or self._link is None:
            return handler

        def count(request: Request) -> Response:
            self.handled += 1
            return handler(request)

        return count

    def tick(self) -> None:
        """Send a heartbeat, and request a replacement if a limit is exceeded."""
        if self._link is not None:
            self._link.beat()
            reason = self._reason()
            if reason is not None:
                if not self._is_over:
                    self._is_over = True
                    _log.info("this worker (pid %d) %s: it is replaced", os.getpid(), reason)
                self._link.retire()  # repeatedly, because a replacement may fail

    def _reason(self) -> str | None:
        if self._max_requests and self.handled >= self._max_requests:
            return f"has handled {self.handled} requests"
        if self._max_memory:
            memory = resident_memory()
            if memory > self._max_memory:
                return f"uses {memory} bytes of memory, more than max_memory = {self._max_memory}"
        return None
