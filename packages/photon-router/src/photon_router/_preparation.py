"""The steps of a start before the lifespans: until one fails, or all of them for their problems.

`Application.start` and `Application.problems` prepare the same way, so that what is listed and what
refuses to start cannot differ. They differ in what an error does: `directly` raises it, `Collected`
notes it and continues with a substitute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import attrs

from photon_openapi.errors import DocumentError
from photon_runtime.errors import PhotonError
from photon_runtime.tracebacks import readable

T = TypeVar("T")
Substitute = TypeVar("Substitute")


class Attempt(Protocol):
    """Runs a step of the preparation."""

    def __call__(self, step: Callable[[], T], substitute: Substitute, /) -> T | Substitute:
        """Return the result of a step, or the substitute if it fails and its error is noted."""
        ...


def directly(step: Callable[[], T], _: Substitute, /) -> T | Substitute:
    """Run a step, whose error ends the preparation."""
    return step()


@attrs.define
class Collected:
    """Runs steps and notes their errors.

    Attributes:
        problems: What they have raised, each problem once.
    """

    problems: list[str] = attrs.field(factory=list)

    def __call__(self, step: Callable[[], T], substitute: Substitute, /) -> T | Substitute:
        """Return the result of a step, or the substitute if it fails."""
        try:
            return step()
        except Exception as error:  # of a part, too: each of them would keep it from starting
            self.note(problems_of(error))
            return substitute

    def note(self, problems: Sequence[str]) -> None:
        """Add problems that are not noted yet."""
        self.problems += [each for each in problems if each not in self.problems]


def problems_of(error: Exception) -> Sequence[str]:
    """Return the problems that an error lists, or its message."""
    if isinstance(error, DocumentError):
        return error.problems
    if isinstance(error, PhotonError):
        return [str(error)]
    return [readable(error).rstrip()]
