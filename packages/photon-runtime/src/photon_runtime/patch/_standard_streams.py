"""The standard input, output and error output, where they are pipes, sockets or a terminal.

Theory of operation. The interpreter has made these objects, and other modules hold them: handlers
of logging, for example. So the objects stay, and their raw files and buffers get methods of their
own, as attributes, which C code looks up like any other.

A terminal is left alone where it is written to.
"""

from __future__ import annotations

import builtins
import functools
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from . import _pipe_files
from ._buffers import READER_METHODS, WRITER_METHODS, Turns
from ._pipe_files import may_wait
from ._running import running_task

_real_input = builtins.input
_RealFileIO = io.FileIO


def let_standard_streams_cooperate() -> None:
    """Let the standard streams pause only the calling task. A second call does nothing."""
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        if type(stream) is io.TextIOWrapper:
            _cooperate(stream.buffer, is_input=stream is sys.__stdin__)


def turns_of_standard_streams() -> Iterator[Turns]:
    """Return the turns that tasks take at the standard streams."""
    for stream in (sys.__stdout__, sys.__stderr__):
        buffer = getattr(stream, "buffer", None)
        for holder in (buffer, getattr(buffer, "raw", buffer)):
            for method in vars(holder).values() if hasattr(holder, "__dict__") else ():
                if isinstance(method, functools.partial):
                    turns = getattr(method.func, "__self__", None)
                    if isinstance(turns, Turns):
                        yield turns


def _cooperate(buffer: Any, *, is_input: bool) -> None:
    if type(buffer) is io.BufferedReader:
        _set_turns(buffer, READER_METHODS)
    elif type(buffer) is io.BufferedWriter:
        _set_turns(buffer, WRITER_METHODS)
    raw = getattr(buffer, "raw", buffer)
    if isinstance(raw, io.FileIO) and not vars(raw).get("readinto" if is_input else "write"):
        turns = Turns()  # for a stream without a buffer
        for name in ("readinto", "read", "readall") if is_input else ("write",):
            vars(raw)[name] = functools.partial(turns.call, _call, name, raw)


def _call(name: str, raw: io.FileIO, /, *args: Any) -> Any:
    """Call a method of a raw file, whose descriptor others may redirect at any time."""
    fd = raw.fileno()
    waits = running_task() is not None and may_wait(fd) and (name != "write" or not os.isatty(fd))
    owner = _pipe_files if waits else _RealFileIO
    return getattr(owner, name)(raw, *args)


def _set_turns(buffer: Any, names: tuple[str, ...]) -> None:
    if names[0] in vars(buffer):
        return
    turns = Turns()
    for name in names:
        vars(buffer)[name] = functools.partial(turns.call, getattr(type(buffer), name), buffer)


def input_(prompt: object = "", /) -> str:
    """Read a line of the standard input; see `input`.

    Where a program edits lines by `readline`, or is traced by a debugger, it blocks the thread.

    Blocks: the calling task.
    """
    has_editor = sys.gettrace() is not None or "readline" in sys.modules
    if running_task() is None or has_editor or not _is_terminal():
        return _real_input(prompt)
    sys.audit("builtins.input", prompt)
    sys.stderr.flush()
    sys.stdout.write(str(prompt))
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    sys.audit("builtins.input/result", line)
    return line.removesuffix("\n")


def _is_terminal() -> bool:
    try:
        return sys.stdin.fileno() == 0 and os.isatty(0) and os.isatty(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return False
