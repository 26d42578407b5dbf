"""The differences between two AsyncAPI documents, and their effect on clients of the old one.

Channels are matched by the shape of their addresses; of several with one address, by their names.
Clients send what the application receives, so
they are not affected if more of it is accepted than before, or if fewer messages are sent; every
other change breaks some of them. Schemas are compared as those of OpenAPI documents are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from photon_openapi.comparison import Change, SchemaDiff, severity_of
from photon_openapi.comparison import Direction as HttpDirection
from photon_openapi.document import parameters_of, shape_of
from photon_openapi.errors import DocumentError
from photon_openapi.messages import pointer_of

from ._schemas import lifted
from ._sockets import AsyncApi, Direction, Message, Socket
from ._structure import structure_errors

_SEVERITIES: Final = {"breaking": 0, "non-breaking": 1, "info": 2}
_DIRECTIONS: Final[Mapping[Direction, HttpDirection]] = {"receive": "request", "send": "response"}


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Compare two documents.

    Returns:
        The changes, the most severe first, then by channel.

    Raises:
        DocumentError: One of them is not an AsyncAPI document; lists its problems.
    """
    for document in (old, new):
        problems = list(structure_errors(AsyncApi(document)))
        if problems:
            raise DocumentError([f"{each.pointer or '/'}: {each.message}" for each in problems])
    before, after = AsyncApi(old), AsyncApi(new)
    changes = dict.fromkeys([*_general(before, after), *_channels(before, after)])
    return sorted(changes, key=lambda change: _SEVERITIES[change.severity])


def _general(old: AsyncApi, new: AsyncApi) -> Iterator[Change]:
    before, after = old.part("info").get("version"), new.part("info").get("version")
    if before != after:
        yield Change("version-changed", "info", "", "/info/version", f"{before} is now {after}")


def _channels(old: AsyncApi, new: AsyncApi) -> Iterator[Change]:
    olds, news = list(old.sockets), list(new.sockets)
    for is_same in (_is_namesake, _has_address):
        for before in list(olds):
            after = next((each for each in news if is_same(before, each)), None)
            if after is not None:
                olds.remove(before)
                news.remove(after)
                yield from _SocketDiff(old, new, before, after).changes()
    for each in olds:
        yield Change("channel-removed", "breaking", each.address, each.pointer, "was removed")
    for each in news:
        yield Change("channel-added", "non-breaking", each.address, each.pointer, "was added")


def _is_namesake(old: Socket, new: Socket) -> bool:
    return old.name == new.name and _has_address(old, new)


def _has_address(old: Socket, new: Socket) -> bool:
    return shape_of(old.address) == shape_of(new.address)


@attrs.frozen
class _SocketDiff:
    """Compares a channel of both documents."""

    old: AsyncApi
    new: AsyncApi
    before: Socket
    after: Socket

    def changes(self) -> Iterator[Change]:
        """Yield the changes."""
        for direction, effect in _DIRECTIONS.items():
            yield from self._messages(direction, effect)
        yield from self._parameters()
        for key in ("query", "headers"):
            before, after = self.before.binding.get(key), self.after.binding.get(key)
            pointer = f"{self.after.pointer}/bindings/ws/{key}"
            yield from self._schemas(before or {}, after or {}, "request", pointer)
        yield from self._security()
        yield from self._subprotocols()

    def _change(self, id_: str, severity: Any, pointer: str, message: str) -> Change:
        return Change(id_, severity, self.after.address, pointer, message)

    def _messages(self, direction: Direction, effect: HttpDirection) -> Iterator[Change]:
        olds = {each.name: each for each in self.before.messages.get(direction, ())}
        news = {each.name: each for each in self.after.messages.get(direction, ())}
        for name in olds.keys() & news.keys():
            yield from self._message(olds.pop(name), news.pop(name), effect)
        # A message may have another name only, which is not sent.
        for name, before in list(olds.items()):
            same = next((each for each in news.values() if self._is_equal(before, each)), None)
            if same is not None:
                del olds[name], news[same.name]
        what = "received" if direction == "receive" else "sent"
        for before in olds.values():
            severity = severity_of("narrowed", effect)
            message = f"the message {before.name} is no longer {what}"
            yield self._change("message-removed", severity, self.after.pointer, message)
        for after in news.values():
            severity = severity_of("widened", effect)
            message = f"the message {after.name} is also {what}"
            yield self._change("message-added", severity, after.pointer, message)

    def _is_equal(self, old: Message, new: Message) -> bool:
        return old.content_type == new.content_type and not list(
            self._schemas(old.payload, new.payload, "request", "")
        )

    def _message(self, old: Message, new: Message, effect: HttpDirection) -> Iterator[Change]:
        if old.content_type != new.content_type:
            message = f"the content type was {old.content_type!r} and is {new.content_type!r}"
            yield self._change("content-type-changed", "breaking", new.pointer, message)
        yield from self._schemas(old.payload, new.payload, effect, f"{new.pointer}/payload")

    def _parameters(self) -> Iterator[Change]:
        names, new_names = (parameters_of(each.address) for each in (self.before, self.after))
        for name, new_name in zip(names, new_names, strict=True):  # the addresses have one shape
            before = self.before.parameters.get(name, {})
            after = self.after.parameters.get(new_name, {})
            pointer = self.after.pointer + pointer_of(["parameters", new_name])
            yield from self._schemas(_schema_of(before), _schema_of(after), "request", pointer)

    def _schemas(
        self, old: Any, new: Any, direction: HttpDirection, pointer: str
    ) -> Iterator[Change]:
        comparison = SchemaDiff(self.old.definitions, self.new.definitions)
        for change in comparison.compare(lifted(old), lifted(new), direction):
            yield attrs.evolve(
                change, operation=self.after.address, pointer=pointer + change.pointer
            )

    def _security(self) -> Iterator[Change]:
        before, after = (
            {json.dumps(each, sort_keys=True) for each in socket.security} or {""}
            for socket in (self.before, self.after)
        )
        for each in sorted(before - after):
            message = f"{_shown(each)} no longer sufficient"
            yield self._change("security-tightened", "breaking", self.after.pointer, message)
        for each in sorted(after - before):
            message = f"{_shown(each)} now sufficient"
            yield self._change("security-loosened", "non-breaking", self.after.pointer, message)

    def _subprotocols(self) -> Iterator[Change]:
        before, after = (
            each.data.get("x-subprotocols") or () for each in (self.before, self.after)
        )
        pointer = f"{self.after.pointer}/x-subprotocols"
        for name in before:
            if name not in after:
                message = f"the subprotocol {name} is no longer supported"
                yield self._change("subprotocol-removed", "breaking", pointer, message)
        for name in after:
            if name not in before:
                message = f"the subprotocol {name} is also supported"
                yield self._change("subprotocol-added", "non-breaking", pointer, message)


def _schema_of(parameter: Mapping[str, Any]) -> Any:
    """Return the schema of a parameter: the extension, or what AsyncAPI knows."""
    if "x-schema" in parameter:
        return parameter["x-schema"]
    return {"type": "string"} | {key: parameter[key] for key in ("enum",) if key in parameter}


def _shown(requirement: str) -> str:
    if not requirement:
        return "no credentials are"
    scheme = json.loads(requirement)
    reference = str(scheme.get("$ref", ""))
    return f"{reference.rpartition('/')[2] or scheme.get('type', 'another scheme')} is"
