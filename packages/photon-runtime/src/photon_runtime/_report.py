"""Readable reports of tasks: where each one waits, and where it was spawned."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._task import Task

_OURS = str(Path(__file__).parent) + os.sep
_ENTRY_FUNCTIONS = ("PooledGreenlet.run", "Task.execute")


# A code object and the offset of an instruction. Finding the line takes longer than spawning a
# task, so it is done on demand.
Site = tuple[CodeType, int]


def spawn_site() -> Site | None:
    """Return the innermost call site outside of the runtime that led to ``new_task()``."""
    try:
        frame: FrameType | None = sys._getframe(3)  # skip two callers in the runtime
    except ValueError:  # without a caller: the function of a task is ``spawn`` itself
        return None
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return None if frame is None else (frame.f_code, frame.f_lasti)


def describe_site(site: Site | None) -> str:
    """Return ``file:line``."""
    if site is None:
        return "<runtime>"
    code, instruction = site
    for begin, end, line in code.co_lines():
        if begin <= instruction < end:
            return f"{code.co_filename}:{line}"
    return code.co_filename


def describe_tasks(tasks: Iterable[Task[object]]) -> str:
    """Return name, state, spawn site and stack of every task as readable text."""
    return "\n".join(_describe(task) for task in sorted(tasks, key=lambda task: task.name))


def _describe(task: Task[object]) -> str:
    lines = [f"{task!r}, spawned at {task.site}\n"]
    frame = task.greenlet.gr_frame if task.greenlet is not None else None
    if task.greenlet is not None and frame is None and not task.done:
        frame = sys._getframe(1)  # it is the running task, which calls this function
    if frame is not None:
        lines += _stack(frame)
    return "".join(lines)


def _stack(frame: FrameType) -> list[str]:
    """Return the stack up to the call into the runtime, and the runtime function that waits."""
    waits_in = ""
    current: FrameType | None = frame
    while current is not None and current.f_code.co_filename.startswith(_OURS):
        if current.f_code.co_qualname not in _ENTRY_FUNCTIONS:
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
