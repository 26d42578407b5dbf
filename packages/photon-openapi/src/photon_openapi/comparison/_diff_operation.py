"""What is different between two documents in one operation, and whether clients may fail.

Clients send requests and are sent answers. With webhooks and callbacks it is the other way round:
the server sends the request, and what it may newly say there breaks those who take it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ..document import Document, OpenApi, Operation, code_for, place_of
from ..messages import pointer_of
from ._changes import Change, Direction, Severity, severity_of
from ._diff_schemas import SchemaDiff

OPPOSITE: Final[Mapping[Direction, Direction]] = {"request": "response", "response": "request"}
_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")


def named(operation: Operation) -> str:
    """Return what changes call an operation."""
    return f"{operation.method.upper()} {operation.path}"


@attrs.frozen
class Schemas:
    """Compares schemas; those that many operations share only once.

    Attributes:
        old: The old document.
        new: The new one.
    """

    old: Document
    new: Document
    _known: dict[tuple[str, str, str], list[Change]] = attrs.field(factory=dict)

    def compare(self, old: Any, new: Any, direction: Direction) -> list[Change]:
        """Return the changes, with pointers below the schema and without an operation."""
        key = (json.dumps(old), json.dumps(new), direction)
        if key not in self._known:
            diff = SchemaDiff(self.old.definitions, self.new.definitions)
            self._known[key] = list(diff.compare(old, new, direction))
        return self._known[key]


@attrs.frozen
class OperationDiff:
    """An operation in both documents.

    Attributes:
        schemas: Compares schemas of both documents.
        old: The operation in the old one.
        new: The same in the new one.
        asked: Whether clients send its requests, or are sent them: those of webhooks and callbacks.
    """

    schemas: Schemas
    old: Operation
    new: Operation
    asked: Direction = "request"

    @property
    def answered(self) -> Direction:
        """Whether clients send its answers, or are sent them."""
        return OPPOSITE[self.asked]

    def changes(self) -> Iterator[Change]:
        """Yield what is different."""
        yield from self._general()
        yield from self._security()
        yield from self._parameters()
        yield from self._body()
        yield from self._responses()

    def _told(self, id_: str, severity: Severity, place: str, message: str) -> Change:
        return Change(id_, severity, named(self.new), self.new.pointer + place, message)

    def _schemas(self, old: Any, new: Any, direction: Direction, place: str) -> Iterator[Change]:
        for each in self.schemas.compare(old, new, direction):
            pointer = self.new.pointer + place + each.pointer
            yield attrs.evolve(each, operation=named(self.new), pointer=pointer)

    def _general(self) -> Iterator[Change]:
        before, after = self.old.data, self.new.data
        if after.get("deprecated") and not before.get("deprecated"):
            yield self._told("operation-deprecated", "info", "", "is deprecated")
        if before.get("operationId") != after.get("operationId"):
            message = f"was {before.get('operationId')!r} and is {after.get('operationId')!r}"
            yield self._told("operation-id-changed", "info", "/operationId", message)
        for base in self.old.base_paths if self.asked == "request" else ():
            if base not in self.new.base_paths:
                message = f"is no longer served below {base or '/'}"
                yield self._told("base-path-removed", "breaking", "", message)

    def _security(self) -> Iterator[Change]:
        before = self._alternatives(self.schemas.old, self.old)
        after = self._alternatives(self.schemas.new, self.new)
        tightened = severity_of("narrowed", self.asked)
        loosened = severity_of("widened", self.asked)
        for each in before:
            if not any(_is_weaker(other, each) for other in after):
                shown = _required(each)
                message = f"{shown} {'are' if each else 'is'} no longer enough"
                yield self._told("security-tightened", tightened, "/security", message)
        for each in after:
            if not any(_is_weaker(other, each) for other in before):
                message = f"{_required(each)} will do, too"
                yield self._told("security-loosened", loosened, "/security", message)

    def _alternatives(self, document: Document, operation: Operation) -> list[OpenApi]:
        """Return the alternatives of credentials; none at all is one of them.

        What the document requires as a whole is meant for requests to the server alone.
        """
        if self.asked == "response" and operation.data.get("security") is None:
            return [{}]
        return document.required_security(operation) or [{}]

    # -- requests ---------------------------------------------------------------------------

    def _parameters(self) -> Iterator[Change]:
        before, after = _by_place(self.old), _by_place(self.new)
        for key, parameter in before.items():
            if key not in after:
                message = f"the {parameter['in']} parameter {parameter['name']!r} is gone"
                yield self._told("parameter-removed", "breaking", "/parameters", message)
            else:
                yield from self._parameter(parameter, after[key])
        for key, parameter in after.items():
            if key not in before:
                is_required = bool(parameter.get("required"))
                message = f"the {parameter['in']} parameter {parameter['name']!r} is new"
                yield self._told(
                    "required-parameter-added" if is_required else "parameter-added",
                    severity_of("narrowed", self.asked) if is_required else "non-breaking",
                    "/parameters",
                    f"{message} and required" if is_required else message,
                )

    def _parameter(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        place = "/parameters" + pointer_of([new["name"]])
        if old["name"] != new["name"]:
            message = f"the path parameter {old['name']!r} is called {new['name']!r}"
            yield self._told("path-parameter-renamed", "info", place, message)
        yield from self._required(old, new, "parameter", self.asked, place)
        if _style(old) != _style(new):
            yield self._told("parameter-style-changed", "breaking", place, "is written otherwise")
        first, second = _content(old), _content(new)
        for media in first:
            if media in second:
                yield from self._schemas(first[media], second[media], self.asked, f"{place}/schema")
        if first.keys() != second.keys():
            message = "its text is of another media type"
            yield self._told("parameter-style-changed", "breaking", place, message)

    def _required(
        self, old: OpenApi, new: OpenApi, kind: str, direction: Direction, place: str
    ) -> Iterator[Change]:
        before, after = bool(old.get("required")), bool(new.get("required"))
        if after and not before:
            severity = severity_of("narrowed", direction)
            yield self._told(f"{kind}-required", severity, place, "is now required")
        if before and not after:
            severity = severity_of("widened", direction)
            yield self._told(f"{kind}-optional", severity, place, "is no longer required")

    def _body(self) -> Iterator[Change]:
        old, new, place = self.old.body, self.new.body, "/requestBody"
        if old is None and new is not None:
            is_required = bool(new.get("required"))
            yield self._told(
                "required-body-added" if is_required else "body-added",
                severity_of("narrowed", self.asked) if is_required else "non-breaking",
                place,
                f"a body is {'now required' if is_required else 'possible'}",
            )
        elif old is not None and new is None:
            yield self._told("body-removed", "breaking", place, "there is no body any more")
        elif old is not None and new is not None:
            yield from self._required(old, new, "body", self.asked, place)
            yield from self._media(old, new, self.asked, place)

    def _media(
        self, old: OpenApi, new: OpenApi, direction: Direction, place: str
    ) -> Iterator[Change]:
        before, after = old.get("content") or {}, new.get("content") or {}
        # Who is sent an answer has asked for its type; who is sent a request, has not.
        has_choice = direction in (self.answered, "request")
        fewer: Severity = "breaking" if has_choice else "non-breaking"
        more: Severity = "non-breaking" if has_choice else "breaking"
        for media, described in before.items():
            inner = place + pointer_of(["content", media])
            if media not in after:
                yield self._told("media-type-removed", fewer, inner, f"{media} is gone")
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
                inner = place + pointer_of(["content", media])
                yield self._told("media-type-added", more, inner, f"{media} is new")

    # -- responses --------------------------------------------------------------------------

    def _responses(self) -> Iterator[Change]:
        before = _responses_of(self.schemas.old, self.old)
        after = _responses_of(self.schemas.new, self.new)
        for code, answer in before.items():
            place = pointer_of(["responses", code])
            other = _covering(code, after)
            if other is None:
                yield self._told("response-removed", "breaking", place, f"{code} is gone")
            else:
                yield from self._media(answer, after[other], self.answered, place)
                yield from self._headers(answer, after[other], place)
        for code in after:
            if _covering(code, before) is None:
                place = pointer_of(["responses", code])
                yield self._told("response-added", "non-breaking", place, f"{code} is new")

    def _headers(self, old: OpenApi, new: OpenApi, place: str) -> Iterator[Change]:
        before = {name.lower(): each for name, each in (old.get("headers") or {}).items()}
        after = {name.lower(): each for name, each in (new.get("headers") or {}).items()}
        for name, header in before.items():
            inner = place + pointer_of(["headers", name])
            if name not in after:
                severity = severity_of("widened", self.answered)
                yield self._told("header-removed", severity, inner, f"{name!r} is gone")
                continue
            first = self.schemas.old.resolve(header) or {}
            second = self.schemas.new.resolve(after[name]) or {}
            yield from self._required(first, second, "header", self.answered, inner)
            yield from self._schemas(
                first.get("schema", True), second.get("schema", True), self.answered, inner
            )
        for name in after:
            if name not in before:
                inner = place + pointer_of(["headers", name])
                resolved = self.schemas.new.resolve(after[name]) or {}
                is_asked = bool(resolved.get("required")) and self.answered == "request"
                severity = "breaking" if is_asked else "non-breaking"
                yield self._told("header-added", severity, inner, f"{name!r} is new")


def _is_weaker(one: OpenApi, other: OpenApi) -> bool:
    """Say whether who meets ``other`` meets ``one``, too."""
    return all(name in other and set(scopes) <= set(other[name]) for name, scopes in one.items())


def _required(alternative: OpenApi) -> str:
    shown = [
        f"{name} ({', '.join(scopes)})" if scopes else name for name, scopes in alternative.items()
    ]
    return " and ".join(shown) or "no credential"


def _by_place(operation: Operation) -> dict[tuple[str, Any], OpenApi]:
    """Return parameters by place and name, those of the path by their position."""
    in_path = _PARAMETER.findall(operation.path)
    found: dict[tuple[str, Any], OpenApi] = {}
    for each in operation.parameters:
        name = each["name"]
        if each["in"] == "path" and name in in_path:
            found["path", in_path.index(name)] = each
        else:
            found[place_of(each)] = each
    return found


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
        code: document.resolve(answer) or {}
        for code, answer in responses.items()
        if not code.startswith("x-")
    }


def _covering(code: str, responses: dict[str, OpenApi]) -> str | None:
    """Return the code under which there is an answer for another one."""
    if code in responses:
        return code
    if code.isdecimal():
        return code_for(responses, int(code))
    return "default" if code.endswith("XX") and "default" in responses else None
