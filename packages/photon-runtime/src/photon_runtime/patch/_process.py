"""Waiting for child processes.

Theory of operation. A child is waited for by its pidfd where the kernel supports it, and otherwise
by polling at growing intervals; in both cases the exit status is collected by the standard call
with ``WNOHANG``.

`os.fork` does not need a replacement: a hook of the hub gives the child a new one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .._offload import offload
from . import _saved
from ._descriptors import Patience, wait_readable
from ._running import running_task

_real_system = os.system
_real_wait4 = getattr(os, "wait4", None)


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """Wait for a child; see `os.waitpid`. Blocks: the calling task."""
    if running_task() is None or options & os.WNOHANG:
        return _saved.waitpid(pid, options)
    look = lambda: _saved.waitpid(pid, options | os.WNOHANG)  # noqa: E731
    ended: tuple[int, int] = _until_ended(look, lambda it: it[0] != 0, 0 if options else pid)
    return ended


def wait() -> tuple[int, int]:
    """Wait for any child; see `os.wait`. Blocks: the calling task."""
    return waitpid(-1, 0)


def wait3(options: int) -> Any:
    """Wait for any child; see `os.wait3`. Blocks: the calling task."""
    return wait4(-1, options)


def wait4(pid: int, options: int) -> Any:
    """Wait for a child; see `os.wait4`. Blocks: the calling task."""
    real: Callable[[int, int], Any] = os.wait4 if _real_wait4 is None else _real_wait4
    if running_task() is None or options & os.WNOHANG:
        return real(pid, options)
    look = lambda: real(pid, options | os.WNOHANG)  # noqa: E731
    return _until_ended(look, lambda it: it[0] != 0, 0 if options else pid)


def waitid(idtype: int, id_: int, options: int, /) -> Any:
    """Wait for a child; see `os.waitid`. Blocks: the calling task."""
    real: Callable[..., Any] = os.waitid if _saved.waitid is None else _saved.waitid
    if running_task() is None or options & os.WNOHANG:
        return real(idtype, id_, options)
    by_pid = idtype == os.P_PID and options & ~os.WNOWAIT == os.WEXITED
    look = lambda: real(idtype, id_, options | os.WNOHANG)  # noqa: E731
    return _until_ended(look, lambda found: found is not None, id_ if by_pid else 0)


def system(command: Any) -> int:
    """Run a command in a shell; see `os.system`. Blocks: the calling task."""
    if running_task() is None:
        return _real_system(command)
    return offload(_real_system, command)


def _until_ended(look: Callable[[], Any], is_found: Callable[[Any], bool], pid: int) -> Any:
    """Call ``look`` until it reports the end of a child; ``pid`` is 0 for any child."""
    found = look()
    if is_found(found):
        return found
    descriptor = _pidfd(pid)
    patience = Patience()
    try:
        while not is_found(found):
            if descriptor is None:
                patience.pause()
            else:
                wait_readable(descriptor)
            found = look()
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return found


def _pidfd(pid: int) -> int | None:
    if pid <= 0 or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
