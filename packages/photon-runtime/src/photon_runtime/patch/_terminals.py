"""Calls of `termios` that wait until a terminal has sent its output, on a thread."""

from __future__ import annotations

import termios
from typing import Any

from .._offload import offload
from ._running import running_task

_real_tcdrain = termios.tcdrain
_real_tcsendbreak = termios.tcsendbreak
_real_tcsetattr = termios.tcsetattr


def tcdrain(fd: Any, /) -> None:
    """Wait until the output is sent; see `termios.tcdrain`. Blocks: the calling task."""
    if running_task() is None:
        _real_tcdrain(fd)
    else:
        offload(_real_tcdrain, fd)


def tcsendbreak(fd: Any, duration: int, /) -> None:
    """Send a break, which lasts; see `termios.tcsendbreak`. Blocks: the calling task."""
    if running_task() is None:
        _real_tcsendbreak(fd, duration)
    else:
        offload(_real_tcsendbreak, fd, duration)


def tcsetattr(fd: Any, when: int, attributes: list[Any], /) -> None:
    """Set attributes; see `termios.tcsetattr`. Blocks: the task, where output is sent first."""
    if when == termios.TCSANOW or running_task() is None:
        _real_tcsetattr(fd, when, attributes)
    else:
        offload(_real_tcsetattr, fd, when, attributes)
