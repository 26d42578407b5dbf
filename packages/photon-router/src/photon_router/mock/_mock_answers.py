"""What a mock answers for one operation: everything is built at start, and chosen per request.

Which status is answered, and by which example, the client may say: ``Prefer: code=404,
example=missing`` (RFC 7240). ``Accept`` chooses among the media types. Without a wish it is the
operation's first success, its JSON, and the first example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from photon_openapi.document import Document, OpenApi, Operation, Problem, code_for
from photon_openapi.messages import pointer_of
from photon_openapi.sampling import NoValue, Samples
from photon_openapi.schema import SchemaCheck
from photon_runtime.http import HttpError, NotAcceptable, Request, Response
from photon_runtime.media_types import is_json

from ._payload import concrete, field_value, payload
from ._preferences import preferences

_BODILESS = (204, 205, 304)
_BUILT = ""
"""The name of what was built, which is no example of the document."""


@attrs.frozen
class Reply:
    """What is answered with one status, or range of them.

    Attributes:
        content: Bodies by media type, and by the names of examples.
        headers: Header fields.
        missing: The media types that nothing could be built for, and why.
    """

    content: Mapping[str, Mapping[str, bytes]]
    headers: tuple[tuple[str, str], ...]
    missing: Mapping[str, str]


class MockAnswers:
    """The answers of one operation.

    Args:
        document: The document.
        operation: The operation.
        samples: Makes the values that are not in the document.
        problems: Where it is told what could not be built, and which examples do not fit.
    """

    def __init__(
        self, document: Document, operation: Operation, *, samples: Samples, problems: list[Problem]
    ) -> None:
        """Build everything."""
        declared = operation.data.get("responses") or {}
        resolved = {code: document.resolve(answer) or {} for code, answer in declared.items()}
        builder = _Builder(document, samples, problems)
        self._replies = {
            code: builder.reply(answer, operation.pointer + pointer_of(["responses", code]))
            for code, answer in resolved.items()
            if not code.startswith("x-")
        }
        self.usual = _usual(self._replies)

    def answer(self, request: Request) -> Response:
        """Answer a request that is in order.

        Raises:
            HttpError: 400 for wishes that cannot be met, 406 for media types that are not
                declared, 501 for what could not be built.
        """
        wishes = preferences(request.headers.getlist("prefer"))
        status, reply = self._reply(wishes.get("code"))
        headers = [("vary", "Prefer, Accept"), *(reply.headers if reply else ())]
        used = [f"{name}={wishes[name]}" for name in ("code", "example") if name in wishes]
        if used:
            headers.append(("preference-applied", ", ".join(used)))
        if reply is None or status in _BODILESS or not (reply.content or reply.missing):
            return Response(status, headers=headers)
        media = _media(request, reply)
        body = _body(reply.content[media], wishes.get("example"))
        return Response(status, body=body, headers=headers, content_type=concrete(media))

    def _reply(self, wish: str | None) -> tuple[int, Reply | None]:
        if wish is None:
            return self.usual, self._of(self.usual)
        code = code_for(self._codes, int(wish)) if _is_status(wish) else None
        if code is None:
            declared = ", ".join(self._replies) or "none"
            raise HttpError(400, f"Prefer: code={wish[:20]} is not declared (there is: {declared})")
        return int(wish), self._replies[code]

    def _of(self, status: int) -> Reply | None:
        code = code_for(self._codes, status)
        return None if code is None else self._replies[code]

    @property
    def _codes(self) -> Mapping[str, OpenApi]:
        return {code: {} for code in self._replies}


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdecimal() and "2" <= text[0] <= "5"


def _usual(replies: Mapping[str, Reply]) -> int:
    """Return the status without a wish: the first success, else what there is."""
    exact = sorted(int(code) for code in replies if code.isdecimal())
    good = [status for status in exact if 200 <= status < 300]
    if good:
        return good[0]
    if "2XX" in replies or "default" in replies:
        return 200
    later = [status for status in exact if status >= 300]
    ranges = sorted(int(code[0]) * 100 for code in replies if code.endswith("XX"))
    return next(iter(later or ranges), 204)


def _media(request: Request, reply: Reply) -> str:
    offered = sorted(reply.content, key=lambda media: not is_json(media))
    if not offered:
        raise HttpError(501, f"the mock has no answer: {'; '.join(reply.missing.values())}")
    media = request.accepts(*offered)
    if media is None:
        raise NotAcceptable(*offered)
    return media


def _body(examples: Mapping[str, bytes], wish: str | None) -> bytes:
    if wish is None:
        return next(iter(examples.values()))
    if wish not in examples:
        names = ", ".join(name for name in examples if name != _BUILT) or "none"
        raise HttpError(400, f"Prefer: there is no example {wish[:80]!r} (there is: {names})")
    return examples[wish]


@attrs.frozen
class _Builder:
    """Builds replies.

    Attributes:
        document: The document.
        samples: Makes the values that are not in the document.
        problems: What could not be built, and what does not fit.
    """

    document: Document
    samples: Samples
    problems: list[Problem]

    def reply(self, answer: OpenApi, pointer: str) -> Reply:
        """Build what is answered with one status."""
        content: dict[str, Mapping[str, bytes]] = {}
        missing: dict[str, str] = {}
        for media, described in (answer.get("content") or {}).items():
            place = pointer + pointer_of(["content", media])
            try:
                resolved = self.document.resolve(described) or {}
                content[media] = dict(self._bodies(resolved, media, place))
            except NoValue as error:
                missing[media] = f"{place}: {error}"
                self.problems.append(Problem(place, f"nothing could be built: {error}"))
        return Reply(content, tuple(self._headers(answer, pointer)), missing)

    def _bodies(self, described: OpenApi, media: str, pointer: str) -> Iterator[tuple[str, bytes]]:
        schema, definitions = _schema(described), self.document.definitions
        found = list(self._examples(described))
        for name, value, place in found:
            self._judge(value, schema, pointer + place)
            yield name, payload(value, media, schema, definitions)
        if not found:
            value = b"" if schema is None else self.samples.of(schema)
            is_empty = isinstance(value, bytes)
            yield _BUILT, b"" if is_empty else payload(value, media, schema, definitions)

    def _examples(self, described: OpenApi) -> Iterator[tuple[str, Any, str]]:
        """Yield the examples: name, value, and where it stands below the media type."""
        if "example" in described:
            yield _BUILT, described["example"], "/example"
        for name, example in (described.get("examples") or {}).items():
            resolved = self.document.resolve(example) or {}
            key = next((key for key in ("value", "dataValue") if key in resolved), None)
            if key is not None:
                yield name, resolved[key], pointer_of(["examples", name, key])

    def _judge(self, value: object, schema: Any, pointer: str) -> None:
        """Tell of an example that does not fit; it is answered all the same."""
        if schema is None:
            return
        try:
            faults = SchemaCheck(schema, components=self.document.definitions).errors(value)
        except ValueError:
            return  # told where it is wrong
        for fault in faults[:1]:
            message = f"the example does not fit its schema: {fault.pointer} {fault.message}"
            self.problems.append(Problem(pointer, message))

    def _headers(self, answer: OpenApi, pointer: str) -> Iterator[tuple[str, str]]:
        for name, described in (answer.get("headers") or {}).items():
            header = self.document.resolve(described) or {}
            if name.lower() in ("content-type", "content-length"):
                continue
            try:
                yield name, field_value(self._header_value(header))
            except NoValue as error:
                place = pointer + pointer_of(["headers", name])
                self.problems.append(Problem(place, f"nothing could be built: {error}"))

    def _header_value(self, header: OpenApi) -> object:
        examples = list(self._examples(header))
        if examples:
            return examples[0][1]
        media: OpenApi = next(iter((header.get("content") or {}).values()), header)
        return self.samples.of(media.get("schema", {}))


def _schema(described: OpenApi) -> Any:
    """Return the schema of a media type; that of the parts of a stream is one of a list."""
    if "itemSchema" in described:
        return {"type": "array", "items": described["itemSchema"], "minItems": 2}
    return described.get("schema")
