"""What the programs of this folder share: many calls at once, and scenarios to choose from.

Each program shows one library under the patch. It is run for one of its scenarios, with the URL of
a server: ``python -m photon_runtime.patch use_redis.py SCENARIO URL``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from photon_runtime import scope

T = TypeVar("T")

MANY = 20
"""How many calls are made at once."""

SLOW = 0.3
"""Seconds that each call takes, by the doing of the server."""

_ROUNDS = 3


def at_once(
    call: Callable[[int], T], count: int = MANY, *, expected: float = SLOW
) -> tuple[list[T], float]:
    """Make ``count`` calls at once, each with its number; return the answers and the seconds.

    The machine may be busy with other things. So a round that takes much longer than ``expected``
    is made again, three are made at the most, and the fastest counts. Calls that wait for each
    other would be slow in every one.
    """
    rounds: list[float] = []
    while not rounds or (min(rounds) > 1.5 * expected and len(rounds) < _ROUNDS):
        start = time.monotonic()
        with scope() as tasks:
            calls = [tasks.spawn(call, number) for number in range(count)]
        rounds.append(time.monotonic() - start)
        answers = [task.result() for task in calls]
    return answers, min(rounds)


def perform(*scenarios: Callable[[str], object]) -> None:
    """Run the scenario that the command line names and print what it found, as JSON."""
    name, url = sys.argv[1:]
    [scenario] = [each for each in scenarios if each.__name__ == name]
    print(json.dumps(scenario(url)))
