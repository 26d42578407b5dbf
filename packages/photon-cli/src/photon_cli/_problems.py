"""The problems that keep an application from starting, for ``photon check`` and ``photon doctor``.

The application is imported as ``photon run`` imports it, and what is refused at registration is
collected, so that one wrong handler does not hide the next. Then the application prepares a start
without entering its lifespans: nothing is opened, connected or served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from photon_runtime import run
from photon_runtime.errors import PhotonError
from photon_runtime.parts import under_inspection
from photon_runtime.process import prepare_process
from photon_runtime.refusals import collecting_refusals
from photon_runtime.tracebacks import readable, with_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from photon_runtime.http import Application, Handler
    from photon_runtime.project import Project
    from photon_runtime.refusals import Refusal


@attrs.frozen
class Problem:
    """One problem.

    Attributes:
        kind: Where it was found: ``settings``, ``import``, ``registration`` or ``start``.
        message: What is wrong, with its place and the remedy.
    """

    kind: str
    message: str


@attrs.frozen
class Inspection:
    """An application and its problems.

    Attributes:
        application: The application; ``None`` if it cannot be imported.
        problems: Its problems, each once.
    """

    application: Application | Handler | None
    problems: Sequence[Problem]


def settings_problems(project: Project) -> list[Problem]:
    """Return the problems of the settings of all packages."""
    try:
        project.check_settings()
    except PhotonError as error:
        first, *lines = str(error).splitlines()
        listed = lines if first.endswith(":") and lines else [str(error)]
        return [Problem("settings", each.strip()) for each in listed]
    return []


def inspect_application(project: Project, target: str | None = None) -> Inspection:
    """Import the application of a project, and look for what keeps it from starting.

    Args:
        project: The project.
        target: ``module:attribute``; by default the application of ``photon.toml``.

    Blocks: while the modules of the application are imported and its files are read.
    """
    with under_inspection(), collecting_refusals() as refusals:
        try:
            application = prepare_process(project, target)
        except (Exception, SystemExit) as error:
            return Inspection(None, [*_refused(refusals), Problem("import", reason(error))])
        problems: list[str] = []
        list_problems = getattr(application, "problems", None)  # a bare handler has none
        if callable(list_problems):
            try:
                problems = run(list_problems, development=project.is_development)
            except (Exception, SystemExit) as error:
                problems = [reason(error)]
    found = [Problem("start", each) for each in problems if not _is_caused(each, refusals)]
    return Inspection(application, [*_refused(refusals), *found])


def reason(error: BaseException) -> str:
    """Return the message of an error of Photon, and the traceback of another."""
    return str(error) if isinstance(error, PhotonError) else readable(error).rstrip()


def _refused(refusals: Sequence[Refusal]) -> Iterator[Problem]:
    for message in dict.fromkeys(with_place(each.error) for each in refusals):
        yield Problem("registration", message)


def _is_caused(problem: str, refusals: Sequence[Refusal]) -> bool:
    """Return whether an operation lacks its handler because that was refused."""
    return any(
        each.subject and problem == f"{each.subject}: the operation has no handler"
        for each in refusals
    )
