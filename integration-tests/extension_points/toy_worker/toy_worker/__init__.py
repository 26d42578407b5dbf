"""A worker that serves no HTTP: the settings and the work."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any

import attrs

from photon_runtime import scope
from photon_runtime.process import signs_of_life, stop_event
from photon_runtime.settings import section
from photon_runtime.workers import Link

log = logging.getLogger("toy")


@section("toy")
@attrs.frozen
class ToySettings:
    """The section ``[toy]``.

    Attributes:
        calls: How often each worker calls the application before it is ready.
    """

    calls: int = 1


def work_off(application: Callable[[Any], object], settings: ToySettings, link: Link) -> None:
    """Call the application, all calls at once, and wait for the end."""
    with stop_event() as stop, signs_of_life(link):
        started = time.monotonic()
        with scope() as calls:
            for _ in range(settings.calls):
                calls.spawn(application, None)
        took = time.monotonic() - started
        log.info("ready", extra={"pid": os.getpid(), "seconds": took})
        link()
        stop.wait()
        time.sleep(0.1)  # what is at work is finished
        log.info("stopped", extra={"pid": os.getpid()})
