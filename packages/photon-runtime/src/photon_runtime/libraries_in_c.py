"""Libraries that wait in C, each with its remedy; and which one a call has entered.

Theory of operation. Such a library blocks the thread, so that no other task runs; and if it waits
for what another task of the process would do, for ever. That cannot be changed from outside, but
it must not happen in silence. One table serves three places: the patch logs the import of a known
library, ``photon doctor`` lists those that an application has imported, and the watchdog names the
one that a blocked task has called.

A call in C has no frame. So `blocking_library` reads the expression that the innermost frame of
Python evaluates: the position of its instruction gives the text, and the names in it give objects,
whose classes give modules. Nothing of the objects is called, since their owner is in the middle of
a call: attributes are only those in their dictionaries and slots.

A library that is not in the table is named, too, if its module is an extension: then a call of it
is one in C, whether it waits or computes.
"""

from __future__ import annotations

import inspect
import itertools
import linecache
import re
import socket
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from types import (
    BuiltinFunctionType,
    FrameType,
    FunctionType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any

import attrs

from ._remedies import ALWAYS, FIRST_USES, IN_THREADS, OFFLOAD, PATCHED, REMEDIES, remedy_of
from ._socket import Socket

_NAMES = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*")
_MISSING = object()
_IMPORT = "<module>"
_STANDARD = sys.stdlib_module_names - {"sqlite3"} | {"builtins", "greenlet", "photon_runtime"}


@attrs.frozen
class BlockingLibrary:
    """A library in C that a task has called.

    Attributes:
        name: The name of its module.
        remedy: What to do, as the rest of a sentence.
    """

    name: str
    remedy: str


def imported_libraries() -> list[BlockingLibrary]:
    """Return the libraries of the table that this process has imported.

    Those whose calls go to threads, by ``[runtime] threads``, are not among them.
    """
    found = [BlockingLibrary(name, remedy_of(name)) for name in REMEDIES if _is_waited_for(name)]
    oracledb: Any = sys.modules.get("oracledb")
    if _is_waited_for("oracledb") and not oracledb.is_thin_mode():
        _, part, remedy = FIRST_USES["oracledb"]
        found.append(BlockingLibrary(f"{part} of oracledb", remedy))
    return found


def _is_waited_for(name: str) -> bool:
    module = sys.modules.get(name)
    return module is not None and IN_THREADS not in vars(module)


def blocking_library(frame: FrameType | None) -> BlockingLibrary | None:
    """Return the library in C that the innermost call of a thread has entered.

    Args:
        frame: The innermost frame of the thread, which may run.

    Returns:
        ``None`` if the call is not in C, in the standard library, or an import.
    """
    while frame is not None and frame.f_code.co_name != _IMPORT:
        for module in itertools.chain(_called_modules(frame), (_module_of(frame),)):
            library = _known(module) or _unknown(module)
            if library is not None:
                return library
        if not _is_standard(_module_of(frame)):
            return None
        frame = frame.f_back
    return None


def _known(module: str) -> BlockingLibrary | None:
    """Return the library of the table that a module belongs to."""
    if module.startswith("oracledb.thick"):
        _, part, remedy = FIRST_USES["oracledb"]
        return BlockingLibrary(f"{part} of oracledb", remedy)
    name = module
    while name:
        if name in REMEDIES:
            return BlockingLibrary(name, remedy_of(name))
        if name in ALWAYS:
            return BlockingLibrary(name.lstrip("_"), ALWAYS[name])
        if name in PATCHED and socket.socket is not Socket:
            return BlockingLibrary(name, PATCHED[name])
        name = name.rpartition(".")[0]
    return None


def _unknown(module: str) -> BlockingLibrary | None:
    """Return the library of a module that is an extension; ``None`` for other modules."""
    if not module or _is_standard(module):
        return None
    file = getattr(sys.modules.get(module), "__file__", None)
    if not isinstance(file, str) or not file.endswith(tuple(EXTENSION_SUFFIXES)):
        return None
    return BlockingLibrary(module, OFFLOAD)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in _STANDARD


def _module_of(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""


def _called_modules(frame: FrameType) -> list[str]:
    """Return the modules of the objects in the expression that a frame evaluates."""
    text = _expression(frame)
    modules: dict[str, None] = {}
    for match in _NAMES.finditer(text):
        first, *names = re.split(r"\s*\.\s*", match[0])
        value = frame.f_locals.get(first, frame.f_globals.get(first, _MISSING))
        for name in names:
            modules.update(dict.fromkeys(_modules_of(value)))
            value = _attribute(value, name)
        own = _modules_of(value)
        modules.update(dict.fromkeys(own))
        is_called = text.startswith("(", match.end())
        if is_called and value is not _MISSING and own[0] != "builtins":
            break  # arguments count where a function of Python's own, as list, iterates over them
    return list(modules)


def _expression(frame: FrameType) -> str:
    """Return the text that the current instruction of a frame was compiled from."""
    code = frame.f_code
    position = next(itertools.islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
    first, last, begin, end = position
    if first is None or last is None or begin is None or end is None:
        return ""
    lines = [
        linecache.getline(code.co_filename, number, frame.f_globals).encode()
        for number in range(first, last + 1)
    ]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    return b"".join(lines).decode(errors="replace")


def _modules_of(value: object) -> list[str]:
    """Return the modules that an object comes from, those of its class's bases included."""
    if isinstance(value, ModuleType):
        return [value.__name__]
    if isinstance(value, BuiltinFunctionType | FunctionType):
        owner = value.__self__ if isinstance(value, BuiltinFunctionType) else None
        if owner is None or isinstance(owner, ModuleType):
            return [value.__module__ or "builtins"]
        value = owner
    classes = value.__mro__ if isinstance(value, type) else type(value).__mro__
    names = [cls.__dict__.get("__module__", cls.__module__) for cls in classes]
    return [name for name in names if isinstance(name, str)]


def _attribute(value: object, name: str) -> object:
    """Return an attribute of an object without running code of its class."""
    if value is _MISSING:
        return _MISSING
    found = inspect.getattr_static(value, name, _MISSING)
    if isinstance(found, MemberDescriptorType):
        try:
            return found.__get__(value)
        except (AttributeError, TypeError):
            return _MISSING
    return found
