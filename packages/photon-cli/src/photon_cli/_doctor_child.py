"""The process in which ``photon doctor`` loads and starts the application.

It is a program of its own, so that an application that never comes back can be ended. It prints one
line of JSON: what was found, by name; the output of the application goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from typing import TYPE_CHECKING

import attrs

from photon_runtime import run
from photon_runtime.http import Application
from photon_runtime.libraries_in_c import imported_libraries
from photon_runtime.observability import Readiness
from photon_runtime.parts import CheckedPart, Finding, under_inspection
from photon_runtime.project import Project

from ._problems import inspect_application, reason

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> tuple[dict[str, str | None], list[Finding]]:
    """Load and start the application, and let its parts check what they use.

    Returns:
        The error of each check by name, ``None`` for none; and what the parts have found.
    """
    project = Project.here(environment=os.environ["PHOTON_ENV"])
    found: dict[str, str | None] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inspected = inspect_application(project)
        late = [str(each.message) for each in caught if "Patch" in each.category.__name__]
    listed = "\n".join(each.message for each in inspected.problems)
    if inspected.application is None:
        return {"application": listed}, []
    found["application"] = None
    found["patch"] = "\n".join(late) or None
    findings: list[Finding] = []
    if listed:
        found["start"] = listed
    elif isinstance(inspected.application, Application):
        try:
            with under_inspection():
                run(_start, inspected.application, project, found, findings)
        except (Exception, SystemExit) as error:
            found["start"] = reason(error)
    return found, [*_libraries(), *findings]


def _libraries() -> Iterator[Finding]:
    """Name the libraries that wait in C, of those that the application has imported."""
    libraries = imported_libraries()
    for each in libraries:
        message = f"{each.name} waits in C, which blocks all coroutines: {each.remedy}"
        yield Finding("libraries", "warning", f"{message} (docs/waiting-in-c.md)")
    if not libraries:
        yield Finding("libraries", "ok", "none that is known to block all coroutines is imported")


def _start(
    application: Application,
    project: Project,
    found: dict[str, str | None],
    findings: list[Finding],
) -> None:
    """Start the application, and run its readiness checks and those of its parts."""
    with application.start(development=project.is_development):
        found["start"] = None
        readiness = getattr(application, "readiness", None)
        if isinstance(readiness, Readiness):
            for name, result in readiness.check().items():
                is_ok = result.status == "ok"
                found[f"ready: {name}"] = None if is_ok else f"the check has {result.status}"
        needed_parts = getattr(application, "needed_parts", list)
        for part in needed_parts():
            if isinstance(part, CheckedPart):
                findings.extend(part.findings(application))


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        errors, checked = main()
    print(json.dumps({"errors": errors, "findings": [attrs.asdict(each) for each in checked]}))
