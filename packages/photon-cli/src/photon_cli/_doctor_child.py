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

from photon_runtime import run
from photon_runtime.errors import PhotonError
from photon_runtime.http import Application
from photon_runtime.observability import Readiness
from photon_runtime.process import prepare_process
from photon_runtime.project import Project
from photon_runtime.tracebacks import readable


def main() -> dict[str, str | None]:
    """Load and start the application; return the error of each check, ``None`` for none."""
    project = Project.here(environment=os.environ["PHOTON_ENV"])
    found: dict[str, str | None] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            application = prepare_process(project)
            found["application"] = None
        except (Exception, SystemExit) as error:
            return {"application": _reason(error)}
        finally:
            late = [str(each.message) for each in caught if "Patch" in each.category.__name__]
            found["patch"] = "\n".join(late) or None
    if isinstance(application, Application):
        try:
            run(_start, application, project, found)
        except (Exception, SystemExit) as error:
            found["start"] = _reason(error)
    return found


def _start(application: Application, project: Project, found: dict[str, str | None]) -> None:
    """Start the application, and run its readiness checks."""
    with application.start(development=project.is_development):
        found["start"] = None
        readiness = getattr(application, "readiness", None)
        if isinstance(readiness, Readiness):
            for name, result in readiness.check().items():
                is_ok = result.status == "ok"
                found[f"ready: {name}"] = None if is_ok else f"the check has {result.status}"


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, PhotonError) else readable(error).rstrip()


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        result = main()
    print(json.dumps(result))
