"""The responses of an operation, as the document tells them.

Written from the outcomes of the handler's annotation, from what its decorator says, and from what
every operation may be answered with. The plans look their statuses and media types up in what
stands here, so that what is sent is what is documented.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from photon_openapi.annotations import plain_type
from photon_openapi.document import OpenApi
from photon_runtime.http.errors import phrase
from photon_runtime.media_types import EVENT_STREAM, JSON, JSON_LINES, essence, is_json

from ..responses import DescribedResponse, ResponseCase
from ..signatures._signature import MISSING
from ..streaming._events import ServerSentEvent
from ._options import RouteOptions


@attrs.frozen
class ResponseWriter:
    """Writes the response objects of one operation.

    Attributes:
        outcomes: What results may become.
        options: What the decorator says.
        usual: The status where nothing says another one.
        schema: Makes the schema of a type.
        problem: Makes the response object of a problem document, of its description.
    """

    outcomes: Sequence[ResponseCase]
    options: RouteOptions
    usual: int
    schema: Callable[[object], OpenApi]
    problem: Callable[[str], OpenApi]

    def responses(self, refusals: Mapping[str, str]) -> OpenApi:
        """Return the response objects by status.

        Args:
            refusals: What each refusal means that the operation may be answered with by itself.

        Raises:
            TypeError: A type in them has no schema.
        """
        written: OpenApi = {}
        for outcome in self.outcomes:
            self._add(written, outcome)
        self._add_usual(written)
        for status, declared in self.options.get("responses", {}).items():
            self._declare(written, str(status), declared)
        for code, text in refusals.items():
            if code not in written:
                written[code] = self.problem(text)
        return dict(sorted(written.items()))

    def _add(self, written: OpenApi, outcome: ResponseCase) -> None:
        status = self.usual if outcome.status is None else outcome.status
        answer = written.setdefault(str(status), {"description": self._description(status)})
        kind = outcome.response
        if kind is not None and issubclass(kind, DescribedResponse):
            for name, meaning in kind.described_headers.items():
                _set_field(answer, name, _header(meaning))
        media = outcome.media
        if outcome.form == "none" or (outcome.form == "response" and media is None):
            return
        content = answer.setdefault("content", {})
        media = JSON if media is None else media
        content[media] = _joined(content.get(media), self._media_object(outcome, media))

    def _description(self, status: int) -> str:
        if status == self.usual:
            default = "The answer." if status != 204 else "Done."
            return self.options.get("response_description", default)
        return phrase(status) or "Another answer."

    def _media_object(self, outcome: ResponseCase, media: str) -> OpenApi:
        type_ = outcome.type
        if outcome.form == "value" or (outcome.form == "response" and is_json(media)):
            return {"schema": {} if type_ is MISSING else self.schema(type_)}
        # A schema beside a sequence of items is that of an array of them, as OpenAPI 3.2 says.
        is_text = _is_text(media) and media not in (EVENT_STREAM, JSON_LINES)
        described: OpenApi = {"schema": {"type": "string"}} if is_text else {}
        has_items = outcome.form in ("lines", "events", "response")
        if has_items and type_ is not MISSING and plain_type(type_) is not ServerSentEvent:
            # OpenAPI 3.1 has no word of its own for the items of a stream.
            described["x-item-schema"] = self.schema(type_)
        return described

    def _add_usual(self, written: OpenApi) -> None:
        """Add what the decorator says of the usual answer."""
        answer = written.get(str(self.usual))
        if answer is None:
            return
        for name, header in self.options.get("response_headers", {}).items():
            own = _header(header) if isinstance(header, str) else dict(header)
            _set_field(answer, name, own)
        examples = self.options.get("examples")
        if examples:
            for media in answer.get("content", {}).values():
                media["examples"] = {
                    name: {"value": msgspec.to_builtins(value, order="deterministic")}
                    for name, value in examples.items()
                }

    def _declare(self, written: OpenApi, code: str, declared: object) -> None:
        """Add a response that the decorator declares; a class may be an outcome already."""
        if isinstance(declared, str):
            written[code] = self.problem(declared)
        elif isinstance(declared, Mapping):
            written[code] = {**written.get(code, {}), **declared}
        elif not any(str(each.status) == code for each in self.outcomes):
            self._add(written, ResponseCase(declared, "value", int(code)))


def _is_text(media: str) -> bool:
    kind = essence(media)
    return kind.startswith("text/") or "json" in kind


def _joined(there: OpenApi | None, more: OpenApi) -> OpenApi:
    """Return a media object for both of two; their schemas become alternatives."""
    if there is None or there == more:
        return more
    schemas = [each.get("schema", {}) for each in (there, more)]
    alternatives = schemas[0].get("anyOf", [schemas[0]]) if set(schemas[0]) == {"anyOf"} else None
    return {**there, **more, "schema": {"anyOf": [*(alternatives or schemas[:1]), schemas[1]]}}


def _set_field(answer: OpenApi, name: str, header: OpenApi) -> None:
    """Describe a header field of an answer, in place of one that is spelt otherwise."""
    others = answer.get("headers", {}).items()
    kept = {other: value for other, value in others if other.lower() != name.lower()}
    answer["headers"] = kept | {name: header}


def _header(meaning: str) -> OpenApi:
    return {"description": meaning, "schema": {"type": "string"}}


def merged(written: OpenApi, extra: Mapping[str, Any]) -> OpenApi:
    """Return ``written`` with the members of ``extra``, objects merged member by member."""
    result = dict(written)
    for name, value in extra.items():
        own = result.get(name)
        if isinstance(own, dict) and isinstance(value, Mapping):
            result[name] = merged(own, value)
        else:
            result[name] = value
    return result
