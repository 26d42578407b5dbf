"""What was imported before the patch and holds originals.

Theory of operation. Three things can be held:

*Names.* A module that did ``from time import sleep`` has the original under its own name. It looks
that name up at each call, so binding it anew is enough. The same is done with locks that modules
keep under a name, as long as nobody holds them. This is mended quietly; the report lists it.

*Classes.* A subclass of `socket.socket` or of `threading.local` that was defined before keeps the
base that it was made with, and blocks the thread.

*What is in use.* A module's lock that is held, and a real thread that runs.

The last two cannot be mended, and are named. The standard library's own subclasses are known and
work. Debuggers and other schedulers want the originals that they saved, and are left alone; so is
the runtime itself.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType

import attrs

from . import _saved
from ._lock import Lock, RLock
from ._replacements import ORIGINAL_CLASSES, Replacement

_LEFT_ALONE = ("photon_runtime", "greenlet", "gevent", "eventlet", "debugpy", "pydevd")
_LEFT_ALONE_PREFIXES = ("_pydev", "pydev")
# The sources of the real things; the modules' other names for them are bound anew.
_SOURCES = ("_socket", "posix", "nt", "_signal", "_queue")
_RealLock = type(_saved.allocate_lock())
_RealRLock = type(threading._CRLock())  # type: ignore[attr-defined]  # private


@attrs.frozen
class PatchReport:
    """What patching found.

    Attributes:
        rebound: Names of other modules that held an original and were bound anew.
        late: What keeps the original behaviour, each as a sentence; empty if all is well.
    """

    rebound: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


def find_late() -> tuple[str, ...]:
    """Return what a patch made now could not mend."""
    return (*_held_locks(), *_subclasses(), *_threads())


def rebind(done: Sequence[Replacement]) -> tuple[str, ...]:
    """Bind the names of other modules anew that hold what was replaced; return the names."""
    names = {id(entry.original): entry.value for entry in done if _is_shared(entry)}
    rebound = []
    for module in _modules():
        for name, value in list(vars(module).items()):
            if id(value) in names:
                setattr(module, name, names[id(value)])
            elif _is_free_lock(value):
                setattr(module, name, Lock() if isinstance(value, _RealLock) else RLock())
            else:
                continue
            if not _is_standard(module.__name__):
                rebound.append(f"{module.__name__}.{name}")
    _renew_handler_locks()
    return tuple(rebound)


def _is_shared(entry: Replacement) -> bool:
    """Whether other modules may hold the original under a name of their own."""
    return isinstance(entry.owner, ModuleType) and not isinstance(entry.original, ModuleType)


def _renew_handler_locks() -> None:
    handlers: list[object] = logging._handlerList  # type: ignore[attr-defined]  # private
    for reference in list(handlers):
        handler = reference() if callable(reference) else reference
        if isinstance(handler, logging.Handler) and isinstance(handler.lock, _RealRLock):
            handler.createLock()


def _held_locks() -> Iterator[str]:
    for module in _modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, _RealLock) and value.locked():
                yield f"the lock {module.__name__}.{name} is held and stays a real one"


def _subclasses() -> Iterator[str]:
    for base in ORIGINAL_CLASSES:
        for kind in _below(base):
            if not _is_standard(kind.__module__) and not _is_left_alone(kind.__module__):
                yield (
                    f"{kind.__module__}.{kind.__qualname__} was made a subclass of "
                    f"{base.__module__}.{base.__name__} before"
                )


def _below(kind: type) -> Iterator[type]:
    subclasses: list[type] = type.__subclasses__(kind)
    for subclass in subclasses:
        yield subclass
        yield from _below(subclass)


def _threads() -> Iterator[str]:
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread is not threading.current_thread():
            yield f"{thread!r} runs as a real thread"


def _is_free_lock(value: object) -> bool:
    if isinstance(value, _RealLock):
        return not value.locked()
    return isinstance(value, _RealRLock) and "count=0" in repr(value)


def _modules() -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and not _is_left_alone(name) and name not in _SOURCES:
            yield module


def _is_left_alone(name: str) -> bool:
    top = name.partition(".")[0]
    return top in _LEFT_ALONE or top.startswith(_LEFT_ALONE_PREFIXES)


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names
