"""Where a run took place, as far as it matters for its figures."""

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path


def describe() -> Mapping[str, object]:
    """Tell CPU, cores, kernel, Python, and how busy the machine was before the run."""
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def cpu_model(text: str) -> str:
    """Pick the model out of ``/proc/cpuinfo``; the architecture where it is not told."""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def cores() -> tuple[int, int]:
    """Choose the servers' core and the load's; the same one where only one is allowed."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]
