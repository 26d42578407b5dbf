"""Exit hooks and finalizers in the child of a fork: which of them are its own.

Theory of operation. A worker is forked from a process that has imported libraries and may be
instrumented: some have registered exit hooks already, and each worker needs theirs, as their state
exists in each process. `logging`, `weakref` and `multiprocessing` register theirs at import; agents
that start before the program (coverage, tracing) flush in them. Other hooks are about what belongs
to the parent alone, such as its pid file or its temporary folder, and would take that from it
whenever a worker ends. The difference is where a hook was defined:

- a function of a library runs in the parent and in each worker;
- a function of the program itself (of ``__main__``) runs in the parent only, and so does one of the
  standard library or one written in C that the program has registered, such as ``os.remove``.

A finalizer of `weakref` (of a `tempfile.TemporaryDirectory`, for example) belongs to the process
that made its object; `multiprocessing` compares pids itself, but not those of its children.

`atexit` has no list of its hooks. ``atexit.unregister`` compares each of them with its argument,
so an object that is equal to those of the parent removes them.
"""

from __future__ import annotations

import atexit
import logging
import sys
import weakref
from collections.abc import Callable
from functools import partial
from types import FunctionType, MethodType
from typing import Any


def forget_inherited_hooks() -> None:
    """Keep only those exit hooks and finalizers that this process, a forked child, must run."""
    atexit.unregister(_HooksOfParent())  # type: ignore[arg-type]  # it is only compared
    registry: dict[object, Any] = weakref.finalize._registry  # type: ignore[attr-defined]  # private
    for entry in list(registry.values()):
        entry.atexit = False
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes._children = set()  # type: ignore[attr-defined]  # as in its own children


class _HooksOfParent:
    """Equal to every hook that only the parent must run."""

    def __eq__(self, hook: object) -> bool:
        return not _is_of_library(hook)

    __hash__ = None  # type: ignore[assignment]  # it is equal to different objects


def _is_of_library(hook: object) -> bool:
    while isinstance(hook, partial | MethodType):
        if hook in _hooks_of_modules():
            return True
        hook = hook.func if isinstance(hook, partial) else hook.__func__
    if hook in _hooks_of_modules():
        return True
    kind = hook if isinstance(hook, FunctionType) else type(hook)
    module = getattr(kind, "__module__", None) or "builtins"
    return module != "__main__" and module.partition(".")[0] not in sys.stdlib_module_names


def _hooks_of_modules() -> tuple[Callable[..., object], ...]:
    """Return the hooks that the standard library registers itself."""
    util = sys.modules.get("multiprocessing.util")
    of_util = () if util is None else (util._exit_function,)
    of_finalizers = weakref.finalize._exitfunc  # type: ignore[attr-defined]  # private
    return (logging.shutdown, of_finalizers, *of_util)
