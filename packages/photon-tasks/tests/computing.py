"""Tasks that run in processes; these import this module by its name."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

import attrs

from photon_tasks import task


@attrs.frozen
class Sum:
    """A result that is not plain JSON.

    Attributes:
        value: The sum.
        pid: The process that has computed it.
    """

    value: int
    pid: int


class Refused(Exception):
    """An error after which no attempt follows."""


class Busy(Exception):
    """An error that decides when the next attempt follows."""

    retry_in = 0.01


@task(on="process", retries=0)
def add(numbers: list[int]) -> Sum:
    """Add."""
    return Sum(sum(numbers), os.getpid())


@task(on="process", retries=1, backoff=0.01)
def crash(kind: str) -> None:
    """End the process."""
    if kind == "exit":
        os._exit(5)
    if kind == "leave":
        raise SystemExit(3)
    ctypes.string_at(0)


@task(on="process", retries=5, backoff=60, fatal=[Refused])
def refuse(path: str) -> None:
    """Fail, first so that another attempt follows."""
    file = Path(path)
    if not file.exists():
        file.touch()
        raise Busy("not yet")
    raise Refused("never")


@task(on="process", retries=0)
def compute(path: str, timeout: float = 60) -> None:
    """Note the process, and compute for long without a pause."""
    Path(path).write_text(str(os.getpid()))
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        pass


@task(on="process", retries=0, timeout=0.5)
def compute_too_long(path: str) -> None:
    """Compute until the time limit."""
    compute(path)


@task(on="process", retries=0)
def enlarge(size: int) -> str:
    """Return a long text."""
    return "x" * size
