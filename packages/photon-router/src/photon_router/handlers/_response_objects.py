"""The response objects of an operation in the document.

They are written from the response cases of the handler's annotation, from the options of its
decorator, and from the errors that every operation may return. The endpoints look up their statuses
and media types in them, so that responses are always as documented.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from photon_openapi.annotations import plain_type
from photon_openapi.document import OpenApi
from photon_runtime.http import DescribedResponse
from photon_runtime.http.errors import phrase
from photon_runtime.media_types import EVENT_STREAM, JSON, JSON_LINES, essence, is_json

from ..responses import ResponseCase
from ..signatures import MISSING
from ..streaming import ServerSentEvent
from ._options import RouteOptions


@attrs.frozen
class ResponseWriter:
    """Writes the response objects of one operation.

    Attributes:
        cases: The response cases of the handler.
        options: The options of the decorator.
        usual: The default status.
        schema: Writes the schema of a type.
        problem: Writes the response object of a problem document from its description.
    """

    cases: Sequence[ResponseCase]
    options: RouteOptions
    usual: int
    schema: Callable[[object], OpenApi]
    problem: Callable[[str], OpenApi]

    def responses(self, errors: Mapping[str, str]) -> OpenApi:
        """Return the response objects by status.

        Args:
            errors: The descriptions of the framework's own error responses, by status.

        Raises:
            TypeError: A type in them has no schema.
        """
        written: OpenApi = {}
        for case in self.cases:
            self._add(written, case)
        self._add_usual(written)
        for status, declared in self.options.get("responses", {}).items():
            self._add_declared(written, str(status), declared)
        for code, text in errors.items():
            if code not in written:
                written[code] = self.problem(text)
        return dict(sorted(written.items()))

    def _add(self, written: OpenApi, case: ResponseCase) -> None:
        status = self.usual if case.status is None else case.status
        response = written.setdefault(str(status), {"description": self._description(status)})
        kind = case.response
        if kind is not None and issubclass(kind, DescribedResponse):
            for name, meaning in kind.described_headers.items():
                _set_field(response, name, _header(meaning))
        media = case.media
        if case.form == "none" or (case.form == "response" and media is None):
            return
        content = response.setdefault("content", {})
        media = JSON if media is None else media
        content[media] = _either(content.get(media), self._media_object(case, media))

    def _description(self, status: int) -> str:
        if status == self.usual:
            default = "The response." if status != 204 else "Done."
            return self.options.get("response_description", default)
        return phrase(status) or "Another response."

    def _media_object(self, case: ResponseCase, media: str) -> OpenApi:
        type_ = case.type
        if case.form == "value" or (case.form == "response" and is_json(media)):
            return {"schema": {} if type_ is MISSING else self.schema(type_)}
        # The schema of a sequence of items would be that of an array of them (OpenAPI 3.2).
        is_text = _is_text(media) and media not in (EVENT_STREAM, JSON_LINES)
        media_object: OpenApi = {"schema": {"type": "string"}} if is_text else {}
        has_items = case.form in ("lines", "events", "response")
        if has_items and type_ is not MISSING and plain_type(type_) is not ServerSentEvent:
            # OpenAPI 3.1 has no keyword for the items of a stream.
            media_object["x-item-schema"] = self.schema(type_)
        return media_object

    def _add_usual(self, written: OpenApi) -> None:
        """Add the options of the decorator for the default response."""
        response = written.get(str(self.usual))
        if response is None:
            return
        for name, header in self.options.get("response_headers", {}).items():
            header_object = _header(header) if isinstance(header, str) else dict(header)
            _set_field(response, name, header_object)
        examples = self.options.get("examples")
        if examples:
            for media in response.get("content", {}).values():
                media["examples"] = {
                    name: {"value": msgspec.to_builtins(value, order="deterministic")}
                    for name, value in examples.items()
                }

    def _add_declared(self, written: OpenApi, code: str, declared: object) -> None:
        """Add a response that the decorator declares; a class may be a response case already."""
        if isinstance(declared, str):
            written[code] = self.problem(declared)
        elif isinstance(declared, Mapping):
            written[code] = {**written.get(code, {}), **declared}
        elif not any(str(each.status) == code for each in self.cases):
            self._add(written, ResponseCase(declared, "value", int(code)))


def _is_text(media: str) -> bool:
    kind = essence(media)
    return kind.startswith("text/") or "json" in kind


def _either(first: OpenApi | None, second: OpenApi) -> OpenApi:
    """Return a media type object for either of two; their schemas become alternatives."""
    if first is None or first == second:
        return second
    schemas = [each.get("schema", {}) for each in (first, second)]
    alternatives = schemas[0].get("anyOf", [schemas[0]]) if set(schemas[0]) == {"anyOf"} else None
    return {**first, **second, "schema": {"anyOf": [*(alternatives or schemas[:1]), schemas[1]]}}


def _set_field(response: OpenApi, name: str, header: OpenApi) -> None:
    """Describe a header field of a response, replacing one with the same name in other case."""
    headers = response.get("headers", {}).items()
    others = {other: value for other, value in headers if other.lower() != name.lower()}
    response["headers"] = others | {name: header}


def _header(meaning: str) -> OpenApi:
    return {"description": meaning, "schema": {"type": "string"}}


def merge_members(written: OpenApi, extra: Mapping[str, Any]) -> OpenApi:
    """Return ``written`` with the members of ``extra``, objects merged member by member."""
    result = dict(written)
    for name, value in extra.items():
        member = result.get(name)
        if isinstance(member, dict) and isinstance(value, Mapping):
            result[name] = merge_members(member, value)
        else:
            result[name] = value
    return result
