"""`select.select`, `select.poll` and `select.epoll` whose waiting pauses a task.

Each call lets the other tasks run first, even if it is not going to wait: loops around these calls
often poll descriptors that are always ready, and they must not keep other tasks from running.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn

from . import _saved
from ._descriptors import wait_for_epoll, wait_until
from ._running import hub_of, running_task
from ._turns import let_others_poll

_PRIORITY = getattr(select, "POLLPRI", 0x002)


def select_(
    rlist: Iterable[Any],
    wlist: Iterable[Any],
    xlist: Iterable[Any],
    timeout: float | None = None,
    /,
) -> tuple[list[Any], list[Any], list[Any]]:
    """Wait for descriptors; see `select.select`. Blocks: the calling task."""
    task = running_task()
    if task is None:
        return _saved.select_select(rlist, wlist, xlist, timeout)
    _check_seconds(timeout)
    let_others_poll(task)
    lists = (_sequence(rlist), _sequence(wlist), _sequence(xlist))

    def look() -> tuple[list[Any], list[Any], list[Any]] | None:
        found = _saved.select_select(*lists, 0)
        return found if any(found) else None

    found = wait_until(look, interest=lambda: _interest(*lists), timeout=timeout)
    return ([], [], []) if found is None else found


def _sequence(files: Iterable[Any]) -> Sequence[Any]:
    return files if isinstance(files, list | tuple) else list(files)


def _check_seconds(timeout: float | None) -> None:
    if timeout is None:
        return
    if not hasattr(timeout, "__float__") and not hasattr(timeout, "__index__"):
        raise TypeError("timeout must be a float or None")
    if timeout < 0:
        raise ValueError("timeout must be non-negative")


def _interest(
    readers: Sequence[Any], writers: Sequence[Any], others: Sequence[Any]
) -> dict[int, int]:
    masks: dict[int, int] = {}
    for files, mask in (
        (readers, select.POLLIN),
        (writers, select.POLLOUT),
        (others, _PRIORITY),
    ):
        for file in files:
            fd = file if isinstance(file, int) else file.fileno()
            masks[fd] = masks.get(fd, 0) | mask
    return masks


class Poll:
    """The replacement of the objects that `select.poll` returns; made by `poll_`."""

    __slots__ = ("_masks", "_poll", "_polls")

    def __new__(cls) -> Poll:
        """Refuse, as the standard one does: `select.poll` is a function."""
        name = f"{cls.__module__}.{cls.__qualname__}"
        raise TypeError(f"cannot create {name!r} instances: call select.poll()")

    def _begin(self) -> Poll:
        self._poll = _saved.select_poll()
        self._masks: dict[int, int] = {}
        self._polls = False
        return self

    def register(
        self, fd: Any, eventmask: int = select.POLLIN | select.POLLPRI | select.POLLOUT, /
    ) -> None:
        """Register a descriptor."""
        self._poll.register(fd, eventmask)
        self._masks[_number(fd)] = eventmask

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """Change the events of a registered descriptor."""
        self._poll.modify(fd, eventmask)
        self._masks[_number(fd)] = eventmask

    def unregister(self, fd: Any, /) -> None:
        """Take a descriptor out."""
        self._poll.unregister(fd)
        self._masks.pop(_number(fd), None)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait for events, ``timeout`` milliseconds at the most. Blocks: the calling task."""
        task = running_task()
        if task is None:
            return self._poll.poll(timeout)
        if timeout is not None and timeout >= 2**31:
            return self._poll.poll(timeout)  # raises the standard error
        if self._polls:
            raise RuntimeError("concurrent poll() invocation")
        self._polls = True
        seconds = None if timeout is None or timeout < 0 else timeout / 1000
        try:
            let_others_poll(task)
            return wait_until(lambda: self._poll.poll(0), interest=self._interest, timeout=seconds)
        finally:
            self._polls = False

    def __getstate__(self) -> NoReturn:
        """Refuse to be copied or pickled, as the standard one does."""
        raise TypeError("cannot pickle 'select.poll' object")

    def _interest(self) -> Mapping[int, int]:
        return self._masks


def poll_() -> Poll:
    """Return an object that polls; see `select.poll`."""
    return object.__new__(Poll)._begin()


def _number(fd: Any) -> int:
    return fd if isinstance(fd, int) else int(fd.fileno())


class Epoll:
    """The replacement of `select.epoll`."""

    __slots__ = ("__weakref__", "_epoll")
    __module__ = "select"  # by which pickles find it, with the name below

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        """Open an epoll instance; see `select.epoll`."""
        self._epoll = select_epoll()(sizehint, flags)

    @classmethod
    def fromfd(cls, fd: int, /) -> Epoll:
        """Make an object of the descriptor of an epoll instance."""
        self = cls.__new__(cls)
        self._epoll = select_epoll().fromfd(fd)
        return self

    @property
    def closed(self) -> bool:
        """Whether the instance is closed."""
        return bool(self._epoll.closed)

    def close(self) -> None:
        """Close the instance."""
        self._epoll.close()

    def fileno(self) -> int:
        """Return the descriptor of the instance itself."""
        return int(self._epoll.fileno())

    def register(self, *args: Any, **kwargs: Any) -> None:
        """Register a descriptor; see `select.epoll.register`."""
        self._epoll.register(*args, **kwargs)

    def modify(self, *args: Any, **kwargs: Any) -> None:
        """Change the events of a descriptor; see `select.epoll.modify`."""
        self._epoll.modify(*args, **kwargs)

    def unregister(self, fd: Any) -> None:
        """Take a descriptor out."""
        self._epoll.unregister(fd)

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Wait for events, ``timeout`` seconds at the most. Blocks: the calling task."""
        task = running_task()
        if task is None:
            return self._poll(timeout, maxevents)
        let_others_poll(task)
        found = self._poll(0, maxevents)
        hub = hub_of(task)
        expires = None if timeout is None or timeout < 0 else hub.time() + timeout
        while not found:
            left = None if expires is None else expires - hub.time()
            if left is not None and left <= 0:
                break
            wait_for_epoll(task, self.fileno(), left)
            found = self._poll(0, maxevents)
        return found

    def __getstate__(self) -> NoReturn:
        """Refuse to be copied or pickled, as the standard one does."""
        raise TypeError("cannot pickle 'select.epoll' object")

    def _poll(self, timeout: float | None, maxevents: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = self._epoll.poll(timeout, maxevents)
        return found

    def __enter__(self) -> Epoll:
        """Return the object itself."""
        self._epoll.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close the instance."""
        self._epoll.close()


Epoll.__name__ = Epoll.__qualname__ = "epoll"


def select_epoll() -> Any:
    """Return the standard library's own `select.epoll`."""
    return _saved.select_epoll
