"""Errors of work that nothing waits for: calls after a response, and background work.

Theory of operation. Nobody is there to raise such an error to. So it is logged with the place that
has begun the work, counted in ``photon_background_errors``, and in a test it is kept until the test
client raises it: an error that only a log contains is an error that a test passes over.

An application notes an `UnattendedErrors` in the context of its requests when it starts.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final, final

from .observability import Meter

_log = logging.getLogger("photon.background")
_KEPT: Final = 20
_PACKAGES: Final = frozenset(
    """photon photon_runtime photon_router photon_tasks photon_lifeguard photon_templates photon_ws
    photon_cli functools contextlib""".split()  # noqa: SIM905  a long list
)


@final
class UnattendedErrors:
    """The errors of one application that nothing waits for.

    Args:
        meter: Counts them.
        keeps: True to keep them for a test.
    """

    def __init__(self, meter: Meter, *, keeps: bool) -> None:
        """Begin without errors."""
        self._count = meter.counter(
            "photon_background_errors", "Errors of work that nothing waits for.", labels=("kind",)
        )
        self._keeps = keeps
        self._kept: list[Exception] = []

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Let the errors of the block, and of what it spawns, be noted here."""
        token = _ERRORS.set(self)
        try:
            yield
        finally:
            with suppress(ValueError):  # the block ends in another context than it began in
                _ERRORS.reset(token)

    def note(self, error: Exception, kind: str) -> None:
        """Count an error, and keep it in a test."""
        self._count.labels(kind).inc()
        if self._keeps and len(self._kept) < _KEPT:
            self._kept.append(error)

    def take(self) -> Exception | None:
        """Return the first error that is kept, and forget all."""
        kept, self._kept = self._kept, []
        return kept[0] if kept else None


def report_error(error: Exception, work: str, site: str, *, kind: str) -> None:
    """Log and count an error that nothing waits for. Does not wait.

    Args:
        error: The error.
        work: What has failed, such as the name of a function.
        site: The line that has begun it; see `call_site`.
        kind: Kind of the work, for the metric.
    """
    _log.error("%s, begun at %s, has failed", work, site, exc_info=error)
    error.add_note(f"raised by {work}, begun at {site}, which nothing waits for")
    note_error(error, kind=kind)


def note_error(error: Exception, *, kind: str) -> None:
    """Count an error that nothing waits for, and that is logged elsewhere. Does not wait.

    Args:
        error: The error.
        kind: Kind of the work, for the metric.
    """
    errors = _ERRORS.get()
    if errors is not None:
        errors.note(error, kind)


def raise_unattended() -> None:
    """Raise an error of work of this context that nothing waits for, if a test keeps one.

    Raises:
        Exception: The first one; the others were logged.
    """
    errors = _ERRORS.get()
    error = None if errors is None else errors.take()
    if error is not None:
        raise error


def call_site() -> str:
    """Return the file and line of the nearest caller outside of Photon. Does not wait."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _package(frame.f_globals) in _PACKAGES:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _package(namespace: dict[str, object]) -> str:
    return str(namespace.get("__name__", "")).partition(".")[0]


_ERRORS: ContextVar[UnattendedErrors | None] = ContextVar("photon_unattended", default=None)
