"""SIGTERM and SIGINT, which ask a process to end when its work is done.

Theory of operation. A worker of a supervisor only takes note: the supervisor decides about a second
signal and about time limits, and kills. A process that serves alone has no supervisor, so its
second signal must end it whatever the code of the application does:

- *Code in Python that never waits*, also one that catches every exception: handlers run between
  any two instructions, so the handler of the second signal ends the process.
- *Code in C that keeps the interpreter's lock*: no handler runs. So the first signal makes the
  kernel restore its default action (``SA_RESETHAND``), and the second ends the process there.
  Where that flag cannot be set, and for the first process of a container, which has no default
  actions, only SIGKILL helps against such code.

Wrappers pass signals on that the terminal, or `timeout`, has sent to the whole group of processes.
Hence a second signal within `_SAME_SIGNAL` is the first one: the handler takes the place of the
default action again, until that time is over.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_SAME_SIGNAL = 0.05
# Where `struct sigaction` has its flags on 64-bit systems, and the flag SA_RESETHAND.
_RESET = {"linux": (136, 0x80000000), "darwin": (12, 0x4)}
_NUMBERS = (signal.SIGTERM, signal.SIGINT)
# The originals, read at import before any patch.
_start_thread = _thread.start_new_thread
_sleep = time.sleep
_monotonic = time.monotonic


@contextlib.contextmanager
def stop_signals(
    stop: Callable[[signal.Signals], object], *, is_alone: bool = False
) -> Iterator[None]:
    """Call ``stop`` with each SIGTERM and SIGINT while the block runs.

    Signals are handled in the main thread only; in another one this does nothing.

    Args:
        stop: A function that may be called between any two instructions: it notes the signal, or
            posts to a hub, and returns.
        is_alone: True if no other process ends this one when it does not stop: then a second signal
            ends it at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    alone = _Alone(stop)
    before = {
        number: signal.signal(number, alone.handle if is_alone else _noting(stop))
        for number in _NUMBERS
    }
    if is_alone:
        for number in _NUMBERS:
            _end_at_next(number)
    try:
        yield
    finally:
        alone.is_over = True
        for number, handler in before.items():
            signal.signal(number, handler)


def _noting(stop: Callable[[signal.Signals], object]) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        stop(signal.Signals(number))

    return handle


class _Alone:
    """The handler of a process that ends itself.

    Attributes:
        is_over: True once the signals are handled by others again.
    """

    def __init__(self, stop: Callable[[signal.Signals], object]) -> None:
        """Handle nothing yet."""
        self.is_over = False
        self._stop = stop
        self._first: float | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Stop at the first signal, end at the second."""
        if self._first is None:
            self._first = _monotonic()
            for each in _NUMBERS:
                signal.signal(each, self.handle)
            with contextlib.suppress(RuntimeError):  # no thread can be started
                _start_thread(self._leave_to_the_kernel, ())
            self._stop(signal.Signals(number))
        elif _monotonic() >= self._first + _SAME_SIGNAL:
            _end_at_once(number)

    def _leave_to_the_kernel(self) -> None:
        _sleep(_SAME_SIGNAL)
        if not self.is_over:
            for number in _NUMBERS:
                _end_at_next(number, with_handler=False)


def _end_at_next(number: int, *, with_handler: bool = True) -> None:
    """Have the kernel end the process at a signal: at the next one, or at the one after that.

    Does nothing where that is not known to work.

    Args:
        number: The signal.
        with_handler: True if the handler is still called with the next one.
    """
    if sys.platform not in _RESET or sys.maxsize < 2**32 or os.getpid() == 1:
        return
    position, flag = _RESET[sys.platform]
    library = ctypes.CDLL(None)
    action = ctypes.create_string_buffer(512)
    if library.sigaction(int(number), None, action):
        return
    if with_handler:
        flags = ctypes.c_uint32.from_buffer(action, position)
        flags.value |= flag
    else:
        ctypes.c_void_p.from_buffer(action).value = None  # SIG_DFL
    library.sigaction(int(number), action, None)


def _end_at_once(number: int) -> None:
    with contextlib.suppress(Exception):
        from ._log_handler import log_handlers  # a supervisor logs without

        for handler in log_handlers():
            if handler.lines is not None:
                handler.lines.flush()  # without waiting: the process is to end now
    with contextlib.suppress(OSError):
        name = signal.Signals(number).name
        os.write(2, f"{name} once more: process {os.getpid()} ends at once\n".encode())
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _NUMBERS)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # process 1 of a container has no default action
