"""The call of a task in a worker: values that the application provides, middleware, threads.

Theory of operation. The function is called with its arguments, and with the values of its
`provided` parameters, which are made for this call and released after it: a session is committed
when the function has returned, before the job is recorded as completed, and rolled back if it has
raised.
Middleware wraps all of it. A function that runs in a thread has the context of the job, but does
not take part in cancellation: its caller leaves, and the thread ends by itself, perhaps beside the
next attempt. One that runs in a process is killed; see `photon_tasks.children`.
"""

from __future__ import annotations

import contextvars
import functools
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import photon_runtime as rt
from photon_runtime.callables import location, require_value
from photon_runtime.errors import Cancelled, SignatureError

from .children import call_in_child
from .errors import TaskDefinitionError
from .job import Job

if TYPE_CHECKING:
    from .current import Tasks
    from .task import Task

_log = logging.getLogger("photon.tasks")


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
        return _run(tasks, task, job, arguments)
    with made_for(tasks, task)() as values:
        names = [name for name, cls in task.signature.provided.items() if cls is not Job]
        given = dict.fromkeys(task.signature.provided, job) | dict(zip(names, values, strict=True))
        return _run(tasks, task, job, {**arguments, **given})
    raise RuntimeError(
        f"a provider of a value of the task {task.name} has suppressed the error of a job"
    )


def made_for(
    tasks: Tasks, task: Task[..., Any]
) -> Callable[[], AbstractContextManager[tuple[Any, ...]]]:
    """Return what makes the values for a call of a task, in the order of its parameters.

    Raises:
        TaskDefinitionError: The application does not provide a class, or its provider needs a
            request.
    """
    made = tasks.made.get(task)
    if made is None:
        classes = [each for each in task.signature.provided.values() if each is not Job]
        user = f"the task {task.name} ({location(task.function)})"
        try:
            made = tasks.provided(*classes, user=user) if classes else _nothing_made
        except SignatureError as error:
            raise TaskDefinitionError(str(error)) from error
        tasks.made[task] = made
    return made


def check_provided(tasks: Tasks) -> None:
    """Check that the values of all tasks can be made, when the application starts.

    Raises:
        TaskDefinitionError: Some cannot; lists every problem.
    """
    problems = []
    for task in tasks.registry:
        try:
            made_for(tasks, task)
        except TaskDefinitionError as error:
            problems.append(str(error))
    if problems:
        raise TaskDefinitionError("\n".join(problems))


def _nothing_made() -> AbstractContextManager[tuple[Any, ...]]:
    """Return a context manager that makes no values."""
    return nullcontext(())


def _run(tasks: Tasks, task: Task[..., Any], job: Job, arguments: dict[str, Any]) -> Any:
    function = task.function
    match task.options.on:
        case "loop":
            return require_value(task.signature.call(arguments), function)
        case "process":
            return call_in_child(task, arguments, max_result=tasks.settings.max_result)
        case _:
            return require_value(_run_in_thread(task, job, arguments), function)


def _run_in_thread(task: Task[..., Any], job: Job, arguments: dict[str, Any]) -> Any:
    context = contextvars.copy_context()
    try:
        return rt.offload(context.run, functools.partial(task.signature.call, arguments))
    except Cancelled:
        _log.warning(
            "attempt %d at the job %s of %s has ended, and its function goes on in its thread, "
            "which cannot be stopped: another attempt may run beside it",
            job.attempt,
            job.id,
            job.task,
        )
        raise
