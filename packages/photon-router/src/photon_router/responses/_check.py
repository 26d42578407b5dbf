"""Responses checked against the document; for development and tests.

The check covers the media type, required header fields, and JSON bodies, by their schema; times in
them need an offset (`_naive_times`). An
invalid response is replaced by a 500 and its errors are logged; in development they are in the
body, too. A status that the document does not declare is logged as a warning, once: clients do not
expect it, but it may be intended. Streams are not read ahead; only their head is checked.

Error responses are not checked, except for the status of an `HttpError`.

A schema is compiled at the first response that needs it: most of a start would be the schemas of
responses which no test asks for. The start has checked that the schemas of the document compile.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from photon_openapi.document import Document, OpenApi, Operation, code_for
from photon_openapi.errors import ErrorDetail
from photon_openapi.schema import DECODE_ERRORS, SchemaCheck
from photon_runtime.http import (
    Handler,
    HttpError,
    Request,
    Response,
    forbids_body,
    problem_response,
)
from photon_runtime.media_types import essence, is_json

from ..streaming import close_iterable
from ._naive_times import NaiveTimes

_log = logging.getLogger("photon.router")
_SWITCHING = 101


class ResponseCheck:
    """The check of one operation's responses.

    Args:
        document: The document.
        operation: The operation.
        is_shown: True to list the errors in the body of the 500.

    Attributes:
        times: The checks of times by status.
    """

    def __init__(self, document: Document, operation: Operation, *, is_shown: bool) -> None:
        """Find the declared responses and their schemas."""
        self._name = operation.name
        self._is_shown = is_shown
        self.times: Mapping[str, NaiveTimes] = {}
        self._warned: set[int] = set()
        self._responses = {
            code: document.resolve(declared) or {}
            for code, declared in operation.data.get("responses", {}).items()
        }
        self._headers = {
            code: _required_headers(document, response)
            for code, response in self._responses.items()
        }
        self._definitions = document.definitions
        self._schemas = {
            (code, media): schema
            for code, response in self._responses.items()
            for media, media_object in (response.get("content") or {}).items()
            if is_json(media) and (schema := media_object.get("schema")) not in (None, {}, True)
        }
        self._checks: dict[tuple[str, str], SchemaCheck] = {}

    def wrap(self, handler: Handler) -> Handler:
        """Return ``handler`` with its responses checked."""

        def run(request: Request) -> Response:
            try:
                response = handler(request)
            except HttpError as error:
                self._code_for(error.status)
                raise
            errors = self.errors(response)
            return response if not errors else self._refuse(request, response, errors)

        return run

    def errors(self, response: Response) -> list[ErrorDetail]:
        """Return the errors of a response."""
        code = None if response.status == _SWITCHING else self._code_for(response.status)
        if code is None:
            return []
        missing = [
            ErrorDetail("header", "is required", name=name)
            for name in self._headers[code]
            if response.header(name) is None
        ]
        return missing + self._body_errors(response, code)

    def _code_for(self, status: int) -> str | None:
        code = code_for(self._responses, status)
        if code is None and status not in self._warned:
            self._warned.add(status)
            _log.warning("%s responds with %d, which is not declared", self._name, status)
        return code

    def _body_errors(self, response: Response, code: str) -> list[ErrorDetail]:
        content: Mapping[str, OpenApi] = self._responses[code].get("content") or {}
        if not content or forbids_body(response.status):
            return []  # the document does not describe a body
        if response.body == b"" and response.content_type is None:
            return [ErrorDetail("body", f"is missing, but must be of type {', '.join(content)}")]
        media = declared_media(content, response.content_type or "")
        if media is None:
            expected = ", ".join(content)
            message = f"is of type {response.content_type}, but must be of type {expected}"
            return [ErrorDetail("body", message)]
        if (code, media) not in self._schemas or not isinstance(response.body, bytes):
            return []
        return self._json_errors(response.body, code, self._check(code, media))

    def _check(self, code: str, media: str) -> SchemaCheck:
        """Return the check of a schema, compiled before its first use."""
        known = self._checks.get((code, media))
        if known is None:
            definitions = self._definitions
            known = self._checks[code, media] = SchemaCheck(
                self._schemas[code, media],
                components=definitions,
                assert_formats=definitions.assert_formats,
            )
        return known

    def _json_errors(self, body: bytes, code: str, check: SchemaCheck) -> list[ErrorDetail]:
        try:
            value = msgspec.json.decode(body)
        except DECODE_ERRORS:
            return [ErrorDetail("body", "is not JSON")]
        if not check.is_valid(value):
            return check.errors(value)
        times = self.times.get(code)
        return [] if times is None else times.errors(body)

    def _refuse(self, request: Request, response: Response, errors: list[ErrorDetail]) -> Response:
        details = [detail.as_dict() for detail in errors]
        _log.error(
            "%s %s: the response %d of %s violates the document: %s",
            request.method,
            request.raw_path,
            response.status,
            self._name,
            "; ".join(f"{_subject(detail)}: {detail['message']}" for detail in details),
        )
        close_iterable(response.body)
        if not self._is_shown:
            return problem_response(HttpError(500))
        return problem_response(
            HttpError(500, "the response violates the document", extensions={"errors": details})
        )


def _subject(detail: Mapping[str, Any]) -> str:
    return " ".join(str(detail[key]) for key in ("in", "name", "pointer") if detail.get(key))


def _required_headers(document: Document, response: OpenApi) -> list[str]:
    headers = response.get("headers") or {}
    resolved = {name: document.resolve(header) or {} for name, header in headers.items()}
    # Content-Type is described by "content", and ignored here (OpenAPI, Response Object).
    return [
        name
        for name, header in resolved.items()
        if header.get("required") and name.lower() != "content-type"
    ]


def declared_media(content: Mapping[str, OpenApi], sent: str) -> str | None:
    """Return the media type in the document that matches a sent one best."""
    kind = essence(sent)
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    bare = {essence(media): media for media in content}
    return next((bare[each] for each in ranges if each in bare), None)
