"""Originals that modules imported before the patch still hold.

Theory of operation. There are three cases:

*Names.* A module that did ``from time import sleep`` has the original under its own name. It looks
that name up at each call, so rebinding it is enough. The same is done with locks and locals that
modules keep under a name: one that several modules share is replaced by one. This is repaired
without a warning; the report lists it.

*Classes.* A subclass of `socket.socket` or of `threading.local` that was defined before the patch
keeps its original base class, and blocks the thread.

*Objects in use.* A lock that is held, or that objects other than modules refer to as well (a
condition that was made of it must continue to match it), and a real thread that runs.

The last two cannot be repaired, and are reported. Those of the standard library itself are known
to be repairable. Debuggers and other schedulers need the originals that they saved, and are not
changed; nor is the runtime itself.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import attrs

from . import _saved
from ._local import local
from ._lock import Lock, RLock
from ._replacements import ORIGINAL_CLASSES, Replacement

_LEFT_ALONE = ("photon_runtime", "greenlet", "gevent", "eventlet", "debugpy", "pydevd")
_LEFT_ALONE_PREFIXES = ("_pydev", "pydev")
# The modules that define the originals; other modules' names for them are rebound.
_SOURCES = ("_socket", "posix", "nt", "_signal", "_queue", "_sqlite3")
_RealLock = type(_saved.allocate_lock())
_RealRLock = type(threading._CRLock())  # type: ignore[attr-defined]  # private


@attrs.frozen
class PatchReport:
    """The result of patching.

    Attributes:
        rebound: Names of other modules that held an original and were rebound.
        late: Sentences, one for each object that keeps the original behaviour; normally empty.
    """

    rebound: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


@attrs.define(eq=False)
class _Kept:
    """A lock or a local that modules refer to by name, and all those names."""

    value: Any
    places: list[tuple[ModuleType, str]] = attrs.Factory(list)

    @property
    def name(self) -> str:
        """The first of the names."""
        module, name = self.places[0]
        return f"{module.__name__}.{name}"

    @property
    def is_standard(self) -> bool:
        """Whether the standard library keeps it."""
        return any(_is_standard(module.__name__) for module, _ in self.places)

    @property
    def trouble(self) -> str | None:
        """The reason why it cannot be replaced, ``None`` if it can."""
        if _is_held(self.value):
            return "is held"
        # Apart from the modules, this object and the call that counts refer to it.
        if not self.is_standard and sys.getrefcount(self.value) > len(self.places) + 2:
            return "is used by other objects too"
        return None

    def replacement(self) -> object:
        """Return the object that replaces it."""
        if isinstance(self.value, _RealLock):
            return Lock()
        if isinstance(self.value, _RealRLock):
            return RLock()
        new = local()
        vars(new).update(vars(self.value))
        return new


def find_late() -> tuple[str, ...]:
    """Return what a patch made now could not repair."""
    kept = _kept_by_modules()
    locks = [
        f"{it.name} {why} and stays a real {type(it.value).__name__}"
        for it in kept
        if (why := it.trouble) is not None
    ]
    return (*locks, *_subclasses(), *_threads())


def rebind(replacements: Sequence[Replacement]) -> tuple[str, ...]:
    """Rebind the names of other modules that hold an original; return the names."""
    places = [*_rebind_names(replacements), *_replace_kept()]
    _renew_handler_locks()
    return tuple(
        f"{module.__name__}.{name}" for module, name in places if not _is_standard(module.__name__)
    )


def rebind_names(replacements: Sequence[Replacement]) -> None:
    """Rebind the names of other modules that hold an original."""
    for _ in _rebind_names(replacements):
        pass


def _rebind_names(replacements: Sequence[Replacement]) -> Iterator[tuple[ModuleType, str]]:
    values = {id(entry.original): entry.value for entry in replacements if _is_shared(entry)}
    for module in _modules():
        for name, value in list(vars(module).items()):
            if id(value) in values:
                setattr(module, name, values[id(value)])
                yield module, name


def _replace_kept() -> Iterator[tuple[ModuleType, str]]:
    for kept in _kept_by_modules():
        if kept.trouble is None:
            new = kept.replacement()
            for module, name in kept.places:
                setattr(module, name, new)
                yield module, name


def _kept_by_modules() -> list[_Kept]:
    found: dict[int, _Kept] = {}
    for module in _modules():
        for name, value in list(vars(module).items()):
            if type(value) in (_RealLock, _RealRLock, _saved.Local):
                found.setdefault(id(value), _Kept(value)).places.append((module, name))
        value = None
    return list(found.values())


def _is_held(value: object) -> bool:
    if isinstance(value, _RealLock):
        return value.locked()
    return isinstance(value, _RealRLock) and "count=0" not in repr(value)


def _is_shared(entry: Replacement) -> bool:
    """Whether other modules may hold the original under a name of their own."""
    return isinstance(entry.owner, ModuleType) and not isinstance(entry.original, ModuleType)


def _renew_handler_locks() -> None:
    handlers: list[object] = logging._handlerList  # type: ignore[attr-defined]  # private
    for reference in list(handlers):
        handler = reference() if callable(reference) else reference
        if isinstance(handler, logging.Handler) and isinstance(handler.lock, _RealRLock):
            handler.createLock()


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


def _modules() -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and not _is_left_alone(name) and name not in _SOURCES:
            yield module


def _is_left_alone(name: str) -> bool:
    top = name.partition(".")[0]
    return top in _LEFT_ALONE or top.startswith(_LEFT_ALONE_PREFIXES)


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names
