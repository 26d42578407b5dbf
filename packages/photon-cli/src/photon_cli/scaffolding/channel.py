"""``photon generate channel``: a WebSocket whose messages have types and reach all its clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from photon_runtime.generators import Arguments, Edit, RenderFile
from photon_runtime.project import Project

from ._application import ApplicationLayout
from ._channel_messages import ChannelMessage
from ._handler_names import HandlerName
from ._imports import import_block
from ._resource import PACKAGE

_USED: Final = ("after", "message", "room", "ws")


class ChannelGenerator:
    """A typed WebSocket with a room: `photon generate channel chat said:text said:author:string?`.

    Each word is a message, or a message with one of its fields.
    """

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Return the messages, the handler, its inclusion in the application, and the tests.

        Raises:
            GeneratorError: The name, a message or a field cannot be used.
        """
        application = ApplicationLayout.of(project)
        name = HandlerName.parse(arguments.name, used=_USED)
        messages = ChannelMessage.parse_all(arguments.words, channel=name.module)
        package = application.package
        schemas = application.relative(
            f"{package}.schemas.{name.module}", to=f"{package}.routes.{name.module}"
        )
        context: dict[str, object] = {
            "name": name,
            "messages": messages,
            "schema_imports": _schema_imports(messages),
            "route_imports": import_block(
                {
                    *(f"from photon import {each}" for each in ("Room", "Router", "WebSocket")),
                    f"from {schemas} import Gap",
                    f"from {schemas} import {name.class_name}In",
                    f"from {schemas} import {name.class_name}Out",
                }
            ),
            "types": " | ".join(message.class_name for message in messages),
        }
        path = application.package_path
        return [
            *application.package_edits("schemas", "The values in requests and responses."),
            *application.package_edits("routes", "The routes, one module for each resource."),
            _render(f"{path}/schemas/{name.module}.py", "schemas.py", context),
            _render(f"{path}/routes/{name.module}.py", "channel.py", context),
            *application.include_edits("routes", name.module),
            _render(f"tests/test_{name.module}.py", "test.py", context),
        ]

    def next_steps(self, project: Project, arguments: Arguments) -> Sequence[str]:
        """Return the commands that follow, and the setting for several workers."""
        return [
            "next: photon test",
            "      photon asyncapi export",
            "workers share the room by `rooms` under [websockets] in config/production.toml",
        ]


def _schema_imports(messages: Sequence[ChannelMessage]) -> str:
    own = {
        "from __future__ import annotations",
        "from typing import Literal",
        "from typing import TypeAlias",
        "import attrs",
    }
    return import_block(own.union(*(message.imports for message in messages)))


def _render(path: str, template: str, context: dict[str, object]) -> RenderFile:
    return RenderFile(path, f"channel/{template}.jinja", context, package=PACKAGE)
