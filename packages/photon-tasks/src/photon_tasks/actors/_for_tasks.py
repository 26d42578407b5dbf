"""dramatiq's middleware around tasks of Photon.

Its hooks ``before_process_message``, ``after_process_message`` and ``after_skip_message`` are
called with a message that describes the job: the name of the task, its arguments as ``kwargs``, and
``retries`` among the options. What middleware of dramatiq enqueues or limits is an option of tasks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

from dramatiq.broker import Broker, MessageProxy
from dramatiq.errors import DramatiqError
from dramatiq.message import Message
from dramatiq.middleware import (
    Callbacks,
    GroupCallbacks,
    Middleware,
    Pipelines,
    Retries,
    ShutdownNotifications,
    SkipMessage,
    TimeLimit,
)
from dramatiq.results import Results

from photon_runtime.errors import Cancelled

from ..errors import LeaseLost
from ..job import Job, JobMiddleware, Parked
from ._middleware import adapted

_INSTEAD: Final[dict[type[Middleware], str]] = {
    Retries: "@task(retries=..., backoff=...)",
    TimeLimit: "@task(timeout=...)",
    ShutdownNotifications: "nothing: a worker that stops cancels its jobs",
    Pipelines: "first.call(...).then(second)",
    Callbacks: "first.call(...).then(second)",
    GroupCallbacks: "group([...]).then(task)",
    Results: "EnqueuedJob.result()",
}


def as_job_middleware(middleware: Middleware) -> JobMiddleware:
    """Return middleware of dramatiq as that of tasks.

    Args:
        middleware: An object of a class of `dramatiq.Middleware`.

    Raises:
        TypeError: Tasks have an option in its place, or it cannot work on Photon's worker.
    """
    for cls, instead in _INSTEAD.items():
        if isinstance(middleware, cls):
            raise TypeError(
                f"the middleware {type(middleware).__name__} is for actors on a PhotonBroker; for "
                f"tasks use {instead}"
            )
    broker = _TaskBroker([adapted(middleware)])

    def around(job: Job, call: Callable[[], Any]) -> Any:
        return _process(broker, job, call)

    return around


class _TaskBroker(Broker):  # type: ignore[misc, unused-ignore]
    """What hooks get as the broker: it knows names of tasks only."""

    def get_actor(self, actor_name: str) -> Any:
        return SimpleNamespace(actor_name=actor_name, options={}, priority=0, broker=self)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        raise DramatiqError(
            "middleware of tasks cannot enqueue messages: enqueue a task, or use a PhotonBroker"
        )


def _process(broker: Broker, job: Job, call: Callable[[], Any]) -> Any:
    message: Message[Any] = Message(
        queue_name=job.queue,
        actor_name=job.task,
        args=(),
        kwargs=json.loads(job.arguments),
        options={"retries": job.attempt - 1},
        message_id=job.id,
        message_timestamp=int(time.time() * 1000),
    )
    proxy = MessageProxy(message)
    try:
        broker.emit_before("process_message", proxy)
        result = None if proxy.failed else call()
    except SkipMessage as skip:
        broker.emit_after("skip_message", proxy)
        if proxy.failed:
            raise DramatiqError(f"a middleware has rejected the job: {skip}") from skip
        return None
    except (Cancelled, Parked, LeaseLost):
        raise
    except BaseException as error:
        proxy.stuff_exception(error)
        broker.emit_after("process_message", proxy, exception=error)
        raise
    finally:
        proxy.clear_exception()
    broker.emit_after("process_message", proxy, result=result)
    if proxy.failed:
        raise DramatiqError("a middleware has rejected the job")
    return result
