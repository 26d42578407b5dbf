"""The tasks of an application: added by themselves, with its databases and its tracer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from photon_lifeguard import DatabasePart
from photon_router import Application
from photon_router.observability import ObservabilitySettings, Tracing
from photon_runtime.observability import Tracer
from photon_runtime.parts import Part
from photon_tasks import Task, TasksPart

from ._databases_of_jobs import JobDatabases


def with_tasks(
    parts: Sequence[Part], application: Application, built_in: Sequence[Task[..., Any]] = ()
) -> list[Part]:
    """Return the parts of an application with its tasks, which come last.

    Args:
        parts: The parts.
        application: The application.
        built_in: Tasks of Photon itself.
    """
    own = [each for each in parts if isinstance(each, TasksPart)]
    own = own or [TasksPart(is_automatic=True)]
    databases = next((each for each in parts if isinstance(each, DatabasePart)), None)
    for part in own:
        part.home = part.home or application.module
        part.databases = part.databases or partial(JobDatabases, databases)
        part.tracer = part.tracer or (lambda: tracer_of(application))
        part.built_in = tuple(built_in)
    return [*(each for each in parts if not isinstance(each, TasksPart)), *own]


def tracer_of(application: Application) -> Tracer | None:
    """Return the tracer of an application's requests; ``None`` without tracing."""
    tracing = application.find_middleware(Tracing)
    if tracing is not None:
        return tracing.tracer
    return Tracer() if application.read_settings(ObservabilitySettings).tracing else None
