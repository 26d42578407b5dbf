"""Libraries that wait in C whose calls go to threads: ``[runtime] threads``.

Theory of operation. Types of C cannot be changed, so what a program gets from such a library is
replaced: its functions and classes by ones that make the call by `offload`, and the objects that
they return by proxies, whose methods do the same, and so on: a connection, its cursors, their
results. Only objects that have methods get a proxy; rows, numbers and exceptions are the library's
own. A proxy passes for an object of its class (``isinstance``), and is replaced by it where it is
an argument of the library. Code that the library runs itself, on the thread, sees no proxies.

*Locks.* A task that leaves at a deadline leaves its call behind, on the thread. Another call on the
same connection must not meet it there: for drivers whose ``threadsafety`` (PEP 249) forbids that,
the calls on a connection and what it has made take turns. The next one, which is often a rollback,
waits for the end of the first. A task that is cancelled does not wait for what it still does
to clean up: a thread closes its connection once the call has ended.

Outside of tasks, the calls are made on the calling thread.
"""

from __future__ import annotations

import builtins
import contextlib
import enum
import functools
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import BuiltinFunctionType, FunctionType, GeneratorType, ModuleType
from typing import Any, Final, TypeAlias

from .._offload import offload
from .._remedies import IN_THREADS
from .._task import Task
from ..errors import Cancelled
from . import _saved
from ._on_import import Hook, when_imported
from ._running import running_task

_log = logging.getLogger("photon.runtime.patch")

_INSIDE: ContextVar[bool] = ContextVar("photon_inside_of_a_library", default=False)
_PLAIN: Final = (
    BaseException,
    ModuleType,
    type,
    enum.Enum,
    int,
    float,
    complex,
    str,
    bytes,
    bytearray,
    tuple,
    list,
    dict,
    set,
    frozenset,
)
_HEAP_TYPE: Final = 1 << 9
_CLEANUP: Final = frozenset(
    {"__exit__", "abort", "cancel", "close", "disconnect", "rollback", "terminate"}
)
"""Calls that a cancelled task makes: they are made, and it does not wait for them."""
_OPERATIONS: Final = (
    *(
        "__bool__",
        "__call__",
        "__contains__",
        "__delitem__",
        "__enter__",
        "__exit__",
        "__getitem__",
    ),
    *("__iter__", "__len__", "__next__", "__setitem__"),
)
"""Special methods that a proxy has if its object has them."""


_Lock: TypeAlias = contextlib.AbstractContextManager[Any]


def send_to_threads(names: Iterable[str]) -> None:
    """Let all calls of modules that wait in C be made on threads, with the patch and without it.

    Call it before the modules are imported, and before `patch_stdlib`, which warns of them
    otherwise. See ``[runtime] threads``.

    Args:
        names: Names of modules, such as ``MySQLdb``.
    """
    when_imported(hooks(names))


def hooks(names: Iterable[str]) -> Mapping[str, Hook]:
    """Return the functions to call when one of the modules is imported."""
    return {name: _Library(name).replace for name in names}


class _Library:
    """One library.

    Attributes:
        name: The name of its module.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._threadsafety: object = None
        self._lock: _Lock = contextlib.nullcontext()
        self._proxies: dict[type, type[_Proxy]] = {}
        self._classes: set[type] = set()

    def replace(self, module: ModuleType) -> None:
        """Replace the functions and classes of the module. A second call does nothing."""
        members = vars(module)
        if IN_THREADS in members:
            return
        members[IN_THREADS] = True
        self._threadsafety = members.get("threadsafety")
        if self._threadsafety == 0:
            self._lock = _saved.real_allocate_lock()
        public = {name: value for name, value in members.items() if not name.startswith("_")}
        # Some modules in C do not name themselves in their classes.
        self._classes.update(
            value
            for name, value in public.items()
            if isinstance(value, type)
            and value.__module__ == "builtins"
            and vars(builtins).get(name) is not value
        )
        for name, value in public.items():
            members[name] = self._replacement(value)

    def _replacement(self, value: Any) -> Any:
        """Return what replaces a member of the module: itself, if it makes no calls."""
        is_class = isinstance(value, type)
        if not self._is_of_library(_module_of(value)) and not (is_class and value in self._classes):
            return value
        if not is_class:
            is_function = callable(value) and not isinstance(value, _PLAIN)
            return self._function(value) if is_function else value
        if issubclass(value, (BaseException, enum.Enum, tuple)):
            return value
        if _is_of_python(value):
            self._change(value)
            return value
        return _Class(self, value)

    def call(
        self,
        function: Callable[..., Any],
        lock: _Lock | None,
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> Any:
        """Make a call on a thread, and return the proxy of its result.

        Blocks: the calling task.
        """
        call = functools.partial(
            function,
            *map(_target_of, arguments),
            **{name: _target_of(value) for name, value in named.items()},
        )
        if _INSIDE.get():
            return call()
        held = self._lock if lock is None else lock
        locked = functools.partial(_locked, held, call)
        task = running_task()
        if task is None:
            result = locked()
        elif _is_cleanup(function) and _is_cancelled(task):
            _saved.start_new_thread(_ignoring_errors, (locked,))
            return None
        else:
            result = offload(locked)
        return self.proxy(result, self._new_lock() if lock is None else lock)

    def proxy(self, value: Any, lock: _Lock) -> Any:
        """Return the proxy of an object of the library, and any other value as it is."""
        if not self._needs_proxy(value):
            return value
        cls = type(value)
        if cls not in self._proxies:
            operations = {name: _operation(name) for name in _OPERATIONS if _has(cls, name)}
            self._proxies[cls] = type(cls.__name__, (_Proxy,), operations)
        return self._proxies[cls](self, value, lock)

    def _new_lock(self) -> _Lock:
        return _saved.real_allocate_lock() if self._threadsafety == 1 else self._lock

    def _change(self, cls: type) -> None:
        """Let the objects of a class in Python, but not of its subclasses, be proxies.

        The class stays what it is, because code of its module may compare it or call super.
        """
        original: Any = cls.__new__

        def new(actual: type, *arguments: Any, **named: Any) -> Any:
            if actual is not cls or _INSIDE.get():
                if original is object.__new__:
                    return original(actual)
                return original(actual, *arguments, **named)
            return self.call(cls, None, arguments, named)

        cls.__new__ = staticmethod(new)  # type: ignore[assignment]  # its signature

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def threaded(*arguments: Any, **named: Any) -> Any:
            return self.call(function, None, arguments, named)

        with contextlib.suppress(AttributeError, TypeError):
            functools.update_wrapper(threaded, function)
        return threaded

    def _needs_proxy(self, value: Any) -> bool:
        if isinstance(value, GeneratorType):
            return True
        if isinstance(value, (_Proxy, *_PLAIN)):
            return False
        cls = type(value)
        if cls not in self._classes and not self._is_of_library(cls.__module__):
            return False
        return any(
            not name.startswith("_") and callable(getattr(cls, name, None)) for name in dir(cls)
        ) or _has(cls, "__call__")

    def _is_of_library(self, module: object) -> bool:
        if not isinstance(module, str):
            return False
        return any(
            each == self.name or each.startswith(f"{self.name}.")
            for each in (module, module.lstrip("_"))
        )


def _is_cleanup(function: Callable[..., Any]) -> bool:
    return getattr(function, "__name__", "") in _CLEANUP


def _is_cancelled(task: Task[object]) -> bool:
    try:
        task.raise_if_cancelled()
    except Cancelled:
        return True
    return False


def _ignoring_errors(call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception:  # nothing waits for it any more
        _log.debug("a call that a cancelled task has made to clean up has failed", exc_info=True)


def _locked(lock: _Lock, call: Callable[[], Any]) -> Any:
    token = _INSIDE.set(True)
    try:
        with lock:
            return call()
    finally:
        _INSIDE.reset(token)


def _has(cls: type, name: str) -> bool:
    return any(name in vars(each) for each in cls.__mro__)


def _is_of_python(cls: type) -> bool:
    """Return whether a class was made by a class statement; others may refuse changes."""
    return bool(cls.__flags__ & _HEAP_TYPE) and any(
        isinstance(each, FunctionType) for each in vars(cls).values()
    )


def _module_of(value: object) -> object:
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return value.__module__
    return getattr(value, "__module__", None) or type(value).__module__


def _target_of(value: Any) -> Any:
    """Return what an argument of the library stands for."""
    return value._target if isinstance(value, _Proxy | _Class) else value


class _Proxy:
    """An object of a library, whose methods are called on threads."""

    __slots__ = ("__weakref__", "_library", "_lock", "_target")

    def __init__(self, library: _Library, target: Any, lock: _Lock) -> None:
        object.__setattr__(self, "_library", library)
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "_lock", lock)

    @property  # type: ignore[misc]  # for isinstance
    def __class__(self) -> type:
        """The class of the object."""
        return type(self._target)

    def __getattr__(self, name: str) -> Any:
        target = self._target
        if isinstance(inspect.getattr_static(type(target), name, None), property):
            return self._library.call(getattr, self._lock, (target, name), {})
        value = getattr(target, name)
        if callable(value) and not isinstance(value, type):
            return functools.partial(self._call, value)
        return self._library.proxy(value, self._lock)

    def _call(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        result = self._library.call(method, self._lock, arguments, named)
        return self if isinstance(result, _Proxy) and result._target is self._target else result

    def __setattr__(self, name: str, value: Any) -> None:
        self._library.call(setattr, self._lock, (self._target, name, value), {})

    def __delattr__(self, name: str) -> None:
        self._library.call(delattr, self._lock, (self._target, name), {})

    def __eq__(self, other: object) -> bool:
        return bool(self._target == _target_of(other))

    def __hash__(self) -> int:
        return hash(self._target)

    def __repr__(self) -> str:
        return repr(self._target)

    def __str__(self) -> str:
        return str(self._target)

    def __dir__(self) -> Iterable[str]:
        return dir(self._target)


def _operation(name: str) -> Callable[..., Any]:
    def operate(self: _Proxy, *arguments: Any, **named: Any) -> Any:
        return self._call(getattr(type(self._target), name), self._target, *arguments, **named)

    return operate


class _Class:
    """A class of a library, whose objects are made on threads."""

    def __init__(self, library: _Library, target: type) -> None:
        self._library = library
        self._target = target
        functools.update_wrapper(self, target, updated=())

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._library.call(self._target, None, arguments, named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(_target_of(value), self._target)

    def __subclasscheck__(self, cls: Any) -> bool:
        return issubclass(_target_of(cls), self._target)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self._target,)

    def __or__(self, other: Any) -> Any:
        return self._target | _target_of(other)

    def __ror__(self, other: Any) -> Any:
        return _target_of(other) | self._target

    def __eq__(self, other: object) -> bool:
        return self._target is _target_of(other)

    def __hash__(self) -> int:
        return hash(self._target)

    def __repr__(self) -> str:
        return repr(self._target)
