"""The calls and groups of a flow, and what is checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, cast

import attrs

from photon_runtime.callables import location

from .._arguments import CallSignature
from ..current import Tasks
from ..errors import TaskDefinitionError
from ..options import TaskOptions
from ..records import NewJob
from ._compatibility import can_be_passed


class Callee(Protocol):
    """What flows need of a `photon_tasks.Task`."""

    name: str
    signature: CallSignature
    options: TaskOptions

    @property
    def rest(self) -> tuple[str, CallSignature]:
        """Name of the first parameter, and the signature without it."""
        ...

    def new_job(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        tasks: Tasks,
        encoded: str | None = None,
    ) -> NewJob:
        """Return a job for a call."""
        ...


@attrs.frozen
class CallNode:
    """A call of a flow.

    Attributes:
        task: The task.
        arguments: Its arguments as JSON, without the one that is a result.
        input: Name of the parameter that gets the result of what precedes it.
    """

    task: Callee
    arguments: str
    input: str | None

    def __str__(self) -> str:
        """Return the name of the task."""
        return self.task.name

    @property
    def needs_input(self) -> bool:
        """True if the result of what precedes it is passed on."""
        return self.input is not None

    @property
    def jobs(self) -> int:
        """Number of its jobs."""
        return 1


@attrs.frozen
class GroupNode:
    """Flows side by side.

    Attributes:
        members: The flows.
    """

    members: tuple[tuple[Node, ...], ...]

    def __str__(self) -> str:
        """Return the number of members."""
        return f"a group of {len(self.members)}"

    @property
    def needs_input(self) -> bool:
        """True if a member needs the result of what precedes the group."""
        return any(member[0].needs_input for member in self.members)

    @property
    def jobs(self) -> int:
        """Number of its jobs, with that which has the results."""
        return 1 + sum(node.jobs for member in self.members for node in member)


Node: TypeAlias = CallNode | GroupNode


def as_task(value: object) -> Callee:
    """Return a task.

    Raises:
        TypeError: It is not one.
    """
    if not hasattr(value, "new_job"):
        raise TypeError(
            f"{value!r} is not a task: pass a function with @task, or a call of one, task.call(...)"
        )
    return cast("Callee", value)


def open_call(task: Callee, args: Sequence[Any], kwargs: Mapping[str, Any]) -> CallNode:
    """Return a call whose first argument is a result.

    Raises:
        TaskDefinitionError: The task takes no argument by position.
        TypeError: The arguments do not match the other parameters.
        ArgumentsError: An argument has another type than its parameter.
    """
    name, rest = task.rest
    return CallNode(task, rest.encode(args, kwargs, limit=None), name)


def check_passing(before: Node, after: Node) -> None:
    """Check that the result of a node can be passed to the next one, if it is.

    Raises:
        TaskDefinitionError: It does not exist, or is of another type.
    """
    if isinstance(after, GroupNode):
        for member in after.members:
            check_passing(before, member[0])
        return
    if after.input is None:
        return
    result = _result_of(before, after)
    signature = after.task.signature
    parameter = signature.sent[after.input]
    if not can_be_passed(result, parameter):
        raise TaskDefinitionError(
            f"{location(signature.function)}: the parameter {after.input} is of the type "
            f"{_name(parameter)}, and would get the result of {before}, which is of the type "
            f"{_name(result)}"
        )


def _result_of(before: Node, after: CallNode) -> Any:
    if isinstance(before, GroupNode):
        return list
    signature = before.task.signature
    if signature.result is None:
        short = after.task.name.rpartition(".")[2]
        raise TaskDefinitionError(
            f"{location(signature.function)} returns nothing that could be passed to "
            f"{after.task.name}: annotate its result, or let a call follow, {short}.call(...)"
        )
    return signature.result


def _name(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
