"""`threading.local` that is local to tasks and to requests, and to threads without a hub.

A connection is one task that serves many requests, and no request may see what another one, perhaps
of another client, has left. But to clear all locals at the end of a request would cost each request
time. So each instance keeps one dictionary for each *context* of a task that has used it: a new
task has a new context, and so has each request. The dictionary is dropped with the context, when
the task has ended or the next request has begun, and where no local is used nothing is done.

Attributes are looked up in the order of the language: data descriptors of the class, the
dictionary, then the rest of the class.
"""

from __future__ import annotations

import weakref
from contextvars import Context
from typing import Any, NoReturn

from . import _saved
from ._running import running_task

_MISSING = object()


class _Storage:
    """The dictionaries of one `local`."""

    __slots__ = ("__weakref__", "args", "kwargs", "of_contexts", "of_thread")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs
        self.of_contexts: dict[int, tuple[dict[str, Any], weakref.ref[Context]]] = {}
        self.of_thread = _saved.Local()

    def find(self) -> dict[str, Any] | None:
        """Return the caller's dictionary, ``None`` if it does not have one yet."""
        task = running_task()
        if task is None:
            found: dict[str, Any] | None = getattr(self.of_thread, "values", None)
            return found
        entry = self.of_contexts.get(id(task.context))
        return None if entry is None else entry[0]

    def create(self) -> dict[str, Any]:
        """Make the caller's dictionary."""
        values: dict[str, Any] = {}
        task = running_task()
        if task is None:
            self.of_thread.values = values
            return values
        key, storage = id(task.context), weakref.ref(self)

        def forget(_: object) -> None:
            mine = storage()
            if mine is not None:
                mine.of_contexts.pop(key, None)

        self.of_contexts[key] = (values, weakref.ref(task.context, forget))
        return values


class local:  # noqa: N801 - it replaces threading.local
    """The replacement of `threading.local`."""

    __slots__ = ("__weakref__", "_local__storage")
    __module__ = "_thread"  # module of the standard class, for pickles and for readers of the repr

    _local__storage: _Storage

    def __new__(cls, /, *args: Any, **kwargs: Any) -> local:
        """Make an instance; ``__init__`` is called again, with the same arguments, in each task."""
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        storage = _Storage(args, kwargs)
        object.__setattr__(self, "_local__storage", storage)
        storage.create()
        return self

    def __getattribute__(self, name: str) -> Any:
        """Return an attribute of the running task's own, or of the class."""
        values = _values(self)
        if name == "__dict__":
            return values
        if name in values and not _is_data_descriptor(type(self), name):
            return values[name]
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute for the running task only."""
        if name == "__dict__":
            raise AttributeError(
                f"{type(self).__name__!r} object attribute '__dict__' is read-only"
            )
        if _is_data_descriptor(type(self), name):
            object.__setattr__(self, name, value)
        else:
            _values(self)[name] = value

    def __delattr__(self, name: str) -> None:
        """Delete an attribute of the running task's own."""
        if name == "__dict__":
            raise AttributeError(
                f"{type(self).__name__!r} object attribute '__dict__' is read-only"
            )
        if _is_data_descriptor(type(self), name):
            object.__delattr__(self, name)
        elif _values(self).pop(name, _MISSING) is _MISSING:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> NoReturn:
        """Refuse to be copied or pickled, as the standard one does; a subclass may allow it."""
        kind = type(self)
        name = "_thread._local" if kind is local else kind.__name__
        raise TypeError(f"cannot pickle {name!r} object")

    def __dir__(self) -> list[str]:
        """Return the names of the class and of the running task's own."""
        return sorted({*dir(type(self)), *_values(self)})


local.__name__ = local.__qualname__ = "_local"  # by which pickles find the class


def _values(instance: local) -> dict[str, Any]:
    storage: _Storage = object.__getattribute__(instance, "_local__storage")
    values = storage.find()
    if values is None:
        values = storage.create()
        kind = type(instance)
        if kind.__init__ is not object.__init__:
            kind.__init__(instance, *storage.args, **storage.kwargs)
    return values


def _is_data_descriptor(kind: type, name: str) -> bool:
    for base in kind.__mro__:
        found = base.__dict__.get(name, _MISSING)
        if found is not _MISSING:
            return hasattr(type(found), "__set__") or hasattr(type(found), "__delete__")
    return False
