"""What people need to see when something is wrong: who waits where, and who was spawned where."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._task import Task

_OURS = str(Path(__file__).parent)
_CARRYING = ("Carrier.run", "Task.execute")


class Site:
    """A place in the code, turned into text only when it is shown."""

    __slots__ = ("_filename", "_line")

    def __init__(self, filename: str, line: int) -> None:
        """Keep file and line."""
        self._filename = filename
        self._line = line

    def __str__(self) -> str:
        """Return ``file:line``."""
        return f"{self._filename}:{self._line}"


def spawn_site() -> Site:
    """Return the innermost place outside of the runtime that led here."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    if frame is None:
        return Site("<runtime>", 0)
    return Site(frame.f_code.co_filename, frame.f_lineno)


def describe_tasks(tasks: Iterable[Task[object]]) -> str:
    """Return name, state, spawn site and stack of every task, as text for people."""
    return "\n".join(_describe(task) for task in sorted(tasks, key=lambda task: task.name))


def _describe(task: Task[object]) -> str:
    lines = [f"{task!r}, spawned at {task.site}\n"]
    frame = task.carrier.gr_frame if task.carrier is not None else None
    if task.carrier is not None and frame is None and not task.done:
        frame = sys._getframe(1)  # it runs now: it is the one that asks
    if frame is not None:
        lines += _stack(frame)
    return "".join(lines)


def _stack(frame: FrameType) -> list[str]:
    """Return the stack that led into the runtime, and the call that waits there."""
    waits_in = ""
    current: FrameType | None = frame
    while current is not None and current.f_code.co_filename.startswith(_OURS):
        if current.f_code.co_qualname not in _CARRYING:
            waits_in = current.f_code.co_qualname
        current = current.f_back
    lines = traceback.format_list(own_stack(current)) if current is not None else []
    if waits_in:
        lines.append(f"  waits in {waits_in}()\n")
    return lines


def own_stack(frame: FrameType) -> list[traceback.FrameSummary]:
    """Return the stack of ``frame`` without the runtime's frames, the innermost last."""
    frames = traceback.extract_stack(frame)
    return [entry for entry in frames if not entry.filename.startswith(_OURS)]
