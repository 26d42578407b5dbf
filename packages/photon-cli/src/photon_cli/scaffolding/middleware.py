"""``photon generate middleware``: a function around every request, with its test."""

from __future__ import annotations

from collections.abc import Sequence

from photon_runtime.generators import Arguments, Edit, InsertCall, InsertCode, RenderFile
from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._handler_names import HandlerName
from ._resource import PACKAGE


class MiddlewareGenerator:
    """A function around every request, with its test: `photon generate middleware timing`."""

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the module of the middleware, its registration in the application, and its test.

        Raises:
            GeneratorError: The name cannot be used, or the application cannot be found.
        """
        application = ApplicationLayout.of(project)
        name = HandlerName.parse(arguments.name)
        package = application.package
        source = application.relative(f"{package}.middleware.{name.module}", to=application.module)
        context: dict[str, object] = {"name": name}
        return [
            *application.package_edits("middleware", "Functions around every request."),
            _render(
                f"{application.package_path}/middleware/{name.module}.py", "middleware.py", context
            ),
            InsertCode(application.path, f"from {source} import {name.module}", place="imports"),
            InsertCall(
                application.path,
                f"middleware({name.module})",
                on="Photon",
                variable=application.variable,
            ),
            _render(f"tests/test_{name.module}_middleware.py", "test.py", context),
        ]

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the commands that follow."""
        return ["next: photon test", "      photon middleware"]


def _render(path: str, template: str, context: dict[str, object]) -> RenderFile:
    return RenderFile(path, f"middleware/{template}.jinja", context, package=PACKAGE)
