"""SIGUSR1 and SIGUSR2, which show what a process does, and SIGHUP to a worker.

Theory of operation. The default action of these signals is to end the process, so each process of a
service handles them from its first moment: a worker from its fork on, and with more to show once it
runs a hub (`photon_runtime.stats.dumping_on_signal`).

SIGUSR1 has two handlers. The one in C, of `faulthandler`, writes the Python stack at once, without
the interpreter's lock: the only one that is of use while code in C keeps that lock. It then calls
the one in Python, which runs as soon as the interpreter does. Handlers in Python are not inherited
by programs that the process starts, in contrast to ignored signals.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

from ._resident_memory import resident_memory

_log = logging.getLogger("photon.runtime")

Handler = Callable[[int, FrameType | None], None]


def handle_signals_of_workers(retire: Callable[[], None]) -> None:
    """Handle the signals in a process that has just been forked; call it in the main thread.

    Args:
        retire: Requests the replacement of this process.
    """
    show_by_signals()
    signal.signal(signal.SIGHUP, lambda _number, _frame: retire())


def show_by_signals() -> None:
    """Let SIGUSR1 print the stack, and SIGUSR2 log the state; call it in the main thread."""
    _show_stack_from_c(show_stack)
    signal.signal(signal.SIGUSR2, log_state)


@contextlib.contextmanager
def showing(dump: Handler, state: Handler) -> Iterator[None]:
    """Call ``dump`` with each SIGUSR1 and ``state`` with each SIGUSR2 while the block runs.

    Use it in the main thread.
    """
    dumped = signal.getsignal(signal.SIGUSR1)
    _show_stack_from_c(dump)
    logged = signal.signal(signal.SIGUSR2, state)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR2, logged)
        if dumped is signal.SIG_DFL:
            _forget_stack_from_c()
            signal.signal(signal.SIGUSR1, dumped)
        else:
            _show_stack_from_c(dumped)


def show_stack(number: int, frame: FrameType | None) -> None:
    """Print the stack of a process that runs no hub yet, or no longer."""
    stack = "".join(traceback.format_stack(frame))
    print(f"process {os.getpid()} runs no coroutines now; its stack:\n{stack}", file=sys.stderr)


def log_state(number: int = 0, frame: FrameType | None = None, **fields: object) -> None:
    """Log a record about this process: its CPU time, its memory and ``fields``."""
    log_for_operator(
        "state of the process",
        pid=os.getpid(),
        cpu_seconds=round(time.process_time(), 3),
        memory=resident_memory(),
        **fields,
    )


def log_for_operator(message: str, **fields: object) -> None:
    """Log a record that was asked for by a signal, whatever the level of the settings is."""
    level = max(logging.INFO, _log.getEffectiveLevel())
    _log.log(level, message, extra=fields)


def _show_stack_from_c(then: object) -> None:
    """Have SIGUSR1 write the stack of the main thread from C, and call ``then``."""
    _forget_stack_from_c()
    signal.signal(signal.SIGUSR1, then)  # type: ignore[arg-type]  # a handler, or what one was
    with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):  # no such file
        faulthandler.register(signal.SIGUSR1, sys.stderr, all_threads=False, chain=True)


def _forget_stack_from_c() -> None:
    faulthandler.unregister(signal.SIGUSR1)
