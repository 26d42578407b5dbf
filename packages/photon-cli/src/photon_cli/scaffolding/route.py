"""``photon generate route``: one handler with its test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, GeneratorError, RenderFile
from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._handler_names import HandlerName
from ._paths import HandlerPath
from ._resource import PACKAGE

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BODIES: Final = ("POST", "PUT", "PATCH")


class RouteGenerator:
    """One handler with its test: `photon generate route ping GET /ping`."""

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the module of the handler, its inclusion in the application, and its test.

        Raises:
            GeneratorError: The name, the method or the path cannot be used.
        """
        application = ApplicationLayout.of(project)
        name = HandlerName.parse(arguments.name)
        method, path = _method_and_path(name, arguments.words)
        context: dict[str, object] = {
            "name": name,
            "method": method.lower(),
            "path": path.path,
            "parameters": path.parameters,
            "signature": path.signature,
            "request": f'"{path.example}"' + (", json={}" if method in _BODIES else ""),
        }
        return [
            *application.package_edits("routes", "The routes, one module for each resource."),
            _render(f"{application.package_path}/routes/{name.module}.py", "route.py", context),
            *application.include_edits("routes", name.module),
            _render(f"tests/test_{name.module}.py", "test.py", context),
        ]

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the command that follows."""
        return ["next: photon test"]


def _method_and_path(name: HandlerName, words: Sequence[str]) -> tuple[str, HandlerPath]:
    paths = [word for word in words if word.startswith("/")]
    methods = [word.upper() for word in words if word.upper() in _METHODS]
    if len(paths) + len(methods) < len(words) or len(paths) > 1 or len(methods) > 1:
        raise GeneratorError(
            f"{' '.join(words)!r} is not a method ({', '.join(_METHODS)}) and a path, which begins"
            f" with a slash: write photon generate route {name.module} GET /{name.path}"
        )
    path = HandlerPath.parse((paths or [f"/{name.path}"])[0])
    return (methods or ["GET"])[0], path


def _render(path: str, template: str, context: dict[str, object]) -> RenderFile:
    return RenderFile(path, f"route/{template}.jinja", context, package=PACKAGE)
