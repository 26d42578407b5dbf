"""`Schedule`: a task, and when it is enqueued by itself."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs

from ..records import NewJob
from ._ticks import Ticks

CatchUp: TypeAlias = Literal["one", "none", "all"]
CATCH_UPS: Final = ("one", "none", "all")


class ScheduledTask(Protocol):
    """What a schedule needs of a task."""

    @property
    def name(self) -> str:
        """Name of the task."""
        ...

    @property
    def queue(self) -> str:
        """Name of its queue."""
        ...

    def new_job(
        self,
        args: Sequence[Any] = ...,
        kwargs: Mapping[str, Any] | None = ...,
        *,
        tasks: Any,
        id: str | None = ...,
        delay: float = ...,
    ) -> NewJob:
        """Return a job for a call, which is not enqueued yet."""
        ...


@attrs.frozen(kw_only=True, eq=False)
class Schedule:
    """When a task is enqueued by itself; made by `schedule`.

    Attributes:
        name: Name of the schedule, unique within an application.
        text: The text, as it was written.
        timezone: Name of the time zone.
        ticks: The ticks of both.
        task: The task.
        args: Positional arguments of each call.
        kwargs: Keyword arguments of each call.
        catch_up: What becomes of ticks that no process was there for: ``one`` job for all of them,
            ``none``, or a job for each (``all``), up to the limit of the `Scheduler`.
        enabled: False if its ticks pass without jobs; or a function that decides at each tick.
        jitter: Seconds within which the jobs of different schedules start after their ticks.
        place: File and line of the definition, for messages.
    """

    name: str
    text: str
    timezone: str
    ticks: Ticks = attrs.field(repr=False)
    task: ScheduledTask
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = attrs.field(factory=dict)
    catch_up: CatchUp = "one"
    enabled: bool | Callable[[], bool] = True
    jitter: float = 0.0
    place: str = ""

    @property
    def is_enabled(self) -> bool:
        """Whether its ticks make jobs now."""
        return bool(self.enabled() if callable(self.enabled) else self.enabled)

    def new_job(self, tick: int, tasks: Any) -> NewJob:
        """Return the job of a tick, whose id is the same in every process.

        Raises:
            ArgumentsError: The arguments do not fit the task.
        """
        delay = self.jitter * _digest(self.name, tick) / (1 << 64)
        return self.task.new_job(
            self.args, self.kwargs, tasks=tasks, id=job_id(self.name, tick), delay=delay
        )


def job_id(name: str, tick: int) -> str:
    """Return the id of the job of a schedule's tick: a UUID of version 7 with the tick's time."""
    first = _digest(name, tick)
    second = _digest(name, tick, "second half")
    value = (tick * 1000 & (1 << 48) - 1) << 80 | (first & 0xFFF) << 64 | second & (1 << 62) - 1
    return str(uuid.UUID(int=value | 7 << 76 | 2 << 62))


def tick_of(job: str) -> int:
    """Return the tick of a job that a schedule has enqueued, in seconds since the epoch.

    A job runs after its tick, and after an outage long after it. A task that works on the day or
    the hour before its tick computes it from this time, not from the clock.

    Args:
        job: Id of the job.

    Raises:
        ValueError: It is not an id of a job.
    """
    value = uuid.UUID(job)
    if value.version != 7:
        raise ValueError(f"{job} is not an id of a job")
    return (value.int >> 80) // 1000


def _digest(*parts: object) -> int:
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
