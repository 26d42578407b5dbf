"""The return annotations of handlers, for the responses that a document declares.

The usual response is that of the lowest status of success. Every other response with a JSON body is
a member of the union: with its status where a class decides it, and in a tuple of body and status
otherwise. An error without a body of its own, or with a problem document, is an `HttpError` that
the handler raises; the docstring lists these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from photon_openapi.document import Document, OpenApi, Operation
from photon_runtime.media_types import EVENT_STREAM, HTML, JSON_LINES, essence, is_json, is_text

from ._names import camel_name
from ._schema_types import SchemaTypes, name_of_target

_REDIRECTS: Final = ("301", "302", "303", "307", "308")
_PROBLEM: Final = "application/problem+json"
_LINES: Final = (JSON_LINES, "application/x-ndjson")


@attrs.frozen
class HandlerResult:
    """The result of a handler.

    Attributes:
        annotation: The return annotation.
        errors: The responses that are raised: status and description.
    """

    annotation: str
    errors: Sequence[tuple[str, str]]


def handler_result(
    document: Document, operation: Operation, types: SchemaTypes, name: str
) -> HandlerResult:
    """Return the result of an operation's handler.

    Args:
        document: The document.
        operation: The operation.
        types: The types of the document's schemas.
        name: The name of the operation as that of a class, for classes of its responses.
    """
    declared = {
        str(code): response
        for code, response in (operation.data.get("responses") or {}).items()
        if isinstance(response, dict)
    }
    responses = {code: document.resolve(response) or {} for code, response in declared.items()}
    names = {
        code: name_of_target(response["$ref"])
        for code, response in declared.items()
        if isinstance(response.get("$ref"), str)
    }
    return _Results(responses, names, types, name).result()


@attrs.define
class _Results:
    responses: Mapping[str, OpenApi]
    names: Mapping[str, str]
    types: SchemaTypes
    name: str
    errors: list[tuple[str, str]] = attrs.field(factory=list)
    bodies: dict[str, list[str]] = attrs.field(factory=dict)
    others: dict[str, None] = attrs.field(factory=dict)

    def result(self) -> HandlerResult:
        """Return the result."""
        usual = self._usual()
        parts = [] if usual is None else [self._usual_type(usual)]
        for code, response in self.responses.items():
            if code != usual:
                self._add(code, response)
        parts += [self._other_body(text, codes, parts) for text, codes in self.bodies.items()]
        parts += self.others
        texts = list(dict.fromkeys(parts)) or ["None"]
        if "None" in texts:
            texts = [*(text for text in texts if text != "None"), "None"]
        return HandlerResult(" | ".join(texts), self.errors)

    def _usual(self) -> str | None:
        successes = sorted(code for code in self.responses if code[0] == "2" and code.isdecimal())
        return successes[0] if successes else None

    # -- the usual response -------------------------------------------------------------------

    def _usual_type(self, code: str) -> str:
        response = self.responses[code]
        content = response.get("content") or {}
        if not content:
            is_ambiguous = code != "204" and "204" in self.responses
            return "Response" if is_ambiguous else "None"
        media = next(filter(is_json, content), None)
        if media is None:
            return self._usual_text(next(iter(content)), content)
        body = self._body(content[media], code, "Response")
        required = _required_fields(response)
        if code == "201" and "location" in {name.lower() for name in response.get("headers") or {}}:
            return f"Created[{body}]"
        if required:
            return f"tuple[{body}, Literal[{code}], dict[str, str]]"
        return f"Annotated[{body}, Status({code})]" if body.startswith("tuple[") else body

    def _usual_text(self, media: str, content: Mapping[str, Any]) -> str:
        kind = essence(media)
        if kind == EVENT_STREAM:
            return "Iterator[ServerSentEvent]"
        if kind in _LINES:
            item = content[media].get("itemSchema", content[media].get("schema", True))
            return f"Iterator[{self.types.of(item, f'{self.name}Item').annotation}]"
        if "*" in kind:
            return "Response"
        if kind == HTML:
            return "Html"
        return "str" if is_text(media) or kind.endswith(("xml", "yaml")) else "bytes"

    # -- the others ---------------------------------------------------------------------------

    def _add(self, code: str, response: OpenApi) -> None:
        content = response.get("content") or {}
        media = next(filter(is_json, content), None)
        is_error = code[0] in "45" or (code == "default" and media in (None, _PROBLEM))
        if code[0] == "1":
            return
        if is_error and (not content or essence(media or "") == _PROBLEM):
            self.errors.append((code, str(response.get("description") or "")))
        elif not content:
            kinds = {"204": "None", **dict.fromkeys(_REDIRECTS, "Redirect")}
            self.others[kinds.get(code, "Response")] = None
        elif media is None:
            self.others["Response"] = None
        else:
            suffix = "Error" if code in ("default", "4XX", "5XX") else f"{code}Response"
            self.bodies.setdefault(self._body(content[media], code, suffix), []).append(code)

    def _other_body(self, text: str, codes: Sequence[str], known: Sequence[str]) -> str:
        exact = [code for code in codes if code.isdecimal()]
        if len(exact) < len(codes):
            return f"tuple[{text}, int]"
        if len(exact) == 1 and text in self.types.classes and text not in _classes_of(known):
            return f"Annotated[{text}, Status({exact[0]})]"
        return f"tuple[{text}, Literal[{', '.join(exact)}]]"

    def _body(self, media: OpenApi, code: str, suffix: str) -> str:
        """Return the type of a body; its class has the name of the response, if that has one."""
        hint = self.names.get(code, self.name + suffix)
        return attrs.evolve(self.types.of(media.get("schema", True), hint), param={}).annotation


def _classes_of(parts: Sequence[str]) -> set[str]:
    """Return the classes of the usual result, which have its status."""
    return {name.strip() for part in parts for name in part.split("|")}


def _required_fields(response: OpenApi) -> list[str]:
    headers = response.get("headers") or {}
    return [
        name for name, each in headers.items() if isinstance(each, dict) and each.get("required")
    ]


def operation_class_name(operation: Operation) -> str:
    """Return the name of an operation as that of a class."""
    return camel_name(str(operation.data.get("operationId") or operation.name.lower()))
