"""`time.sleep` that pauses a task."""

from __future__ import annotations

import math
import operator

from .._paused_hub import has_paused, take_paused
from .._run import run_in, sleep
from . import _saved
from ._running import running_task

_LONGEST = 2.0**63 / 1e9


def sleep_(seconds: float, /) -> None:
    """Pause the calling task, or the thread where there is no hub; see `time.sleep`.

    Raises:
        Cancelled: A scope around the task was cancelled.
    """
    is_in_task = running_task() is not None
    if not is_in_task and not has_paused():
        _saved.sleep(seconds)
        return
    duration = seconds if isinstance(seconds, float) else float(_number(seconds))
    if math.isnan(duration):
        raise ValueError("Invalid value NaN (not a number)")
    if duration < 0:
        raise ValueError("sleep length must be non-negative")
    if duration > _LONGEST:
        raise OverflowError("timestamp too large to convert to C _PyTime_t")
    if is_in_task:
        sleep(duration)
    elif (hub := take_paused()) is not None:  # the threads that it has left run meanwhile
        run_in(hub, lambda: sleep(duration), sleep)


def _number(value: object) -> int | float:
    if isinstance(value, int):
        return value
    if hasattr(value, "__index__"):
        return operator.index(value)
    if hasattr(value, "__float__"):
        return float(value)
    raise TypeError(f"{type(value).__name__!r} object cannot be interpreted as an integer")
