"""Whether a person works with a debugger in this process.

A debugger traces the thread that it works in, and ``sys.gettrace()`` shows only the caller's
thread; so the stacks of all threads are looked at. At its prompt, and while it steps, a debugger is
on one of them: with frames of its own, or with frames whose local trace function is its own. Those
that use ``sys.monitoring`` (Python 3.12 and later) are known to the interpreter.
"""

from __future__ import annotations

import sys
from types import FrameType

_MODULES = frozenset(
    (
        *("bdb", "pdb", "ipdb", "pudb", "IPython", "code", "_pyrepl", "wdb", "rpdb", "web_pdb"),
        *("remote_pdb", "debugpy", "pydevd", "pydevd_tracing", "_pydevd_bundle", "_pydev_bundle"),
    )
)


def is_debugging() -> bool:
    """Return whether a debugger is at work on any thread."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None:
        return True
    return any(_is_in_debugger(frame) for frame in sys._current_frames().values())


def _is_in_debugger(frame: FrameType | None) -> bool:
    while frame is not None:
        if _is_of_debugger(frame.f_globals.get("__name__")):
            return True
        trace = frame.f_trace
        if trace is not None and _is_traced_by_debugger(trace):
            return True
        frame = frame.f_back
    return False


def _is_traced_by_debugger(trace: object) -> bool:
    owner = type(getattr(trace, "__self__", trace))
    return _is_of_debugger(getattr(trace, "__module__", None)) or any(
        _is_of_debugger(each.__module__) for each in owner.__mro__
    )


def _is_of_debugger(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in _MODULES
