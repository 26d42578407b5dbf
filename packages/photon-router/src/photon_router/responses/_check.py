"""Whether what a handler answers is what the document says; for development and tests.

Looked at are the media type, the header fields that must be there, and JSON bodies, by the schema.
An answer that does not fit is replaced by a 500 and its faults are logged; in development they
stand in the body, too. A status that the document does not declare is warned of, once: clients
cannot expect it, but it may well be meant. Streams are not read ahead; of them the head alone
counts.

Errors go their own way and are not looked at, but for the status of an `HttpError`.
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

_log = logging.getLogger("photon.router")
_SWITCHING = 101


class AnswerCheck:
    """The check of one operation's answers.

    Args:
        document: The document.
        operation: The operation.
        is_shown: Whether the faults stand in the body of the 500.

    Raises:
        ValueError: A schema is wrong.
    """

    def __init__(self, document: Document, operation: Operation, *, is_shown: bool) -> None:
        """Compile the schemas."""
        self._name = operation.name
        self._is_shown = is_shown
        self._warned: set[int] = set()
        self._responses = {
            code: document.resolve(answer) or {}
            for code, answer in operation.data.get("responses", {}).items()
        }
        self._headers = {
            code: _required_headers(document, answer) for code, answer in self._responses.items()
        }
        definitions = document.definitions
        asserted = definitions.assert_formats
        self._schemas = {
            (code, media): SchemaCheck(schema, components=definitions, assert_formats=asserted)
            for code, answer in self._responses.items()
            for media, described in (answer.get("content") or {}).items()
            if is_json(media) and (schema := described.get("schema")) not in (None, {}, True)
        }

    def around(self, plan: Handler) -> Handler:
        """Return ``plan`` with its answers checked."""

        def run(request: Request) -> Response:
            try:
                response = plan(request)
            except HttpError as error:
                self._code_for(error.status)
                raise
            faults = self.faults(response)
            return response if not faults else self._refuse(request, response, faults)

        return run

    def faults(self, response: Response) -> list[ErrorDetail]:
        """Return what is wrong with a response."""
        code = None if response.status == _SWITCHING else self._code_for(response.status)
        if code is None:
            return []
        missing = [
            ErrorDetail("header", "is required", name=name)
            for name in self._headers[code]
            if response.header(name) is None
        ]
        return missing + self._faults_of_body(response, code)

    def _code_for(self, status: int) -> str | None:
        code = code_for(self._responses, status)
        if code is None and status not in self._warned:
            self._warned.add(status)
            _log.warning("%s answers with %d, which is not declared", self._name, status)
        return code

    def _faults_of_body(self, response: Response, code: str) -> list[ErrorDetail]:
        content: Mapping[str, OpenApi] = self._responses[code].get("content") or {}
        if not content or forbids_body(response.status):
            return []  # nothing is said of a body
        if response.body == b"" and response.content_type is None:
            return [ErrorDetail("body", f"must be of type {', '.join(content)}, but there is none")]
        media = _declared_media(content, response.content_type or "")
        if media is None:
            declared = ", ".join(content)
            return [ErrorDetail("body", f"is {response.content_type}, but declared is {declared}")]
        check = self._schemas.get((code, media))
        if check is None or not isinstance(response.body, bytes):
            return []
        try:
            value = msgspec.json.decode(response.body)
        except DECODE_ERRORS:
            return [ErrorDetail("body", "is not JSON")]
        return [] if check.is_valid(value) else check.errors(value)

    def _refuse(self, request: Request, response: Response, faults: list[ErrorDetail]) -> Response:
        told = [fault.as_dict() for fault in faults]
        _log.error(
            "%s %s: the answer %d of %s does not fit the document: %s",
            request.method,
            request.raw_path,
            response.status,
            self._name,
            "; ".join(f"{_place(fault)}: {fault['message']}" for fault in told),
        )
        close_iterable(response.body)
        if not self._is_shown:
            return problem_response(HttpError(500))
        return problem_response(
            HttpError(500, "the answer does not fit the document", extensions={"errors": told})
        )


def _place(fault: Mapping[str, Any]) -> str:
    return " ".join(str(fault[key]) for key in ("in", "name", "pointer") if fault.get(key))


def _required_headers(document: Document, answer: OpenApi) -> list[str]:
    headers = answer.get("headers") or {}
    resolved = {name: document.resolve(header) or {} for name, header in headers.items()}
    # Content-Type stands under "content", and is to be passed over here (OpenAPI, Response Object).
    return [
        name
        for name, header in resolved.items()
        if header.get("required") and name.lower() != "content-type"
    ]


def _declared_media(content: Mapping[str, OpenApi], sent: str) -> str | None:
    """Return the media type in the document that a sent one fits best."""
    kind = essence(sent)
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    bare = {essence(media): media for media in content}
    return next((bare[each] for each in ranges if each in bare), None)
