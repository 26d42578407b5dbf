"""`install`: all connections of the process cooperate, with any library that makes them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
from psycopg import waiting

from ..._pooled_greenlet import running_task
from ._drive import drive
from ._interruption import refuse_if_interrupted
from ._lock import ConnectionLock
from ._socket_watch import release
from ._waiting import wait, wait_conn, without_none

T = TypeVar("T")


def install() -> None:
    """Let every `psycopg.Connection` made from now on cooperate. A second call does nothing.

    `photon_runtime.patch` calls it when psycopg is imported. It replaces ``wait`` and
    ``wait_conn`` of ``psycopg.waiting``, and the waits and the lock of `psycopg.Connection`.
    """
    if waiting.wait is wait:
        return
    waiting.wait = wait
    waiting.wait_conn = wait_conn
    cls: Any = psycopg.Connection
    cls.wait = _cooperating_wait(cls.wait)
    cls.__init__ = _with_lock(cls.__init__)
    cls.close = _with_release(cls.close)


def _cooperating_wait(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wait_on(
        self: psycopg.Connection[Any],
        gen: Generator[int, int, T],
        interval: float | None = 0.1,
        timeout: float | None = None,
    ) -> T:
        if running_task() is None:
            refuse_if_interrupted(self)
            result: T = original(self, gen, **without_none(interval, timeout))
            return result
        return drive(self, gen, interval, timeout)

    return wait_on


def _with_release(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def close(self: Any) -> None:
        release(self)
        original(self)

    return close


def _with_lock(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.lock = ConnectionLock()

    return init
