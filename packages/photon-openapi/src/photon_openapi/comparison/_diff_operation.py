"""The differences between two documents in one operation, and their effect on clients.

Clients send requests and receive responses. Webhooks and callbacks are reversed: the server sends
the request, so additional values in requests break the receivers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ..document import Document, OpenApi, Operation, code_for, parameter_key
from ..messages import pointer_of
from ._changes import Change, Direction, Severity, severity_of
from ._diff_schemas import SchemaDiff

OPPOSITE: Final[Mapping[Direction, Direction]] = {"request": "response", "response": "request"}
_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")


def named(operation: Operation) -> str:
    """Return the name of an operation in changes."""
    return f"{operation.method.upper()} {operation.path}"


@attrs.frozen
class Schemas:
    """Compares schemas; each pair of schemas only once.

    Attributes:
        old: The old document.
        new: The new document.
    """

    old: Document
    new: Document
    _known: dict[tuple[str, str, str], list[Change]] = attrs.field(factory=dict)
    _diff: SchemaDiff = attrs.field(init=False)

    @_diff.default
    def _make_diff(self) -> SchemaDiff:
        return SchemaDiff(self.old.definitions, self.new.definitions)

    def compare(self, old: Any, new: Any, direction: Direction) -> list[Change]:
        """Return the changes, with pointers below the schema and without an operation."""
        key = (json.dumps(old), json.dumps(new), direction)
        if key not in self._known:
            self._known[key] = list(self._diff.compare(old, new, direction))
        return self._known[key]


@attrs.frozen
class OperationDiff:
    """Compares an operation of both documents.

    Attributes:
        schemas: The comparison of schemas.
        old: The operation in the old document.
        new: The operation in the new document.
        request_direction: ``request`` if clients send the requests of the operation, ``response``
            if they receive them, as with webhooks and callbacks.
    """

    schemas: Schemas
    old: Operation
    new: Operation
    request_direction: Direction = "request"

    @property
    def response_direction(self) -> Direction:
        """The opposite of `request_direction`."""
        return OPPOSITE[self.request_direction]

    def changes(self) -> Iterator[Change]:
        """Yield the changes."""
        yield from self._general()
        yield from self._security()
        yield from self._parameters()
        yield from self._body()
        yield from self._responses()

    def _change(self, id_: str, severity: Severity, location: str, message: str) -> Change:
        return Change(id_, severity, named(self.new), self.new.pointer + location, message)

    def _schemas(self, old: Any, new: Any, direction: Direction, location: str) -> Iterator[Change]:
        for each in self.schemas.compare(old, new, direction):
            pointer = self.new.pointer + location + each.pointer
            yield attrs.evolve(each, operation=named(self.new), pointer=pointer)

    def _general(self) -> Iterator[Change]:
        before, after = self.old.data, self.new.data
        if after.get("deprecated") and not before.get("deprecated"):
            yield self._change("operation-deprecated", "info", "", "is deprecated")
        if before.get("operationId") != after.get("operationId"):
            message = f"was {before.get('operationId')!r} and is {after.get('operationId')!r}"
            yield self._change("operation-id-changed", "info", "/operationId", message)
        for base in self.old.base_paths if self.request_direction == "request" else ():
            if base not in self.new.base_paths:
                message = f"is no longer served below {base or '/'}"
                yield self._change("base-path-removed", "breaking", "", message)

    def _security(self) -> Iterator[Change]:
        before = self._alternatives(self.schemas.old, self.old)
        after = self._alternatives(self.schemas.new, self.new)
        tightened = severity_of("narrowed", self.request_direction)
        loosened = severity_of("widened", self.request_direction)
        for each in before:
            if not any(_is_weaker(other, each) for other in after):
                shown = _required(each)
                message = f"{shown} {'are' if each else 'is'} no longer sufficient"
                yield self._change("security-tightened", tightened, "/security", message)
        for each in after:
            if not any(_is_weaker(other, each) for other in before):
                message = f"{_required(each)} {'are' if each else 'is'} now sufficient"
                yield self._change("security-loosened", loosened, "/security", message)

    def _alternatives(self, document: Document, operation: Operation) -> list[OpenApi]:
        """Return the alternatives of credentials; an anonymous request is one of them.

        The security requirements of the whole document apply only to requests to the server.
        """
        if self.request_direction == "response" and operation.data.get("security") is None:
            return [{}]
        return document.required_security(operation) or [{}]

    # -- requests ---------------------------------------------------------------------------

    def _parameters(self) -> Iterator[Change]:
        before, after = _by_key(self.old), _by_key(self.new)
        for key, parameter in before.items():
            if key not in after:
                message = f"the {parameter['in']} parameter {parameter['name']!r} was removed"
                yield self._change("parameter-removed", "breaking", "/parameters", message)
            else:
                yield from self._parameter(parameter, after[key])
        for key, parameter in after.items():
            if key not in before:
                is_required = bool(parameter.get("required"))
                message = f"the {parameter['in']} parameter {parameter['name']!r} was added"
                yield self._change(
                    "required-parameter-added" if is_required else "parameter-added",
                    severity_of("narrowed", self.request_direction)
                    if is_required
                    else "non-breaking",
                    "/parameters",
                    f"{message} and is required" if is_required else message,
                )

    def _parameter(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        location = "/parameters" + pointer_of([new["name"]])
        if old["name"] != new["name"]:
            message = f"the path parameter {old['name']!r} was renamed to {new['name']!r}"
            yield self._change("path-parameter-renamed", "info", location, message)
        yield from self._required(old, new, "parameter", self.request_direction, location)
        if _style(old) != _style(new):
            yield self._change("parameter-style-changed", "breaking", location, "has another style")
        first, second = _content(old), _content(new)
        for media in first:
            if media in second:
                yield from self._schemas(
                    first[media], second[media], self.request_direction, f"{location}/schema"
                )
        if first.keys() != second.keys():
            message = "has another media type"
            yield self._change("parameter-style-changed", "breaking", location, message)

    def _required(
        self, old: OpenApi, new: OpenApi, kind: str, direction: Direction, location: str
    ) -> Iterator[Change]:
        before, after = bool(old.get("required")), bool(new.get("required"))
        if after and not before:
            severity = severity_of("narrowed", direction)
            yield self._change(f"{kind}-required", severity, location, "is now required")
        if before and not after:
            severity = severity_of("widened", direction)
            yield self._change(f"{kind}-optional", severity, location, "is no longer required")

    def _body(self) -> Iterator[Change]:
        old, new, location = self.old.body, self.new.body, "/requestBody"
        if old is None and new is not None:
            is_required = bool(new.get("required"))
            yield self._change(
                "required-body-added" if is_required else "body-added",
                severity_of("narrowed", self.request_direction) if is_required else "non-breaking",
                location,
                f"a body is {'now required' if is_required else 'possible'}",
            )
        elif old is not None and new is None:
            yield self._change("body-removed", "breaking", location, "the body was removed")
        elif old is not None and new is not None:
            yield from self._required(old, new, "body", self.request_direction, location)
            yield from self._media(old, new, self.request_direction, location)

    def _media(
        self, old: OpenApi, new: OpenApi, direction: Direction, location: str
    ) -> Iterator[Change]:
        before, after = old.get("content") or {}, new.get("content") or {}
        # The receiver of a response has chosen its type; the receiver of a request has not.
        has_choice = direction in (self.response_direction, "request")
        fewer: Severity = "breaking" if has_choice else "non-breaking"
        more: Severity = "non-breaking" if has_choice else "breaking"
        for media, described in before.items():
            inner = location + pointer_of(["content", media])
            if media not in after:
                yield self._change("media-type-removed", fewer, inner, f"{media} was removed")
                continue
            first = self.schemas.old.resolve(described) or {}
            second = self.schemas.new.resolve(after[media]) or {}
            for key in ("schema", "itemSchema"):
                if key in first or key in second:
                    yield from self._schemas(
                        first.get(key, True), second.get(key, True), direction, f"{inner}/{key}"
                    )
        for media in after:
            if media not in before:
                inner = location + pointer_of(["content", media])
                yield self._change("media-type-added", more, inner, f"{media} was added")

    # -- responses --------------------------------------------------------------------------

    def _responses(self) -> Iterator[Change]:
        before = _responses_of(self.schemas.old, self.old)
        after = _responses_of(self.schemas.new, self.new)
        for code, response in before.items():
            location = pointer_of(["responses", code])
            other = _covering(code, after)
            if other is None:
                yield self._change("response-removed", "breaking", location, f"{code} was removed")
            else:
                yield from self._media(response, after[other], self.response_direction, location)
                yield from self._headers(response, after[other], location)
        for code in after:
            if _covering(code, before) is None:
                location = pointer_of(["responses", code])
                yield self._change("response-added", "non-breaking", location, f"{code} was added")

    def _headers(self, old: OpenApi, new: OpenApi, location: str) -> Iterator[Change]:
        before = {name.lower(): each for name, each in (old.get("headers") or {}).items()}
        after = {name.lower(): each for name, each in (new.get("headers") or {}).items()}
        for name, header in before.items():
            inner = location + pointer_of(["headers", name])
            if name not in after:
                severity = severity_of("widened", self.response_direction)
                yield self._change("header-removed", severity, inner, f"{name!r} was removed")
                continue
            first = self.schemas.old.resolve(header) or {}
            second = self.schemas.new.resolve(after[name]) or {}
            yield from self._required(first, second, "header", self.response_direction, inner)
            yield from self._schemas(
                first.get("schema", True),
                second.get("schema", True),
                self.response_direction,
                inner,
            )
        for name in after:
            if name not in before:
                inner = location + pointer_of(["headers", name])
                resolved = self.schemas.new.resolve(after[name]) or {}
                is_breaking = (
                    bool(resolved.get("required")) and self.response_direction == "request"
                )
                severity = "breaking" if is_breaking else "non-breaking"
                yield self._change("header-added", severity, inner, f"{name!r} was added")


def _is_weaker(one: OpenApi, other: OpenApi) -> bool:
    """Return whether credentials that satisfy ``other`` also satisfy ``one``."""
    return all(name in other and set(scopes) <= set(other[name]) for name, scopes in one.items())


def _required(alternative: OpenApi) -> str:
    shown = [
        f"{name} ({', '.join(scopes)})" if scopes else name for name, scopes in alternative.items()
    ]
    return " and ".join(shown) or "no credential"


def _by_key(operation: Operation) -> dict[tuple[str, Any], OpenApi]:
    """Return parameters by location and name, those of the path by position."""
    in_path = _PARAMETER.findall(operation.path)
    result: dict[tuple[str, Any], OpenApi] = {}
    for each in operation.parameters:
        name = each["name"]
        if each["in"] == "path" and name in in_path:
            result["path", in_path.index(name)] = each
        else:
            result[parameter_key(each)] = each
    return result


def _style(parameter: OpenApi) -> tuple[str, bool]:
    usual = "form" if parameter["in"] in ("query", "cookie") else "simple"
    style = str(parameter.get("style", usual))
    return style, bool(parameter.get("explode", style == "form"))


def _content(parameter: OpenApi) -> dict[str, Any]:
    """Return the schemas of a parameter by the media type of its text; ``""`` for none."""
    content = parameter.get("content")
    if content:
        return {media: described.get("schema", True) for media, described in content.items()}
    return {"": parameter.get("schema", True)}


def _responses_of(document: Document, operation: Operation) -> dict[str, OpenApi]:
    responses = operation.data.get("responses") or {}
    return {
        code: document.resolve(response) or {}
        for code, response in responses.items()
        if not code.startswith("x-")
    }


def _covering(code: str, responses: dict[str, OpenApi]) -> str | None:
    """Return the code of the response that covers a code, ``None`` if there is none."""
    if code in responses:
        return code
    if code.isdecimal():
        return code_for(responses, int(code))
    return "default" if code.endswith("XX") and "default" in responses else None
