"""The jobs of a flow.

Theory of operation. The results of the members of a group are read by the job that follows them
all, so they are kept as long as a dead job: until then it can be queued again, and the flow be
completed. Members whose results nothing reads are kept as long as other jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import msgspec

from photon_runtime.callables import location

from ..current import Tasks
from ..errors import TaskDefinitionError
from ..records import NewJob
from ._nodes import CallNode, GroupNode, Node
from ._stages import GroupStage, JobStage, Stage

COLLECT: Final = "photon.collect"
"""Name of the task that has the results of a group; see `photon_tasks._group_results`."""


@attrs.frozen
class PlannedJob:
    """A job of a flow.

    Attributes:
        job: The job, without the argument that is a result.
        stage: Number of the stage of the flow that it belongs to.
        is_call: False for the job that collects the results of a group.
    """

    job: NewJob
    stage: int
    is_call: bool = True


class Plan:
    """The jobs of a flow.

    Args:
        nodes: Calls and groups of the flow.
        tasks: The tasks of the application.

    Attributes:
        stages: What is enqueued, one after another.
        jobs: All jobs; the last one has the result of the flow.

    Raises:
        TaskDefinitionError: A task has a unique key.
        ArgumentsError: The arguments of a call are too large.
    """

    def __init__(self, nodes: Sequence[Node], tasks: Tasks) -> None:
        """Make the jobs."""
        self._tasks = tasks
        self.jobs: list[PlannedJob] = []
        self.is_single = len(nodes) == 1 and isinstance(nodes[0], CallNode)
        self.stages: list[Stage] = []
        for number, node in enumerate(nodes):
            is_last = number == len(nodes) - 1
            has_readers = is_last or nodes[number + 1].needs_input
            self.stages.append(self._stage(node, number, has_readers=has_readers))

    def _stage(self, node: Node, number: int, *, has_readers: bool) -> Stage:
        if isinstance(node, GroupNode):
            return self._group(node, number, has_readers=has_readers)
        task = node.task
        if task.options.unique is not None and not self.is_single:
            raise TaskDefinitionError(
                f"{location(task.signature.function)} has a unique key, and a job of a flow must "
                f"not be kept out by another one: use {task.name.rpartition('.')[2]}"
                ".with_options(unique=False)"
            )
        job = task.new_job(tasks=self._tasks, encoded=node.arguments)
        self.jobs.append(PlannedJob(job, number))
        return JobStage(job, node.input)

    def _group(self, node: GroupNode, number: int, *, has_readers: bool) -> GroupStage:
        tasks = self._tasks
        members: list[list[Stage]] = []
        for member in node.members:
            stages = [
                self._stage(
                    each,
                    number,
                    has_readers=has_readers
                    if position == len(member) - 1
                    else member[position + 1].needs_input,
                )
                for position, each in enumerate(member)
            ]
            if has_readers:
                stages[-1] = _kept(stages[-1], tasks.settings.keep_dead)
            members.append(stages)
        ends = [stages[-1].last for stages in members]
        read = [each.id for each in ends] if has_readers else []
        collect = NewJob(
            id=tasks.ids.new(),
            task=COLLECT,
            queue=ends[0].queue if ends else "default",
            arguments=msgspec.json.encode({"jobs": read}).decode(),
            priority=max((each.priority for each in ends), default=0),
            max_attempts=1 + tasks.settings.retries,
            keep=tasks.settings.keep_completed,
            trace=tasks.trace(),
            owner=tasks.owner(),
        )
        self.jobs.append(PlannedJob(collect, number, is_call=False))
        return GroupStage(tasks.ids.new(), members, collect)


def _kept(stage: Stage, keep: float) -> Stage:
    """Return a stage whose result is kept for that time at least."""
    last = attrs.evolve(stage.last, keep=max(stage.last.keep, keep))
    if isinstance(stage, JobStage):
        return msgspec.structs.replace(stage, job=last)
    return msgspec.structs.replace(stage, collect=last)


def decoder_of_result(node: Node) -> Callable[[str], Any]:
    """Return the function from the JSON of a node's result to its value."""
    if isinstance(node, CallNode):
        signature = node.task.signature
        return lambda text: None if text == "null" else signature.decode_result(text)
    decoders = [decoder_of_result(member[-1]) for member in node.members]
    return lambda text: [
        decode(bytes(item).decode())
        for decode, item in zip(decoders, _LIST.decode(text), strict=True)
    ]


_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
