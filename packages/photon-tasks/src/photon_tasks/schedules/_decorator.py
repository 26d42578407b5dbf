"""`schedule`: enqueues a task by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from photon_runtime.callables import location
from photon_runtime.errors import SignatureError
from photon_runtime.signatures import require_call

from ..errors import ArgumentsError, TaskDefinitionError
from ..task import Task, task
from ._schedule import CATCH_UPS, CatchUp, Schedule
from ._texts import parse

P = ParamSpec("P")
R = TypeVar("R")

_LONGEST_JITTER = 86_400.0


def schedule(
    text: str,
    /,
    *,
    timezone: str = "UTC",
    catch_up: CatchUp = "one",
    name: str | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    enabled: bool | Callable[[], bool] = True,
    jitter: float = 0.0,
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Enqueue the decorated task at the times of a text; a function becomes a task.

    Put it above ``@task``. A task may have several schedules.

    Args:
        text: English, such as ``every 15 seconds`` and ``every monday at 9:00``, or a cron
            expression of five fields, or of six with the seconds first; see
            `photon_tasks.schedules`.
        timezone: IANA name of the time zone whose clocks it follows.
        catch_up: What follows an outage of more than half a minute: ``one`` job for all ticks that
            were missed, ``none``, or a job for each (``all``), for the last 100 of them.
        name: Name of the schedule in the store; by default that of the task. One that stays the
            same survives a move of the function.
        args: Positional arguments of each call.
        kwargs: Keyword arguments of each call.
        enabled: False to let the ticks pass without jobs; or a function that is called at each
            tick.
        jitter: Seconds over which jobs are spread after their ticks; each schedule has a time of
            its own at each tick.

    Returns:
        A decorator that returns the task.

    Raises:
        TaskDefinitionError: The text never fires or cannot be understood, the time zone is unknown,
            the arguments do not fit the task, or an option is invalid.

    Example:
        >>> from photon_tasks import schedule
        >>> @schedule("every day at 9:30", timezone="Europe/Berlin")
        ... def send_reports() -> None: ...
        >>> send_reports.schedules[0].text
        'every day at 9:30'
    """
    if not isinstance(text, str):
        raise TaskDefinitionError(
            f"@schedule needs a text, as in @schedule('every hour'), not {location(text)}"
        )

    _check_enabled(enabled, text)

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        scheduled = cast(Task[P, R], function) if isinstance(function, Task) else task(function)
        place = location(scheduled.function)
        options = dict(kwargs or {})
        try:
            _check(catch_up, jitter)
            ticks = parse(text, timezone)
            scheduled.signature.encode(args, options, limit=sys.maxsize)
        except (TypeError, ValueError) as error:
            reason = str(error)
            if isinstance(error, TypeError) and not isinstance(error, ArgumentsError):
                reason += "; pass them by @schedule(args=..., kwargs=...)"
            raise TaskDefinitionError(f"@schedule({text!r}) of {place}: {reason}") from error
        number = len(scheduled.schedules) + 1
        default = scheduled.name if number == 1 else f"{scheduled.name}#{number}"
        scheduled.schedules = (
            *scheduled.schedules,
            Schedule(
                name=name or default,
                text=text,
                timezone=timezone,
                ticks=ticks,
                task=scheduled,
                args=tuple(args),
                kwargs=options,
                catch_up=catch_up,
                enabled=enabled,
                jitter=float(jitter),
                place=place,
            ),
        )
        return scheduled

    return decorate


def _check_enabled(enabled: object, text: str) -> None:
    if not callable(enabled):
        if not isinstance(enabled, bool):
            raise TaskDefinitionError(
                f"@schedule({text!r}): enabled is true, false or a function that returns it, not "
                f"{enabled!r}"
            )
        return
    try:
        require_call(enabled, "`enabled` of a schedule")
    except SignatureError as error:
        raise TaskDefinitionError(f"@schedule({text!r}): {error}") from error


def _check(catch_up: str, jitter: float) -> None:
    if catch_up not in CATCH_UPS:
        raise ValueError(f"catch_up is one of {', '.join(CATCH_UPS)}, not {catch_up!r}")
    if not 0 <= jitter <= _LONGEST_JITTER:
        raise ValueError(f"jitter is a number of seconds, 0 to {_LONGEST_JITTER:g}, not {jitter!r}")
