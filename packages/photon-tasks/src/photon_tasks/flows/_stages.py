"""What follows a job, as the text that it carries.

Theory of operation. All jobs of a flow are made when it is enqueued, ids included. The first ones
are delivered to the store. The others are in the text `photon_tasks.records.NewJob.then` of the job
that they follow: a list of stages, and the group that the last of them counts for. When the job is
completed, the first of these stages is delivered, and its jobs carry the rest. So each job has the
same id however often what follows it is enqueued, and a store does it once.

A stage that is a group has a job of its own, which collects the results: it is what the store
enqueues when the last member is completed, it carries what follows the group, and a group inside of
a group counts as this job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import attrs
import msgspec

from ..errors import ArgumentsError
from ..records import Delivery, NewGroup, NewJob
from ..stores import encode_jobs


class JobStage(msgspec.Struct, tag="job", frozen=True):
    """A job that follows.

    Attributes:
        job: The job, without the argument that is a result.
        input: Name of the parameter that gets the result of what precedes it.
    """

    job: NewJob
    input: str | None = None

    @property
    def last(self) -> NewJob:
        """The job whose result is that of the stage."""
        return self.job


class GroupStage(msgspec.Struct, tag="group", frozen=True):
    """Jobs that follow side by side.

    Attributes:
        id: Id of the group.
        members: The stages of each member.
        collect: The job that follows all of them, and collects their results.
    """

    id: str
    members: Sequence[Sequence[JobStage | GroupStage]]
    collect: NewJob

    @property
    def last(self) -> NewJob:
        """The job whose result is that of the stage."""
        return self.collect


Stage: TypeAlias = JobStage | GroupStage


class Following(msgspec.Struct, frozen=True):
    """What follows a job.

    Attributes:
        stages: The stages.
        group: Id of the group that the last stage counts for.
    """

    stages: Sequence[JobStage | GroupStage]
    group: str | None = None

    def delivery(
        self, result: str = "null", *, due: float | None = None, delay: float = 0.0
    ) -> Delivery:
        """Return what is enqueued to begin the stages.

        Args:
            result: The result of what precedes them, as JSON.
            due: As in `NewJob`.
            delay: As in `NewJob`.
        """
        jobs: list[NewJob] = []
        groups: list[NewGroup] = []
        self._begin(result, due, delay, jobs, groups)
        return Delivery(jobs, groups)

    def _begin(
        self,
        result: str,
        due: float | None,
        delay: float,
        jobs: list[NewJob],
        groups: list[NewGroup],
    ) -> None:
        first, rest = self.stages[0], self.stages[1:]
        then = encode_following(Following(rest, self.group)) if rest else None
        last = attrs.evolve(first.last, then=then, group=None if rest else self.group)
        if isinstance(first, JobStage):
            arguments = last.arguments
            if first.input is not None:
                arguments = _with_argument(arguments, first.input, result)
            jobs.append(attrs.evolve(last, arguments=arguments, due=due, delay=delay))
            return
        groups.append(NewGroup(id=first.id, size=len(first.members), then=encode_jobs([last])))
        for member in first.members:
            Following(member, first.id)._begin(result, due, delay, jobs, groups)


def _with_argument(arguments: str, name: str, value: str) -> str:
    """Return arguments, a JSON object, with a further one that is JSON already."""
    others = arguments[1:]
    return f'{{"{name}":{value}{"" if others == "}" else ","}{others}'


def encode_following(following: Following) -> str:
    """Return what follows a job as a JSON text."""
    return msgspec.json.encode(following).decode()


def decode_following(text: str) -> Following:
    """Return what a text of `encode_following` describes.

    Raises:
        msgspec.ValidationError: It is of another version.
    """
    return _DECODER.decode(text)


def require_size(delivery: Delivery, limit: int) -> None:
    """Check that what the first jobs of a flow carry is not too large.

    Raises:
        ArgumentsError: It is.
    """
    texts = [*(each.then for each in delivery.jobs), *(each.then for each in delivery.groups)]
    size = sum(len(each or "") for each in texts)
    if size > _MOST_ARGUMENTS * limit:
        raise ArgumentsError(
            f"the arguments of the jobs that follow have {size} characters, more than "
            f"{_MOST_ARGUMENTS} times [tasks] max_arguments = {limit}: store the data, and pass "
            "its keys"
        )


_MOST_ARGUMENTS: Final = 64
_DECODER: Final = msgspec.json.Decoder(Following)
