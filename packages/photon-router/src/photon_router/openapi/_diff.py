"""What is different between two documents, and whether clients of the old one may fail.

Operations belong together by method and path, whatever the path's parameters are called. What
clients send may be taken more widely than before, what they are sent may be less; everything else
breaks some of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ..answers._answers import code_for
from ..dispatch._match import shape_of
from ..document._document import Document, OpenApi, Operation
from ..document._upgrade import upgraded
from ..errors import DocumentError
from ..schema._faults import pointer_of
from ._changes import SEVERITIES, Change, Direction, Severity
from ._diff_schemas import SchemaDiff

_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")
_SCHEME: Final = ("type", "scheme", "in", "name", "openIdConnectUrl")


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Compare two documents, each all in one piece; those of OpenAPI 3.0 are read as 3.1.

    Returns:
        The changes, the gravest first, then by operation.

    Raises:
        DocumentError: One of them is no OpenAPI document; says what is wrong.
    """
    before, after = _document(old), _document(new)
    found = dict.fromkeys([*_general(before, after), *_operations(before, after)])
    return sorted(found, key=lambda each: SEVERITIES[each.severity])


def _document(data: Mapping[str, Any]) -> Document:
    document = Document(upgraded(dict(data))[0])
    problems = document.problems_of_shape
    if problems:
        raise DocumentError([str(problem) for problem in problems])
    return document


def _general(old: Document, new: Document) -> Iterator[Change]:
    before, after = old.data["info"].get("version"), new.data["info"].get("version")
    if before != after:
        yield Change("version-changed", "info", "", "/info/version", f"{before} is now {after}")
    others = _schemes(new)
    for name, scheme in _schemes(old).items():
        if name in others:
            yield from _scheme(name, scheme, others[name])
    hooks, new_hooks = old.data.get("webhooks") or {}, new.data.get("webhooks") or {}
    for name in (each for each in hooks if each not in new_hooks):
        place = pointer_of(["webhooks", name])
        yield Change("webhook-removed", "breaking", "", place, "the webhook is gone")
    for name in (each for each in new_hooks if each not in hooks):
        place = pointer_of(["webhooks", name])
        yield Change("webhook-added", "non-breaking", "", place, "the webhook is new")


def _scheme(name: str, old: OpenApi, new: OpenApi) -> Iterator[Change]:
    place = pointer_of(["components", "securitySchemes", name])
    for key in _SCHEME:
        before, after = old.get(key), new.get(key)
        if _lower(before) != _lower(after):
            message = f"{key} was {before!r} and is {after!r}"
            yield Change("security-scheme-changed", "breaking", "", place, message)


def _schemes(document: Document) -> dict[str, OpenApi]:
    found = (document.data.get("components") or {}).get("securitySchemes") or {}
    return {name: document.resolve(scheme) or {} for name, scheme in found.items()}


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _operations(old: Document, new: Document) -> Iterator[Change]:
    olds = {(each.method, shape_of(each.path)): each for each in old.operations()}
    news = {(each.method, shape_of(each.path)): each for each in new.operations()}
    schemas = _Schemas(old, new)
    for key, before in olds.items():
        after = news.get(key)
        if after is None:
            yield Change("operation-removed", "breaking", _named(before), before.pointer, "is gone")
        elif before.is_sound and after.is_sound:
            yield from _Pair(schemas, before, after).changes()
    for key, after in news.items():
        if key not in olds:
            yield Change("operation-added", "non-breaking", _named(after), after.pointer, "is new")


def _named(operation: Operation) -> str:
    return f"{operation.method.upper()} {operation.path}"


@attrs.frozen
class _Schemas:
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
class _Pair:
    """An operation in both documents.

    Attributes:
        schemas: Compares schemas of both documents.
        old: The operation in the old one.
        new: The same in the new one.
    """

    schemas: _Schemas
    old: Operation
    new: Operation

    def changes(self) -> Iterator[Change]:
        """Yield what is different."""
        yield from self._general()
        yield from self._security()
        yield from self._parameters()
        yield from self._body()
        yield from self._responses()

    def _told(self, id_: str, severity: Severity, place: str, message: str) -> Change:
        return Change(id_, severity, _named(self.new), self.new.pointer + place, message)

    def _schemas(self, old: Any, new: Any, direction: Direction, place: str) -> Iterator[Change]:
        for each in self.schemas.compare(old, new, direction):
            pointer = self.new.pointer + place + each.pointer
            yield attrs.evolve(each, operation=_named(self.new), pointer=pointer)

    def _general(self) -> Iterator[Change]:
        before, after = self.old.data, self.new.data
        if after.get("deprecated") and not before.get("deprecated"):
            yield self._told("operation-deprecated", "info", "", "is deprecated")
        if before.get("operationId") != after.get("operationId"):
            message = f"was {before.get('operationId')!r} and is {after.get('operationId')!r}"
            yield self._told("operation-id-changed", "info", "/operationId", message)
        for base in self.old.base_paths:
            if base not in self.new.base_paths:
                message = f"is no longer served below {base or '/'}"
                yield self._told("base-path-removed", "breaking", "", message)

    def _security(self) -> Iterator[Change]:
        before = _alternatives(self.schemas.old, self.old)
        after = _alternatives(self.schemas.new, self.new)
        for each in before:
            if not any(_is_weaker(other, each) for other in after):
                shown = _required(each)
                message = f"{shown} {'are' if each else 'is'} no longer enough"
                yield self._told("security-tightened", "breaking", "/security", message)
        for each in after:
            if not any(_is_weaker(other, each) for other in before):
                message = f"{_required(each)} will do, too"
                yield self._told("security-loosened", "non-breaking", "/security", message)

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
                    "breaking" if is_required else "non-breaking",
                    "/parameters",
                    f"{message} and required" if is_required else message,
                )

    def _parameter(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        place = "/parameters" + pointer_of([new["name"]])
        if old["name"] != new["name"]:
            message = f"the path parameter {old['name']!r} is called {new['name']!r}"
            yield self._told("path-parameter-renamed", "info", place, message)
        yield from self._required(old, new, "parameter", place)
        if _style(old) != _style(new):
            yield self._told("parameter-style-changed", "breaking", place, "is written otherwise")
        first, second = _content(old), _content(new)
        for media in first:
            if media in second:
                yield from self._schemas(first[media], second[media], "request", f"{place}/schema")
        if first.keys() != second.keys():
            message = "its text is of another media type"
            yield self._told("parameter-style-changed", "breaking", place, message)

    def _required(self, old: OpenApi, new: OpenApi, kind: str, place: str) -> Iterator[Change]:
        before, after = bool(old.get("required")), bool(new.get("required"))
        if after and not before:
            yield self._told(f"{kind}-required", "breaking", place, "is now required")
        if before and not after:
            yield self._told(f"{kind}-optional", "non-breaking", place, "is no longer required")

    def _body(self) -> Iterator[Change]:
        old, new, place = self.old.body, self.new.body, "/requestBody"
        if old is None and new is not None:
            is_required = bool(new.get("required"))
            yield self._told(
                "required-body-added" if is_required else "body-added",
                "breaking" if is_required else "non-breaking",
                place,
                f"a body is {'now required' if is_required else 'possible'}",
            )
        elif old is not None and new is None:
            yield self._told("body-removed", "breaking", place, "there is no body any more")
        elif old is not None and new is not None:
            yield from self._required(old, new, "body", place)
            yield from self._media(old, new, "request", place)

    def _media(
        self, old: OpenApi, new: OpenApi, direction: Direction, place: str
    ) -> Iterator[Change]:
        before, after = old.get("content") or {}, new.get("content") or {}
        for media, described in before.items():
            inner = place + pointer_of(["content", media])
            if media not in after:
                yield self._told("media-type-removed", "breaking", inner, f"{media} is gone")
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
                yield self._told("media-type-added", "non-breaking", inner, f"{media} is new")

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
                yield from self._media(answer, after[other], "response", place)
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
                yield self._told("header-removed", "breaking", inner, f"{name!r} is gone")
                continue
            first = self.schemas.old.resolve(header) or {}
            second = self.schemas.new.resolve(after[name]) or {}
            if first.get("required") and not second.get("required"):
                message = f"{name!r} may be missing"
                yield self._told("header-optional", "breaking", inner, message)
            yield from self._schemas(
                first.get("schema", True), second.get("schema", True), "response", inner
            )
        for name in after:
            if name not in before:
                inner = place + pointer_of(["headers", name])
                yield self._told("header-added", "non-breaking", inner, f"{name!r} is new")


def _alternatives(document: Document, operation: Operation) -> list[OpenApi]:
    """Return the alternatives of credentials; none at all is one of them."""
    return document.required_security(operation) or [{}]


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
            found[each["in"], name.lower() if each["in"] == "header" else name] = each
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
