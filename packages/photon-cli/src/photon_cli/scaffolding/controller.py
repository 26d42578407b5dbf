"""``photon generate controller``: a router with named actions, and pages if it has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, GeneratorError, Option, RenderFile
from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._handler_names import HandlerName
from ._resource import PACKAGE

_HTML: Final = "html"


class ControllerGenerator:
    """A router with named actions: `photon generate controller reports sales stock`."""

    options = (
        Option("html", "With pages, also where the kind of the project is not html."),
        Option("api", "Without pages, also where the kind of the project is html."),
    )

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the module of the router, its inclusion, its pages, and its test.

        Raises:
            GeneratorError: A name cannot be used, or the application has no templates for pages.
        """
        application = ApplicationLayout.of(project)
        name = HandlerName.parse(arguments.name)
        actions = [HandlerName.parse(word) for word in arguments.words or ("index",)]
        names = [action.module for action in actions]
        for each in names:
            if names.count(each) > 1:
                raise GeneratorError(f"the action {each} is there twice")
        has_pages = _has_pages(project, arguments)
        if has_pages:
            application.check_templates()
        context: dict[str, object] = {"name": name, "actions": actions, "has_pages": has_pages}
        edits = [
            *application.package_edits("routes", "The routes, one module for each resource."),
            _render(
                f"{application.package_path}/routes/{name.module}.py", "controller.py", context
            ),
            *application.include_edits("routes", name.module),
        ]
        if has_pages:
            edits += [
                _render(
                    f"{application.templates}/{name.module}/{action.module}.html",
                    "page.html",
                    {"name": name, "action": action},
                )
                for action in actions
            ]
        return [*edits, _render(f"tests/test_{name.module}.py", "test.py", context)]

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the command that follows."""
        return ["next: photon test"]


def _has_pages(project: Project, arguments: Arguments) -> bool:
    wants_pages, wants_none = arguments.options.get("html"), arguments.options.get("api")
    if wants_pages and wants_none:
        raise GeneratorError("--html and --api exclude each other")
    return bool(wants_pages) or (project.own_settings.kind == _HTML and not wants_none)


def _render(path: str, template: str, context: dict[str, object]) -> RenderFile:
    return RenderFile(path, f"controller/{template}.jinja", context, package=PACKAGE)
