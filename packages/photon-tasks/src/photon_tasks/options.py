"""How a task is run: queue, attempts, time limit, unique key."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import attrs
from attrs.validators import ge, in_

from .records import Until

Execution: TypeAlias = Literal["loop", "thread", "process"]
"""Where a job runs: as a coroutine of the worker, in a thread, or in a process of its own."""

UniqueChoice: TypeAlias = "bool | Until | float | Unique"
BackoffChoice: TypeAlias = "float | Sequence[float] | Backoff"


def _number(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{attribute.name} is a number, not {value!r}")


@attrs.frozen
class Backoff:
    """The waits between attempts: each is longer than the one before.

    Attributes:
        first: Seconds before the second attempt.
        factor: Factor from one wait to the next.
        limit: Maximum number of seconds.
        jitter: Part of each wait that is random, so that jobs which failed together do not come
            back together: a wait of 10 seconds with 0.2 takes between 8 and 12.
    """

    first: float = attrs.field(default=5.0, validator=[_number, ge(0)])
    factor: float = attrs.field(default=2.0, validator=[_number, ge(1)])
    limit: float = attrs.field(default=3600.0, validator=[_number, ge(0)])
    jitter: float = attrs.field(default=0.2, validator=[_number, ge(0), attrs.validators.le(1)])

    def delay(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number ``attempt`` has failed."""
        exponent = min(attempt - 1, 64)
        delay: float = min(self.first * self.factor**exponent, self.limit)
        return delay * (1 + self.jitter * (2 * random.random() - 1))


@attrs.frozen
class Delays:
    """Waits between attempts, one by one; the last one repeats.

    Attributes:
        seconds: The waits.
    """

    seconds: tuple[float, ...]

    def delay(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number ``attempt`` has failed."""
        return self.seconds[min(attempt, len(self.seconds)) - 1]


@attrs.frozen(kw_only=True)
class Unique:
    """At most one job with the same key at a time; another one is not enqueued.

    Attributes:
        until: When the key is free again: when the job has started (``start``), when it is
            completed, dead or cancelled (``done``), or ``seconds`` after it was enqueued
            (``period``).
        seconds: Seconds of a ``period``.
        key: Function from the arguments of the call to the key; by default all arguments are the
            key. Tasks never share keys.
    """

    until: Until = attrs.field(default="done", validator=in_(("start", "done", "period")))
    seconds: float = attrs.field(default=0.0, validator=[_number, ge(0)])
    key: Callable[..., object] | None = None

    def __attrs_post_init__(self) -> None:
        """Check that a period has a length, and nothing else has."""
        if (self.until == "period") is not (self.seconds > 0):
            raise ValueError("a unique key needs seconds for until='period', and only for that")


@attrs.frozen(kw_only=True)
class TaskOptions:
    """The options of a task.

    Attributes:
        queue: Name of the queue.
        retries: Number of attempts after the first one; ``None`` for that of ``[tasks]``.
        backoff: The waits between attempts.
        timeout: Seconds of one attempt; ``None`` for those of ``[tasks]``, zero for no limit.
        unique: Unique key; ``None`` without any.
        priority: Jobs with a greater one go first within a queue.
        keep: Seconds for which completed jobs and their results are kept; ``None`` for those of
            ``[tasks]``.
        on: Where jobs run.
        fatal: Classes of errors after which no attempt follows.
    """

    queue: str = attrs.field(
        default="default", validator=attrs.validators.matches_re(r"[\w.:-]{1,100}")
    )
    retries: int | None = attrs.field(
        default=None, validator=attrs.validators.optional([_number, ge(0)])
    )
    backoff: Backoff | Delays = attrs.field(factory=Backoff)
    timeout: float | None = attrs.field(
        default=None, validator=attrs.validators.optional([_number, ge(0)])
    )
    unique: Unique | None = None
    priority: int = attrs.field(
        default=0, validator=[_number, ge(-32768), attrs.validators.le(32767)]
    )
    keep: float | None = attrs.field(
        default=None, validator=attrs.validators.optional([_number, ge(0)])
    )
    on: Execution = attrs.field(default="loop", validator=in_(("loop", "thread", "process")))
    fatal: tuple[type[BaseException], ...] = ()


def options_of(**chosen: Any) -> TaskOptions:
    """Return options from the arguments of `task`; those that are ``None`` keep their default.

    Raises:
        TypeError: An argument has another type.
        ValueError: A value is invalid.
    """
    return evolved(TaskOptions(), **chosen)


def evolved(options: TaskOptions, **chosen: Any) -> TaskOptions:
    """Return ``options`` with other values; arguments that are ``None`` change nothing.

    Raises:
        TypeError: An argument has another type.
        ValueError: A value is invalid.
    """
    changes = {name: value for name, value in chosen.items() if value is not None}
    if "unique" in changes:
        changes["unique"] = _unique(changes["unique"])
    if "backoff" in changes:
        changes["backoff"] = _backoff(changes["backoff"])
    if "fatal" in changes:
        changes["fatal"] = tuple(changes["fatal"])
    try:
        return attrs.evolve(options, **changes)
    except ValueError as error:  # its further arguments are for programs
        raise ValueError(str(error.args[0])) from None


def _unique(choice: object) -> Unique | None:
    match choice:
        case Unique():
            return choice
        case bool():
            return Unique() if choice else None
        case "start" | "done":
            return Unique(until=choice)
        case int() | float() if choice > 0:
            return Unique(until="period", seconds=float(choice))
    raise TypeError(
        "unique is True, 'start', 'done', a number of seconds greater than zero, or "
        f"Unique(...), not {choice!r}"
    )


def _backoff(choice: object) -> Backoff | Delays:
    match choice:
        case Backoff() | Delays():
            return choice
        case int() | float() if not isinstance(choice, bool):
            return Backoff(first=float(choice))
        case [_, *_]:
            delays = [each for each in choice if isinstance(each, int | float) and each >= 0]
            if len(delays) == len(choice):
                return Delays(tuple(map(float, delays)))
    raise TypeError(
        "backoff is the first wait in seconds, a list of waits (zero or more), or Backoff(...), "
        f"not {choice!r}"
    )
