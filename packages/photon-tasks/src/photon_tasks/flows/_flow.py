"""`Flow`: calls of tasks, one after another or side by side, that are enqueued together.

::

    charge.call(order.id).then(send_receipt).enqueue()       # the result is passed on
    (backup.call() | clean_up.call(days=30)).enqueue()       # one after the other
    group(resize.call(each) for each in images).then(publish).enqueue()

Theory of operation. A *call* has all of its arguments, a *task* gets the result of what precedes it
as its first argument. So what is passed on can be seen in the code, and checked by its types: there
is no rule about how many arguments a function happens to take.

A flow is a value. Its calls are checked and encoded when it is made, and become jobs when it is
enqueued: only the first ones are in the queue, and each job carries what follows it.

Tasks with a unique key are refused. A job that another one keeps out would never be completed, and
the flow would wait for it in vain, or go on without its result.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, final, overload

import attrs

from ..current import current_tasks
from ..errors import ArgumentsError
from ._enqueued_flow import EnqueuedFlow
from ._nodes import Callee, CallNode, GroupNode, Node, as_task, check_passing, open_call
from ._planning import Plan, decoder_of_result
from ._stages import Following, require_size

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
_MOST_JOBS: Final = 10_000


@final
class Flow(Generic[R_co]):
    """Calls of tasks that are enqueued together; made by `Task.call`, `group` and `pipeline`.

    Flows are values: each method returns another one.
    """

    __slots__ = ("_nodes",)

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        """Note the calls; see `Task.call`, which makes flows.

        Raises:
            ArgumentsError: There are too many.
        """
        self._nodes = nodes
        if (jobs := sum(node.jobs for node in nodes)) > _MOST_JOBS:
            raise ArgumentsError(
                f"a flow has at most {_MOST_JOBS} jobs, not {jobs}: let a job enqueue parts of it"
            )

    def __repr__(self) -> str:
        """Show the calls."""
        return f"<Flow {' | '.join(map(str, self._nodes))}>"

    # -- composition ------------------------------------------------------------------------------

    def then(
        self, task: Callable[Concatenate[R_co, P], S], /, *args: P.args, **kwargs: P.kwargs
    ) -> Flow[S]:
        """Let ``task`` follow, with the result of this flow as its first argument.

        Args:
            task: A task.
            args: Its arguments after the first one.
            kwargs: Its keyword arguments.

        Raises:
            TypeError: It is not a task, or the arguments do not match its other parameters.
            TaskDefinitionError: The result cannot be its first argument.
            ArgumentsError: An argument has another type than its parameter.
        """
        node = open_call(as_task(task), args, kwargs)
        check_passing(self._nodes[-1], node)
        return Flow((*self._nodes, node))

    @overload
    def __or__(self, other: Flow[S]) -> Flow[S]: ...

    @overload
    def __or__(self, other: Callable[Concatenate[R_co, ...], S]) -> Flow[S]: ...

    def __or__(self, other: Any) -> Any:
        """Let a flow follow, or a task, which gets the result of this flow; see `then`."""
        return pipeline(self, other)

    # -- enqueueing -------------------------------------------------------------------------------

    def enqueue(self) -> EnqueuedFlow[R_co]:
        """Enqueue the flow, as part of the transaction that is open; see `Task.enqueue`.

        Raises:
            TypeError: The first call needs the result of another one.
            TaskDefinitionError: A task has a unique key.
            ArgumentsError: The arguments are too large.
            NoTasks: The caller does not belong to a running application.
            StoreUnavailable: The database or server did not respond in time.

        Blocks: the calling task.
        """
        return self._enqueue()

    def enqueue_in(self, seconds: float, /) -> EnqueuedFlow[R_co]:
        """Enqueue the flow; its first jobs begin in ``seconds`` at the earliest. See `enqueue`.

        Raises:
            ValueError: ``seconds`` is negative or not a number.
        """
        if not seconds >= 0:
            raise ValueError(f"enqueue_in() needs seconds, zero or more, not {seconds!r}")
        return self._enqueue(delay=float(seconds))

    def enqueue_at(self, time: datetime.datetime, /) -> EnqueuedFlow[R_co]:
        """Enqueue the flow; its first jobs begin at ``time`` at the earliest. See `enqueue`.

        Raises:
            ValueError: ``time`` has no time zone.
        """
        if time.tzinfo is None:
            raise ValueError(
                f"enqueue_at() needs a time with its zone, such as datetime.now(UTC), not {time!r}"
            )
        return self._enqueue(due=time.timestamp())

    def _enqueue(self, *, due: float | None = None, delay: float = 0.0) -> EnqueuedFlow[R_co]:
        nodes = self._nodes
        if nodes[0].needs_input:
            raise TypeError(
                f"{nodes[0]} needs the result of another call: begin the flow with .call(...), "
                "which has all arguments"
            )
        tasks = current_tasks()
        plan = Plan(nodes, tasks)
        delivery = Following(plan.stages).delivery(due=due, delay=delay)
        require_size(delivery, tasks.settings.max_arguments)
        enqueued = tasks.deliver(delivery)
        jobs = plan.jobs
        if plan.is_single:  # another job may have its unique key
            jobs = [attrs.evolve(jobs[0], job=attrs.evolve(jobs[0].job, id=enqueued[0].id))]
        return EnqueuedFlow(jobs, tasks, decoder_of_result(nodes[-1]))


def call_of(task: Callee, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Flow[Any]:
    """Return the flow of one call; `Task.call` is the public form.

    Raises:
        TypeError: The arguments do not match the signature.
        ArgumentsError: An argument has another type than its parameter.
    """
    return Flow((CallNode(task, task.signature.encode(args, kwargs, limit=None), None),))


@overload
def group(flows: Iterable[Flow[R]], /) -> Flow[list[R]]: ...


@overload
def group(flows: Iterable[Callable[..., R]], /) -> Flow[list[R]]: ...


@overload
def group(flows: Iterable[object], /) -> Flow[list[Any]]: ...


def group(flows: Iterable[Any], /) -> Flow[list[Any]]:
    """Return a flow of flows side by side; its result is the list of their results, in their order.

    What follows begins when all of them are completed. If a job is dead, nothing follows until it
    is queued again and completed.

    Args:
        flows: Flows, or tasks, which get the result of what precedes the group.

    Raises:
        TypeError: One is neither a flow nor a task.
    """
    return Flow((GroupNode(tuple(_nodes(each) for each in flows)),))


def pipeline(*flows: Flow[Any] | Callable[..., Any]) -> Flow[Any]:
    """Return a flow of flows one after another; its result is that of the last one.

    It is what ``first | second | third`` makes, for lists.

    Args:
        flows: Flows, or tasks, which get the result of what precedes them.

    Raises:
        TypeError: One is neither a flow nor a task, or there is none.
        TaskDefinitionError: A result cannot be passed to the task that follows.
    """
    nodes: list[Node] = []
    for each in flows:
        following = _nodes(each)
        if nodes:
            check_passing(nodes[-1], following[0])
        nodes += following
    if not nodes:
        raise TypeError("pipeline() needs at least one call")
    return Flow(tuple(nodes))


def _nodes(value: Flow[Any] | Callable[..., Any]) -> tuple[Node, ...]:
    return value._nodes if isinstance(value, Flow) else (open_call(as_task(value), (), {}),)
