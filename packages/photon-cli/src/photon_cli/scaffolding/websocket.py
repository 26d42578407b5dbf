"""``photon generate websocket``: the handler of a socket with its tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, GeneratorError, RenderFile
from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._handler_names import HandlerName
from ._paths import HandlerPath
from ._resource import PACKAGE

_USED: Final = ("message", "ws")


class WebSocketGenerator:
    """A WebSocket with its tests: `photon generate websocket echo /echo/{room}`."""

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the module of the handler, its inclusion in the application, and its tests.

        Raises:
            GeneratorError: The name or the path cannot be used.
        """
        application = ApplicationLayout.of(project)
        name = HandlerName.parse(arguments.name, used=_USED)
        path = _path(name, arguments.words)
        context: dict[str, object] = {"name": name, "path": path}
        return [
            *application.package_edits("routes", "The routes, one module for each resource."),
            _render(f"{application.package_path}/routes/{name.module}.py", "websocket.py", context),
            *application.include_edits("routes", name.module),
            _render(f"tests/test_{name.module}.py", "test.py", context),
        ]

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the command that follows."""
        return ["next: photon test"]


def _path(name: HandlerName, words: Sequence[str]) -> HandlerPath:
    if len(words) > 1 or not all(word.startswith("/") for word in words):
        raise GeneratorError(
            f"{' '.join(words)!r} is not a path, which begins with a slash: write photon generate"
            f" websocket {name.module} /{name.path}"
        )
    return HandlerPath.parse((*words, f"/{name.path}")[0], used=_USED)


def _render(path: str, template: str, context: dict[str, object]) -> RenderFile:
    return RenderFile(path, f"websocket/{template}.jinja", context, package=PACKAGE)
