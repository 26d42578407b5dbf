"""The call of a task in a worker: values that the application provides, middleware, threads.

Theory of operation. The function is called with its arguments, and with the values of its
`provided` parameters, which are made for this call and released after it: a session is committed
when the function has returned, before the job is recorded as completed, and rolled back if it has
raised.
Middleware wraps all of it. A function that runs in a thread has the context of the job, but does
not take part in cancellation: its caller leaves, and the thread ends by itself.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import photon_runtime as rt
from photon_runtime.callables import require_value

from .errors import TaskDefinitionError
from .job import Job

if TYPE_CHECKING:
    from .current import Tasks
    from .task import Task


def call_task(tasks: Tasks, task: Task[..., Any], job: Job, arguments: dict[str, Any]) -> Any:
    """Call the function of a task, and return its result.

    Args:
        tasks: The tasks of the application.
        task: The task.
        job: The running job.
        arguments: Arguments by name.

    Raises:
        BaseException: What the function, middleware or the release of a value raises.

    Blocks: the calling task, as the function does.
    """
    call: Callable[[], Any] = functools.partial(_call, tasks, task, job, arguments)
    for middleware in reversed(tasks.middleware):
        call = functools.partial(middleware, job, call)
    return call()


def _call(tasks: Tasks, task: Task[..., Any], job: Job, arguments: dict[str, Any]) -> Any:
    if not task.signature.provided:
        return _run(task, arguments)
    with ExitStack() as stack:
        values = {
            name: job if cls is Job else stack.enter_context(_provided(tasks, task, name, cls))
            for name, cls in task.signature.provided.items()
        }
        return _run(task, {**arguments, **values})


def _provided(tasks: Tasks, task: Task[..., Any], name: str, cls: Any) -> Any:
    make = tasks.provided(cls)
    if make is None:
        raise TaskDefinitionError(
            f"the parameter {name} of the task {task.name} is `provided`, and the application "
            f"provides no {getattr(cls, '__qualname__', cls)}"
        )
    return make()


def _run(task: Task[..., Any], arguments: dict[str, Any]) -> Any:
    function = task.function
    if task.options.on == "loop":
        return require_value(function(**arguments), function)
    context = contextvars.copy_context()
    result = rt.offload(context.run, functools.partial(function, **arguments))
    return require_value(result, function)
