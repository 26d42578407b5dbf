"""Valid requests for operations, for the tests of their handlers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

import attrs

from photon_openapi.document import Document, Operation
from photon_openapi.sampling import NoValue, sample
from photon_openapi.schema import properties_of, types_of
from photon_runtime.media_types import FORM, MULTIPART, essence, is_json

from ._code_layout import literal, quoted
from ._merged_schemas import merged

_DEFAULT_STYLES: Final = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_SEPARATORS: Final = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}


@attrs.define
class SampleRequest:
    """A valid request.

    Attributes:
        method: Its method, in lower case.
        target: Its path and query, encoded.
        headers: Its header fields.
        body: The arguments of the client's method for its body, as code.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: dict[str, str] = attrs.field(factory=dict)

    def call(self) -> str:
        """Return the call of a client, as code."""
        known = ("get", "post", "put", "patch", "delete", "head", "options")
        is_short = self.method in known and (not self.body or self.method in known[1:4])
        first = "" if is_short else f"{quoted(self.method.upper())}, "
        arguments = dict(self.body)
        if self.headers:
            arguments["headers"] = literal(self.headers)
        texts = [quoted(self.target), *(f"{name}={code}" for name, code in arguments.items())]
        return f"client.{self.method if is_short else 'request'}({first}{', '.join(texts)})"


def sample_request(document: Document, operation: Operation) -> SampleRequest | None:
    """Return the plainest valid request of an operation; ``None`` if none can be built."""
    try:
        return _Sampler(document, operation).request()
    except NoValue:
        return None


@attrs.define
class _Sampler:
    document: Document
    operation: Operation
    query: list[str] = attrs.field(factory=list)
    cookies: list[str] = attrs.field(factory=list)
    headers: dict[str, str] = attrs.field(factory=dict)

    def request(self) -> SampleRequest:
        path = self.operation.base_paths[0] + self.operation.path
        for parameter in self.operation.parameters:
            if parameter.get("required", parameter["in"] == "path"):
                path = self._add(parameter, path)
        if self.cookies:
            self.headers["cookie"] = "; ".join(self.cookies)
        target = path + ("?" + "&".join(self.query) if self.query else "")
        request = SampleRequest(self.operation.method, target, self.headers)
        request.body = self._body()
        return request

    def _value(self, schema: Any) -> Any:
        return sample(schema, self.document.definitions, direction="request")

    def _example(self, parameter: Mapping[str, Any]) -> Any:
        schema = parameter.get("schema", True)
        examples = [each.get("value") for each in (parameter.get("examples") or {}).values()]
        for example in [parameter.get("example"), *examples]:
            if example is not None:
                return example
        return self._value(schema)

    def _add(self, parameter: Mapping[str, Any], path: str) -> str:
        place, name = parameter["in"], parameter["name"]
        if "content" in parameter:
            [(media, content)] = parameter["content"].items()
            value = self._value(content.get("schema", True))
            text = quote(json.dumps(value) if is_json(media) else _text(value), safe="")
            if place == "querystring":
                self.query.append(text)
                return path
            return self._placed(place, name, [text], path)
        value = self._example(parameter)
        if not _is_written(value, is_empty_allowed=place != "path"):
            raise NoValue(f"{name} has a value that no style can write")
        style = parameter.get("style", _DEFAULT_STYLES.get(place, "form"))
        explode = parameter.get("explode", style in ("form", "deepObject"))
        pieces = _styled(name, value, style, explode=explode)
        if place in ("header", "cookie"):  # they are not percent-encoded
            pieces = [unquote(piece) for piece in pieces]
            if not all(piece.isascii() and piece.isprintable() for piece in pieces) or (
                place == "cookie" and any(sign in piece for piece in pieces for sign in ' ;,"')
            ):
                raise NoValue(f"{name} has a value that cannot be sent")
        return self._placed(place, name, pieces, path)

    def _placed(self, place: str, name: str, pieces: Sequence[str], path: str) -> str:
        if place == "path":
            return path.replace(f"{{{name}}}", pieces[0])
        if place == "header":
            self.headers[name.lower()] = pieces[0]
        elif place == "cookie":
            self.cookies += [each if "=" in each else f"{name}={each}" for each in pieces]
        else:
            self.query += [
                each if "=" in each else f"{quote(name, safe='')}={each}" for each in pieces
            ]
        return path

    # -- the body -----------------------------------------------------------------------------

    def _body(self) -> dict[str, str]:
        body = self.operation.body
        content = (body or {}).get("content") or {}
        if body is None or not body.get("required") or not content:
            return {}
        media = next(filter(is_json, content), next(iter(content)))
        schema = content[media].get("schema", True)
        if is_json(media):
            value = self._value(schema)
            if media == "application/json" and value is not None:
                return {"json": literal(value)}
            self.headers["content-type"] = media
            return {"content": quoted(json.dumps(value))}
        if essence(media) in (FORM, MULTIPART):
            return self._form(content[media], is_multipart=essence(media) == MULTIPART)
        self.headers["content-type"] = "text/plain" if "*" in media else media
        try:
            value = self._value(schema)
        except NoValue:
            value = "text"
        return {"content": quoted(value if isinstance(value, str) and value else "text")}

    def _form(self, media: Mapping[str, Any], *, is_multipart: bool) -> dict[str, str]:
        definitions = self.document.definitions
        schema = media.get("schema", {})
        properties = properties_of(schema, definitions)
        required = set(merged(schema, definitions).get("required", ()) if properties else ())
        if not required:  # an empty form is a missing body
            required = set(list(properties)[:1])
        if not required <= properties.keys() or not properties:
            raise NoValue("the form has no fields")
        fields, files = {}, {}
        for name, inner in properties.items():
            if name not in required:
                continue
            encoding = (media.get("encoding") or {}).get(name, {})
            plain = merged(inner, definitions) if isinstance(inner, dict) else {}
            kind = _file_type(plain, encoding)
            if is_multipart and kind is not None:
                size = int(plain.get("minLength") or 1)
                files[name] = f'("file", b"{"x" * min(size, 50)}", {quoted(kind)})'
            else:
                value = self._value(inner)
                items = value if isinstance(value, list) else [value]
                texts = [
                    json.dumps(item) if isinstance(item, dict) else _text(item) for item in items
                ]
                fields[name] = texts[0] if len(texts) == 1 else texts
        if not is_multipart:
            return {"data": literal(fields)}
        files |= {
            name: f"(None, {literal(value)})"
            for name, value in fields.items()
            if isinstance(value, str)
        }
        if not files:
            raise NoValue("the form has no fields")
        return {"files": "{" + ", ".join(f"{quoted(n)}: {code}" for n, code in files.items()) + "}"}


def _file_type(schema: Mapping[str, Any], encoding: Mapping[str, Any]) -> str | None:
    items = schema.get("items")
    if types_of(schema) == ["array"] and isinstance(items, dict):
        return _file_type(items, encoding)
    is_binary = schema.get("format") == "binary" or "contentMediaType" in schema
    declared = str(encoding.get("contentType") or schema.get("contentMediaType") or "")
    if not is_binary and not declared.startswith(
        ("image/", "application/octet", "audio/", "video/")
    ):
        return None
    first = declared.partition(",")[0].strip() or "application/octet-stream"
    return first.replace("/*", "/png")


def _styled(name: str, value: Any, style: str, *, explode: bool) -> list[str]:
    """Return a value in a style of OpenAPI, encoded; several pieces are several pairs."""
    prefix = {"label": ".", "matrix": f";{name}="}.get(style, "")
    if isinstance(value, list):
        items = [quote(_text(item), safe="") for item in value]
        return _styled_list(name, items, style, prefix, explode=explode)
    if isinstance(value, dict):
        return _styled_object(name, list(_pairs(value)), style, explode=explode)
    return [prefix + quote(_text(value), safe="")]


def _styled_list(
    name: str, items: list[str], style: str, prefix: str, *, explode: bool
) -> list[str]:
    if explode and (style == "form" or style in _SEPARATORS):
        return items
    if style in _SEPARATORS:
        return [_SEPARATORS[style].join(items)]
    if style == "matrix" and explode:
        return ["".join(f";{name}={item}" for item in items)]
    return [prefix + ("." if style == "label" and explode else ",").join(items)]


def _styled_object(
    name: str, pairs: Sequence[tuple[str, str]], style: str, *, explode: bool
) -> list[str]:
    if style == "deepObject":
        return [f"{name}%5B{key}%5D={item}" for key, item in pairs]
    if style == "form" and explode:
        return [f"{key}={item}" for key, item in pairs]
    if style == "matrix":
        if explode:
            return ["".join(f";{key}={item}" for key, item in pairs)]
        return [f";{name}=" + ",".join(f"{key},{item}" for key, item in pairs)]
    start = "." if style == "label" else ""
    if explode:
        return [start + ("." if style == "label" else ",").join(f"{k}={item}" for k, item in pairs)]
    return [start + ",".join(f"{key},{item}" for key, item in pairs)]


def _pairs(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, item in value.items():
        yield quote(key, safe=""), quote(_text(item), safe="")


def _is_written(value: Any, *, is_empty_allowed: bool) -> bool:
    """Return true if each style can write a value so that it is read again."""
    if isinstance(value, list):
        return bool(value) and all(
            not isinstance(each, list | dict) and _is_written(each, is_empty_allowed=False)
            for each in value
        )
    if isinstance(value, dict):
        items = [*value, *value.values()]
        return bool(value) and all(
            not isinstance(each, list | dict) and _is_written(each, is_empty_allowed=False)
            for each in items
        )
    return value is not None and (is_empty_allowed or value != "")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "" if value is None else str(value)
