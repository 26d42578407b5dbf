"""``photon generate route``: one handler with its test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, GeneratorError, RenderFile
from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._handler_names import HandlerName
from ._resource import PACKAGE

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BODIES: Final = ("POST", "PUT", "PATCH")
_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")


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
        parameters = _parameters(path)
        context: dict[str, object] = {
            "name": name,
            "method": method.lower(),
            "path": path,
            "parameters": parameters,
            "signature": ", ".join(f"{each}: str" for each in parameters),
            "request": f'"{_PARAMETER.sub("1", path)}"'
            + (", json={}" if method in _BODIES else ""),
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


def _request(method: str, path: str) -> str:
    """Return the arguments of a call that a client can make without a CSRF token."""
    return f'"{path}", json={{}}' if method in _BODIES else f'"{path}"'


def _method_and_path(name: HandlerName, words: Sequence[str]) -> tuple[str, str]:
    paths = [word for word in words if word.startswith("/")]
    methods = [word.upper() for word in words if word.upper() in _METHODS]
    if len(paths) + len(methods) < len(words) or len(paths) > 1 or len(methods) > 1:
        raise GeneratorError(
            f"{' '.join(words)!r} is not a method ({', '.join(_METHODS)}) and a path, which begins"
            f" with a slash: write photon generate route {name.module} GET /{name.path}"
        )
    return (methods or ["GET"])[0], (paths or [f"/{name.path}"])[0]


def _parameters(path: str) -> list[str]:
    names = _PARAMETER.findall(path)
    rest = _PARAMETER.sub("", path)
    if "{" in rest or "}" in rest or path.endswith("/") or re.search(r"[\s?#\"\\]", path):
        raise GeneratorError(
            f"{path!r} is not a path: write segments with parameters in braces, such as"
            " /posts/{id}/publish"
        )
    for name in names:
        if not name.isidentifier() or names.count(name) > 1:
            raise GeneratorError(
                f"{path}: the parameter {{{name}}} is not a name of Python, or is there twice"
            )
    return names


def _render(path: str, template: str, context: dict[str, object]) -> RenderFile:
    return RenderFile(path, f"route/{template}.jinja", context, package=PACKAGE)
