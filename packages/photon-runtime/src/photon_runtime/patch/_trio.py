"""trio in tasks: each may run an event loop of its own.

Theory of operation. trio waits by `select.epoll`, keeps what runs in a `threading.local`, and sets
the hooks of asynchronous generators, so the patch lets it cooperate. Two things are added here.

trio takes a thread in which `signal.signal` works for the main thread, and then handles Ctrl-C and
the wake-ups of signals itself. Under the patch that call works in all tasks of the main thread.

trio does not admit that an exception is raised out of the wait of its loop: the functions that it
runs would be left as they are. So a cancellation of the task cancels a scope of trio around all
that it runs, and only reaches the loop itself if that has not ended after 5 seconds.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Coroutine, Generator
from types import ModuleType
from typing import Any

from ._event_loop_end import Grace
from ._late import rebind_names
from ._replacements import Replacement
from ._running import get_ident, running_task


def cooperate(module: ModuleType) -> None:
    """Replace the question in ``trio._util``. A second call does nothing."""
    original = module.is_main_thread
    if original is not is_main_thread:
        _replace(Replacement(module, "is_main_thread", is_main_thread, original))


def is_main_thread() -> bool:
    """Return whether the caller is the main thread, as the first task of its hub is."""
    return get_ident() == threading.main_thread().ident


def let_runs_be_cancelled(trio: ModuleType) -> None:
    """Replace `trio.run`. A second call does nothing."""
    original = trio.run
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def run(function: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **options: Any) -> Any:
        task = running_task()
        if task is None:
            return original(function, *args, **options)
        with Grace(task) as grace:
            main = _cancellable(trio, grace, function)
            result = original(main, *args, **options)
        task.raise_if_cancelled()
        return result

    _replace(Replacement(trio, "run", run, original))


def _replace(replacement: Replacement) -> None:
    setattr(replacement.owner, replacement.name, replacement.value)
    rebind_names([replacement])


class _Steps(Coroutine[Any, Any, Any]):
    """The coroutine of a generator."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._steps

    def send(self, value: Any) -> Any:
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        return self._steps.throw(*error)

    def close(self) -> None:
        self._steps.close()


def _cancellable(
    trio: ModuleType, grace: Grace, function: Callable[..., Coroutine[Any, Any, Any]]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return ``function`` in a scope of trio that is cancelled with the task."""

    def steps(made: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        with trio.CancelScope() as scope:
            token = trio.lowlevel.current_trio_token()
            grace.when_cancelled = functools.partial(token.run_sync_soon, scope.cancel)
            if grace.is_cancelled:
                scope.cancel()
            return (yield from made.__await__())

    @functools.wraps(function)
    def main(*args: Any) -> Coroutine[Any, Any, Any]:
        made = function(*args)
        # What is not a coroutine is refused by trio.
        return _Steps(steps(made)) if isinstance(made, Coroutine) else made

    return main
