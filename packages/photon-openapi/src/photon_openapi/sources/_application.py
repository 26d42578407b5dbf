"""The document of an application, which the command line imports.

The project is a protocol with the two methods that are needed, so that this package depends neither
on the command line nor on a router.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Protocol, runtime_checkable

from ..document import OpenApi


class Project(Protocol):
    """The project that a command works on."""

    def target(self, named: str | None = None) -> str:
        """Return the name of the application, as ``module:attribute``."""
        ...

    def load_app(self, target: str | None = None) -> object:
        """Import the application."""
        ...


@runtime_checkable
class DocumentedApplication(Protocol):
    """An application with an OpenAPI document."""

    def document(self) -> OpenApi:
        """Return the document."""
        ...


def application_document(project: Project, target: str | None) -> OpenApi | None:
    """Import an application and return its document; ``None`` if it does not have one.

    Output that its modules print goes to standard error: standard output is for the result of a
    command.

    Args:
        project: The project.
        target: ``module:attribute``; ``None`` for the application of the project.

    Raises:
        PhotonError: The application cannot be loaded, or its routes contradict each other.
    """
    with contextlib.redirect_stdout(sys.stderr):
        application = project.load_app(target)
        return application.document() if isinstance(application, DocumentedApplication) else None
