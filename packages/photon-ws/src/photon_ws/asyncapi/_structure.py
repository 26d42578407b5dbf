"""The structure of AsyncAPI documents: required members, and references that lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from photon_openapi.document import Problem, parameters_of, parts_of
from photon_openapi.messages import pointer_of

from ._sockets import AsyncApi, Socket


def structure_errors(document: AsyncApi) -> Iterator[Problem]:
    """Yield the errors of a document that prevent tools from reading it."""
    version = document.data.get("asyncapi")
    if not isinstance(version, str) or not version.startswith("3."):
        yield Problem("/asyncapi", "must be the version of AsyncAPI, such as 3.0.0")
        return
    for check in (_wrong_info, _wrong_references, _wrong_objects, _wrong_servers):
        yield from check(document)
    for socket in document.sockets:
        yield from _wrong_parameters(socket)
    for name, operation in document.part("operations").items():
        yield from _wrong_operation(document, name, operation)


def _wrong_info(document: AsyncApi) -> Iterator[Problem]:
    for key in ("title", "version"):
        yield from _wrong_text(document.part("info"), key, "/info")


def _wrong_text(part: Mapping[str, Any], key: str, pointer: str) -> Iterator[Problem]:
    if key not in part:
        yield Problem(pointer, f"lacks {key!r}")
    elif not isinstance(part[key], str):
        yield Problem(pointer + pointer_of([key]), "must be a string")


def _wrong_objects(document: AsyncApi) -> Iterator[Problem]:
    for name in ("channels", "operations", "servers"):
        if not isinstance(document.data.get(name, {}), Mapping):
            yield Problem(pointer_of([name]), "must be an object")
        for key, value in document.part(name).items():
            if not isinstance(value, Mapping):
                yield Problem(pointer_of([name, key]), "must be an object")


def _wrong_servers(document: AsyncApi) -> Iterator[Problem]:
    for name, server in document.part("servers").items():
        resolved = document.resolve(server)
        for key in ("host", "protocol"):
            if resolved is not None:
                yield from _wrong_text(resolved[1], key, pointer_of(["servers", name]))


def _wrong_references(document: AsyncApi) -> Iterator[Problem]:
    for part in parts_of(document.data):
        reference = part.value.get("$ref")
        if isinstance(reference, str) and document.resolve(part.value) is None:
            yield Problem(f"{part.pointer}/$ref", f"{reference!r} does not exist")


def _wrong_parameters(socket: Socket) -> Iterator[Problem]:
    in_address = parameters_of(socket.address)
    for name in in_address:
        if name not in socket.parameters:
            yield Problem(socket.pointer, f"the parameter {name!r} of the address is not declared")
    for name in socket.parameters:
        if name not in in_address:
            pointer = socket.pointer + pointer_of(["parameters", name])
            yield Problem(pointer, f"the address has no {{{name}}}")


def _wrong_operation(document: AsyncApi, name: str, operation: Any) -> Iterator[Problem]:
    pointer = pointer_of(["operations", name])
    resolved = document.resolve(operation, pointer)
    if resolved is None:
        return
    data = resolved[1]
    if data.get("action") not in ("send", "receive"):
        yield Problem(f"{pointer}/action", "must be 'send' or 'receive'")
    channel = data.get("channel")
    reference = channel.get("$ref") if isinstance(channel, Mapping) else None
    channels = {"#" + pointer_of(["channels", each]) for each in document.part("channels")}
    if reference not in channels:
        yield Problem(f"{pointer}/channel", "must refer to a channel of the document")
        return
    listed = data.get("messages")
    if "messages" in data and not isinstance(listed, list):
        yield Problem(f"{pointer}/messages", "must be an array of references")
    for index, message in enumerate(listed if isinstance(listed, list) else ()):
        target = message.get("$ref", "") if isinstance(message, Mapping) else ""
        if not str(target).startswith(f"{reference}/messages/"):
            yield Problem(
                f"{pointer}/messages/{index}", "must refer to a message of the operation's channel"
            )
