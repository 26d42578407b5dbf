"""How long a worker lives: signs of life, and when it asks to be replaced.

Once a second the server's sweep calls `Lifetime.tick`: the worker tells its supervisor that its
scheduler turns, and asks for a successor when it has handled enough requests or holds too much
memory. It goes on serving until the successor is ready and the supervisor stops it, so there is no
gap. Requests are counted only where that has a limit.
"""

from __future__ import annotations

import logging
import os
import random
import resource
import sys
from typing import Protocol

from ._request import Request
from ._response import Response
from ._settings import ServerSettings
from ._wire import Handler

_log = logging.getLogger("photon.http")


class WorkerLink(Protocol):
    """What a worker says to its supervisor."""

    def beat(self) -> None:
        """Say that it is alive."""

    def retire(self) -> None:
        """Ask for a successor."""


class Lifetime:
    """The limits of one worker.

    Attributes:
        handled: How many requests were begun; counted only where that has a limit.
    """

    def __init__(self, settings: ServerSettings, link: WorkerLink | None) -> None:
        """Draw this worker's limit; without a ``link`` there is nobody to tell."""
        self.handled = 0
        self._link = link
        self._most_memory = settings.max_memory
        self._most_requests = 0
        if settings.max_requests:
            jitter = random.randint(0, settings.max_requests_jitter)
            self._most_requests = settings.max_requests + jitter
        self._is_over = False

    def counting(self, handler: Handler) -> Handler:
        """Return ``handler``, made to count if there is a limit to its calls."""
        if not self._most_requests or self._link is None:
            return handler

        def count(request: Request) -> Response:
            self.handled += 1
            return handler(request)

        return count

    def tick(self) -> None:
        """Give a sign of life, and ask for a successor if it is time."""
        if self._link is not None:
            self._link.beat()
            reason = self._reason()
            if reason is not None:
                if not self._is_over:
                    self._is_over = True
                    _log.info("this worker (pid %d) %s: it is replaced", os.getpid(), reason)
                self._link.retire()  # again and again, for a successor may fail

    def _reason(self) -> str | None:
        if self._most_requests and self.handled >= self._most_requests:
            return f"has handled {self.handled} requests"
        if self._most_memory:
            memory = resident_memory()
            if memory > self._most_memory:
                return f"holds {memory} bytes of memory, {self._most_memory} are allowed"
        return None


def resident_memory() -> int:
    """Return the bytes of memory that this process holds; where unknown, the most it ever held."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
