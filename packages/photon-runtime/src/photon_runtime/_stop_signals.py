"""SIGTERM and SIGINT, which ask a process to end when its work is done."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


@contextlib.contextmanager
def stop_signals(stop: Callable[[signal.Signals], object]) -> Iterator[None]:
    """Call ``stop`` with each SIGTERM and SIGINT while the block runs.

    Signals are handled in the main thread only; in another one this does nothing.

    Args:
        stop: A function that may be called between any two instructions: it notes the signal, or
            posts to a hub, and returns.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        stop(signal.Signals(number))

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
