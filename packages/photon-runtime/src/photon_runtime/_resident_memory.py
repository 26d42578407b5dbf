"""The memory that this process uses."""

from __future__ import annotations

import resource
import sys


def resident_memory() -> int:
    """Return the resident memory of this process in bytes; its maximum where that is unknown."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
