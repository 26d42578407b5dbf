"""The list of replacements."""

from __future__ import annotations

import _queue as real_queue
import _thread as real_thread
import builtins
import fcntl
import functools
import io
import os
import queue
import select
import selectors
import signal
import socket
import ssl
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import attrs

from .. import _names, _socket
from .._tls import TLSSocket
from . import (
    _buffers,
    _fifos,
    _file_locks,
    _pipe_files,
    _process,
    _running,
    _saved,
    _select,
    _signal,
    _standard_streams,
    _terminals,
    _thread,
    _thread_state,
    _time,
    _transfers,
)
from ._fork_guard import ForkGuard
from ._handle import ThreadHandle
from ._local import local
from ._lock import Lock, Notification, RLock
from ._pipe_files import Open
from ._queue import SimpleQueue
from ._wakeup_fd import set_wakeup_fd


@attrs.frozen
class Replacement:
    """One name of one module or class.

    Attributes:
        owner: Module or class that has the attribute.
        name: Name of the attribute.
        value: Its replacement.
        original: Its original value.
    """

    owner: Any
    name: str
    value: object
    original: object

    def put_in_place(self) -> None:
        """Set the attribute to the replacement.

        A function takes the public name of the original, by which pickles refer to it.
        """
        value = self.value
        if isinstance(value, FunctionType) and isinstance(self.owner, ModuleType):
            value.__module__ = self.owner.__name__
            value.__name__ = value.__qualname__ = self.name
        setattr(self.owner, self.name, value)


def replacements() -> list[Replacement]:
    """Return the replacements for this interpreter and operating system, in order."""
    found = []
    for owner, values in _all():
        for name, value in values.items():
            if hasattr(owner, name):
                found.append(Replacement(owner, name, value, owner.__dict__.get(name)))
    return found


def _all() -> Iterator[tuple[Any, dict[str, object]]]:
    yield from _of_threads()
    yield from _of_descriptors()
    yield from _of_processes()
    yield from _of_files()
    yield queue, {"SimpleQueue": SimpleQueue}
    yield real_queue, {"SimpleQueue": SimpleQueue}
    yield time, {"sleep": _time.sleep_}
    track = _thread_state.set_coroutine_origin_tracking_depth
    yield sys, {"set_coroutine_origin_tracking_depth": track}
    yield sys, {"set_asyncgen_hooks": _thread_state.set_asyncgen_hooks}


def _of_threads() -> Iterator[tuple[Any, dict[str, object]]]:
    threads = _thread.Threads()
    os.register_at_fork(after_in_child=threads.forget_others)
    both: dict[str, object] = {
        "RLock": RLock,
        "get_ident": _running.get_ident,
        "get_native_id": _running.get_native_id,
        "_set_sentinel": threads.set_sentinel,
        "_ThreadHandle": ThreadHandle,
        "_make_thread_handle": ThreadHandle.of_running,
    }
    of_thread: dict[str, object] = {
        "start_new_thread": _as_function(threads.start_new_thread),
        "start_new": _as_function(threads.start_new_thread),
        "start_joinable_thread": _as_function(threads.start_joinable_thread),
        "allocate_lock": Lock,
        "allocate": Lock,
        "LockType": Lock,
        "lock": Lock,
        "_local": local,
        "_count": lambda: threads.count,
    }
    shutdown = getattr(real_thread, "_shutdown", lambda: None)
    of_threading: dict[str, object] = {
        "RLock": threading.RLock,  # a function, which calls _CRLock
        "_start_new_thread": _as_function(threads.start_new_thread),
        "_start_joinable_thread": _as_function(threads.start_joinable_thread),
        "_thread_shutdown": functools.partial(threads.join_all, shutdown),
        "_allocate_lock": Notification,  # what Condition.wait makes
        "_LockType": Lock,
        "Lock": Lock,
        "_CRLock": RLock,
        "local": local,
        "_DummyThread": _thread.TaskThread,
        "_make_invoke_excepthook": _thread.make_invoke_excepthook,
        "_shutdown": _thread.shut_down,
    }
    yield real_thread, both | of_thread
    yield threading, both | of_threading
    yield threading.Thread, {"_wait_for_tstate_lock": _thread.wait_for_end}


def _as_function(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls ``method``: pickles refer to functions by their name."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return functools.update_wrapper(call, method)


def _of_descriptors() -> Iterator[tuple[Any, dict[str, object]]]:
    yield (
        socket,
        {
            "socket": _socket.Socket,
            "getaddrinfo": _names.getaddrinfo,
            "gethostbyname": _names.gethostbyname,
            "gethostbyname_ex": _names.gethostbyname_ex,
            "gethostbyaddr": _names.gethostbyaddr,
            "getnameinfo": _names.getnameinfo,
            "io": _buffers.io_for_sockets(),
        },
    )
    yield ssl.SSLContext, {"sslsocket_class": TLSSocket}
    yield select, {"select": _select.select_, "poll": _select.poll_, "epoll": _select.Epoll}
    yield selectors.SelectSelector, {"_select": staticmethod(_select.select_)}
    if hasattr(selectors, "PollSelector"):
        yield selectors.PollSelector, {"_selector_cls": staticmethod(_select.poll_)}
    if hasattr(selectors, "EpollSelector"):
        yield selectors.EpollSelector, {"_selector_cls": _select.Epoll}
    elif hasattr(selectors, "PollSelector"):
        yield selectors, {"DefaultSelector": selectors.PollSelector}


def _of_processes() -> Iterator[tuple[Any, dict[str, object]]]:
    guard = ForkGuard()
    os.register_at_fork(before=guard.before, after_in_child=guard.in_child)
    yield (
        os,
        {
            "waitpid": _process.waitpid,
            "wait": _process.wait,
            "wait3": _process.wait3,
            "wait4": _process.wait4,
            "waitid": _process.waitid,
            "system": _process.system,
        },
    )
    yield (
        signal,
        {
            **_signal.of_handlers(),
            "set_wakeup_fd": set_wakeup_fd,
            "pause": _signal.pause,
            "sigwait": _signal.sigwait,
            "sigwaitinfo": _signal.sigwaitinfo,
            "sigtimedwait": _signal.sigtimedwait,
            "pthread_kill": _signal.pthread_kill,
        },
    )


def _of_files() -> Iterator[tuple[Any, dict[str, object]]]:
    opening = Open()
    yield builtins, {"open": opening, "input": _standard_streams.input_}
    yield io, {"open": opening, "FileIO": _pipe_files.FileIO}
    yield (
        os,
        {
            "open": _fifos.open_descriptor,
            "read": _transfers.read,
            "write": _transfers.write,
            "readv": _transfers.readv,
            "writev": _transfers.writev,
            "sendfile": _transfers.sendfile,
            "splice": _transfers.splice,
            "eventfd_read": _transfers.eventfd_read,
            "eventfd_write": _transfers.eventfd_write,
            "lockf": _file_locks.os_lockf,
        },
    )
    yield (
        termios,
        {
            "tcdrain": _terminals.tcdrain,
            "tcsendbreak": _terminals.tcsendbreak,
            "tcsetattr": _terminals.tcsetattr,
        },
    )
    yield (
        fcntl,
        {
            "flock": _file_locks.flock,
            "lockf": _file_locks.lockf,
            "fcntl": _file_locks.fcntl_,
        },
    )


ORIGINAL_CLASSES = (_saved.Local, _socket._base)
"""Classes whose existing subclasses keep the original behaviour."""
