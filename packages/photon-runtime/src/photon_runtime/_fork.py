"""A process that was forked in a task: what it must not keep of its parent, and its end."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the originals, also under the patch
import contextlib
import os
import signal
import sys
import traceback
from typing import NoReturn

_CONTROLLING = (
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class ForkSignals:
    """Keeps signals for the child of a service from being lost in the fork.

    The handlers of the service would do nothing in the child, so it gets the default actions of the
    signals that control the service. Until then they are blocked: one may be sent at once.
    """

    def __init__(self) -> None:
        """Begin outside of forks."""
        self._forks = 0
        self._mask: set[int] = set()

    def before(self) -> None:
        """Block the signals."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*_CONTROLLING, signal.SIGINT))
        if not self._forks:
            self._mask = set(mask)
        self._forks += 1

    def in_parent(self) -> None:
        """Deliver them, when no other task is about to fork."""
        self._forks -= 1
        if not self._forks:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def in_child(self) -> None:
        """Restore the default actions, and deliver the signals."""
        self._forks = 0
        _restore_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)


def _restore_signals() -> None:
    for number in _CONTROLLING:
        if _is_of_service(number):
            signal.signal(number, signal.SIG_DFL)
    if _is_of_service(signal.SIGINT):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_of_service(number: signal.Signals) -> bool:
    handler = _signal.getsignal(number)
    module = getattr(getattr(handler, "handler", handler), "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in _OURS


_OURS = frozenset({"photon", "photon_cli", "photon_runtime", "photon_tasks"})


def is_alone() -> bool:
    """Return whether neither another thread of this process nor a timer could end a wait."""
    return len(sys._current_frames()) == 1 and not _signal.getitimer(signal.ITIMER_REAL)[0]


def leave_forked_child(error: BaseException | None) -> NoReturn:
    """End this process, whose only task has ended, with ``error`` if there was one.

    The frames below the hub belong to the parent, and returning into them would run the rest of the
    parent's program a second time. A thread that forks and then returns also ends its process.
    """
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if not isinstance(error.code, int | None):
            print(error.code, file=sys.stderr)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    with contextlib.suppress(Exception):
        from .logs import flush_logs  # needs hubs, and these this module

        flush_logs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
