"""Which middleware of dramatiq is replaced, and which is refused.

Theory of operation. Most middleware reacts to messages, and works as it is. What interrupts threads
is replaced: jobs are coroutines, and end by cancellation. What needs dramatiq's own processes is
refused, with what to use instead. Hooks that nothing calls are named in a warning.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from dramatiq.middleware import AsyncIO, Middleware, ShutdownNotifications, TimeLimit

_log = logging.getLogger("photon.tasks")
_PROMETHEUS: Final = "dramatiq.middleware.prometheus"
_NEVER_CALLED: Final = (
    "after_declare_delay_queue",
    "before_delay_message",
    "before_worker_shutdown",
    "after_worker_shutdown",
    "after_consumer_thread_boot",
    "before_consumer_thread_shutdown",
    "after_worker_thread_boot",
    "before_worker_thread_shutdown",
)


class CancellingTimeLimit(Middleware):
    """Has the time limits of actors, in place of `TimeLimit`: the job is cancelled.

    Args:
        time_limit: Default of actors, in milliseconds.
    """

    def __init__(self, time_limit: float) -> None:
        """Note the limit."""
        self.time_limit = time_limit

    @property
    def actor_options(self) -> set[str]:
        """Options of actors."""
        return {"time_limit"}

    def seconds(self, actor: Any, options: dict[str, Any]) -> float | None:
        """Return the limit of a message; ``None`` for no limit."""
        limit = options.get("time_limit") or actor.options.get("time_limit", self.time_limit)
        return None if limit is None or limit == float("inf") else float(limit) / 1000


class CancellingShutdown(Middleware):
    """Takes the option of `ShutdownNotifications`: a worker that stops cancels its jobs anyway."""

    @property
    def actor_options(self) -> set[str]:
        """Options of actors."""
        return {"notify_shutdown"}


def adapted(middleware: Middleware) -> Middleware:
    """Return the middleware that is used in place of one, or that one itself.

    Raises:
        TypeError: It cannot work here.
    """
    if isinstance(middleware, TimeLimit):
        return CancellingTimeLimit(middleware.time_limit)
    if isinstance(middleware, ShutdownNotifications):
        return CancellingShutdown()
    if isinstance(middleware, AsyncIO):
        raise TypeError(
            "the middleware AsyncIO needs an event loop: write actors as plain functions, whose "
            "waits do not block other jobs"
        )
    if any(each.__module__ == _PROMETHEUS for each in type(middleware).__mro__):
        raise TypeError(
            "the middleware Prometheus starts a process of its own: Photon has metrics of all jobs "
            "at /metrics, remove it"
        )
    if middleware.forks:
        raise TypeError(
            f"{type(middleware).__name__} starts processes, which Photon's worker does not do: "
            "start them beside it"
        )
    _warn_of_hooks(middleware)
    return middleware


def _warn_of_hooks(middleware: Middleware) -> None:
    own = [
        name
        for name in _NEVER_CALLED
        if getattr(type(middleware), name) is not getattr(Middleware, name)
    ]
    if own:
        _log.warning(
            "Photon's worker has no consumer threads and keeps delayed jobs in the store: it does "
            "not call %s of the middleware %s",
            ", ".join(own),
            type(middleware).__name__,
        )
