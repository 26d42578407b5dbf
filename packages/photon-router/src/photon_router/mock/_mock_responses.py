"""The responses of a mock for one operation: built at start-up, and chosen per request.

The client may choose the status and the example: ``Prefer: code=404, example=missing`` (RFC 7240).
``Accept`` chooses among the media types. Without preferences the response is the operation's first
success, its JSON, and the first example.
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
"""The name of a built value, which is not an example of the document."""


@attrs.frozen
class MockCase:
    """The response with one status, or with a range of statuses.

    Attributes:
        content: Bodies by media type, and by the names of examples.
        headers: Header fields.
        missing: Media types without a body, with the reason.
    """

    content: Mapping[str, Mapping[str, bytes]]
    headers: tuple[tuple[str, str], ...]
    missing: Mapping[str, str]


class MockResponses:
    """The responses of one operation.

    Args:
        document: The document.
        operation: The operation.
        samples: Generator of values that are not in the document.
        problems: List to which missing bodies and invalid examples are added.
    """

    def __init__(
        self, document: Document, operation: Operation, *, samples: Samples, problems: list[Problem]
    ) -> None:
        """Build all responses."""
        declared = operation.data.get("responses") or {}
        resolved = {code: document.resolve(each) or {} for code, each in declared.items()}
        builder = _Builder(document, samples, problems)
        self._cases = {
            code: builder.case(response, operation.pointer + pointer_of(["responses", code]))
            for code, response in resolved.items()
            if not code.startswith("x-")
        }
        self.default_status = _default_status(self._cases)

    def respond(self, request: Request) -> Response:
        """Return the response to a valid request.

        Raises:
            HttpError: 400 for unknown preferences, 406 for media types that are not declared, 501
                for a body that could not be built.
        """
        preferred = preferences(request.headers.getlist("prefer"))
        status, case = self._case(preferred.get("code"))
        headers = [("vary", "Prefer, Accept"), *(case.headers if case else ())]
        used = [f"{name}={preferred[name]}" for name in ("code", "example") if name in preferred]
        if used:
            headers.append(("preference-applied", ", ".join(used)))
        if case is None or status in _BODILESS or not (case.content or case.missing):
            return Response(status, headers=headers)
        media = _media(request, case)
        body = _body(case.content[media], preferred.get("example"))
        return Response(status, body=body, headers=headers, content_type=concrete(media))

    def _case(self, preference: str | None) -> tuple[int, MockCase | None]:
        if preference is None:
            return self.default_status, self._case_of(self.default_status)
        code = code_for(self._codes, int(preference)) if _is_status(preference) else None
        if code is None:
            declared = ", ".join(self._cases) or "none"
            raise HttpError(
                400, f"Prefer: code={preference[:20]} is not declared (declared: {declared})"
            )
        return int(preference), self._cases[code]

    def _case_of(self, status: int) -> MockCase | None:
        code = code_for(self._codes, status)
        return None if code is None else self._cases[code]

    @property
    def _codes(self) -> Mapping[str, OpenApi]:
        return {code: {} for code in self._cases}


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdecimal() and "2" <= text[0] <= "5"


def _default_status(cases: Mapping[str, MockCase]) -> int:
    """Return the status without a preference: the first success, otherwise the first declared."""
    exact = sorted(int(code) for code in cases if code.isdecimal())
    successes = [status for status in exact if 200 <= status < 300]
    if successes:
        return successes[0]
    if "2XX" in cases or "default" in cases:
        return 200
    others = [status for status in exact if status >= 300]
    ranges = sorted(int(code[0]) * 100 for code in cases if code.endswith("XX"))
    return next(iter(others or ranges), 204)


def _media(request: Request, case: MockCase) -> str:
    offered = sorted(case.content, key=lambda media: not is_json(media))
    if not offered:
        raise HttpError(501, f"the mock has no response: {'; '.join(case.missing.values())}")
    media = request.accepts(*offered)
    if media is None:
        raise NotAcceptable(*offered)
    return media


def _body(examples: Mapping[str, bytes], preference: str | None) -> bytes:
    if preference is None:
        return next(iter(examples.values()))
    if preference not in examples:
        names = ", ".join(name for name in examples if name != _BUILT) or "none"
        raise HttpError(
            400, f"Prefer: the example {preference[:80]!r} does not exist (existing: {names})"
        )
    return examples[preference]


@attrs.frozen
class _Builder:
    """Builds the responses of an operation.

    Attributes:
        document: The document.
        samples: Generator of values that are not in the document.
        problems: Missing bodies and invalid examples.
    """

    document: Document
    samples: Samples
    problems: list[Problem]

    def case(self, response: OpenApi, pointer: str) -> MockCase:
        """Build the response of one status."""
        content: dict[str, Mapping[str, bytes]] = {}
        missing: dict[str, str] = {}
        for media, definition in (response.get("content") or {}).items():
            own_pointer = pointer + pointer_of(["content", media])
            try:
                resolved = self.document.resolve(definition) or {}
                content[media] = dict(self._bodies(resolved, media, own_pointer))
            except NoValue as error:
                missing[media] = f"{own_pointer}: {error}"
                self.problems.append(Problem(own_pointer, f"the value cannot be built: {error}"))
        return MockCase(content, tuple(self._headers(response, pointer)), missing)

    def _bodies(self, definition: OpenApi, media: str, pointer: str) -> Iterator[tuple[str, bytes]]:
        schema, definitions = _schema(definition), self.document.definitions
        examples = list(self._examples(definition))
        for name, value, relative in examples:
            self._check_example(value, schema, pointer + relative)
            yield name, payload(value, media, schema, definitions)
        if not examples:
            value = b"" if schema is None else self.samples.of(schema)
            is_empty = isinstance(value, bytes)
            yield _BUILT, b"" if is_empty else payload(value, media, schema, definitions)

    def _examples(self, definition: OpenApi) -> Iterator[tuple[str, Any, str]]:
        """Yield the examples: the name, the value, and its pointer relative to the media type."""
        if "example" in definition:
            yield _BUILT, definition["example"], "/example"
        for name, example in (definition.get("examples") or {}).items():
            resolved = self.document.resolve(example) or {}
            key = next((key for key in ("value", "dataValue") if key in resolved), None)
            if key is not None:
                yield name, resolved[key], pointer_of(["examples", name, key])

    def _check_example(self, value: object, schema: Any, pointer: str) -> None:
        """Report an example that is not valid; it is served nevertheless."""
        if schema is None:
            return
        try:
            errors = SchemaCheck(schema, components=self.document.definitions).errors(value)
        except ValueError:
            return  # the schema is invalid, which is reported elsewhere
        for error in errors[:1]:
            message = f"the example is not valid for its schema: {error.pointer} {error.message}"
            self.problems.append(Problem(pointer, message))

    def _headers(self, response: OpenApi, pointer: str) -> Iterator[tuple[str, str]]:
        for name, definition in (response.get("headers") or {}).items():
            header = self.document.resolve(definition) or {}
            if name.lower() in ("content-type", "content-length"):
                continue
            try:
                yield name, field_value(self._header_value(header))
            except NoValue as error:
                own_pointer = pointer + pointer_of(["headers", name])
                self.problems.append(Problem(own_pointer, f"the value cannot be built: {error}"))

    def _header_value(self, header: OpenApi) -> object:
        examples = list(self._examples(header))
        if examples:
            return examples[0][1]
        media: OpenApi = next(iter((header.get("content") or {}).values()), header)
        return self.samples.of(media.get("schema", {}))


def _schema(definition: OpenApi) -> Any:
    """Return the schema of a media type; for a stream, that of the list of its items."""
    if "itemSchema" in definition:
        return {"type": "array", "items": definition["itemSchema"], "minItems": 2}
    return definition.get("schema")
