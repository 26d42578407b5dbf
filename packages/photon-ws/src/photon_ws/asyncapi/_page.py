"""The documentation page of sockets: plain HTML, made once from the AsyncAPI document."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from photon_openapi.sampling import NoValue, sample
from photon_openapi.schema import types_of

from ._sockets import AsyncApi, Direction, Message, Socket

_HEADINGS: Final[tuple[tuple[Direction, str], ...]] = (
    ("receive", "Messages to the server"),
    ("send", "Messages from the server"),
)


def sockets_page(
    document: Mapping[str, Any], *, css_url: str, document_url: str, docs_url: str
) -> str:
    """Return the page.

    Args:
        document: The AsyncAPI document, well-formed.
        css_url: The address of the style sheet.
        document_url: The address of the document, without its ending.
        docs_url: The address of the documentation of the operations.
    """
    return _Page(AsyncApi(document)).whole(css_url, document_url, docs_url)


class _Page:
    def __init__(self, document: AsyncApi) -> None:
        self.document = document

    def whole(self, css_url: str, document_url: str, docs_url: str) -> str:
        info = self.document.part("info")
        title = f"{_text(info.get('title', ''))} {_text(info.get('version', ''))}"
        sockets = self.document.sockets
        menu = "".join(
            f'<li><a href="#{_id(each)}">{_address(each.address)}</a></li>' for each in sockets
        )
        described = _paragraphs(info.get("description"))
        content = "".join(map(self._socket, sockets)) or "<p>This application has no sockets.</p>"
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: WebSockets</title>
<link rel="stylesheet" href="{_text(css_url)}">
</head>
<body>
<header>
<h1>{title}</h1>
{described}
<p class="links"><a href="{_text(document_url)}.json">AsyncAPI as JSON</a>
<a href="{_text(document_url)}.yaml">as YAML</a> <a href="{_text(docs_url)}">HTTP operations</a></p>
<nav aria-label="WebSockets"><ul>{menu}</ul></nav>
</header>
<main>
{content}</main>
</body>
</html>
"""

    def _socket(self, socket: Socket) -> str:
        parts = [f"<h2>{_address(socket.address)}</h2>"]
        parts += [_paragraphs(socket.data.get(key)) for key in ("summary", "description")]
        parts.append(self._facts(socket))
        parts.append(self._parameters(socket))
        for direction, heading in _HEADINGS:
            messages = socket.messages.get(direction, ())
            if messages:
                parts.append(f"<h3>{heading}</h3>\n" + "".join(map(self._message, messages)))
        return f'<section id="{_id(socket)}">\n{"".join(parts)}</section>\n'

    def _facts(self, socket: Socket) -> str:
        facts = []
        if socket.security:
            names = [
                str(each.get("$ref", "")).rpartition("/")[2] or str(each.get("type", ""))
                for each in socket.security
            ]
            facts.append(("Credentials", " or ".join(names)))
        if socket.data.get("x-subprotocols"):
            facts.append(("Subprotocols", ", ".join(socket.data["x-subprotocols"])))
        rows = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in facts)
        return f"<dl>{rows}</dl>\n" if rows else ""

    def _parameters(self, socket: Socket) -> str:
        rows = []
        for name, parameter in socket.parameters.items():
            schema = parameter.get("x-schema", {"type": "string"})
            described = {"description": parameter.get("description", "")}
            rows.append(self._row(name, {**schema, **described}, "path", is_required=True))
        for key, place in (("query", "query"), ("headers", "header")):
            schema = socket.binding.get(key) or {}
            for name, each in schema.get("properties", {}).items():
                is_required = name in schema.get("required", ())
                rows.append(self._row(name, each, place, is_required=is_required))
        return _table("Parameters", ("Name", "Type", "In", "Description"), rows) if rows else ""

    def _message(self, message: Message) -> str:
        payload = message.payload
        described = _paragraphs(message.data.get("summary"))
        rows = [
            self._row(name, schema, None, is_required=is_required)
            for name, schema, is_required in self._members(payload)
        ]
        members = _table("Members", ("Name", "Type", "Description"), rows) if rows else ""
        if not rows:
            members = f"<p>{self._type(payload)}</p>\n"
        return (
            f"<article>\n<h4>{_text(message.name)}</h4>\n{described}{members}"
            f"{self._example(message)}</article>\n"
        )

    def _members(self, schema: Any) -> Iterator[tuple[str, Any, bool]]:
        """Yield the members of an object: name, schema, and whether the member is required."""
        properties: dict[str, Any] = {}
        required: set[str] = set()
        pending, seen = [schema], 0
        while pending and seen < 100:
            part = self._resolved(pending.pop(0))
            seen += 1
            properties |= part.get("properties", {})
            required |= set(part.get("required", ()))
            pending += part.get("allOf", ())
        for name, each in properties.items():
            yield name, each, name in required

    def _row(self, name: str, schema: Any, place: str | None, *, is_required: bool) -> str:
        resolved = self._resolved(schema)
        description = schema.get("description") or resolved.get("description") or ""
        mark = "" if is_required else ' <span class="optional">optional</span>'
        cells = [f"<code>{_text(name)}</code>{mark}", self._type(schema)]
        cells += [] if place is None else [place]
        notes = _text(description)
        if "default" in resolved:
            notes += f" Default: <code>{_json(resolved['default'])}</code>."
        return "".join(f"<td>{cell}</td>" for cell in [*cells, notes])

    def _type(self, schema: Any) -> str:
        """Return the type of a value in words, as HTML."""
        resolved = self._resolved(schema)
        if "enum" in resolved:
            return " or ".join(f"<code>{_json(each)}</code>" for each in resolved["enum"])
        if "const" in resolved:
            return f"<code>{_json(resolved['const'])}</code>"
        for key in ("anyOf", "oneOf"):
            if key in resolved:
                return " or ".join(dict.fromkeys(map(self._type, resolved[key])))
        reference = str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""
        types = types_of(resolved)
        if types == ["array"] and "items" in resolved:
            return f"array of {self._type(resolved['items'])}"
        if types == ["object"] and reference:
            return _text(reference.rpartition("/")[2])
        words = " or ".join(types) or "any value"
        if "format" in resolved:
            words += f" ({_text(resolved['format'])})"
        return words

    def _example(self, message: Message) -> str:
        if not message.content_type.endswith("json"):
            return ""
        try:
            value = sample(message.payload, self.document.definitions)
        except NoValue:
            return ""
        text = _text(json.dumps(value, indent=2, ensure_ascii=False))
        return f"<details><summary>Example</summary><pre>{text}</pre></details>\n"

    def _resolved(self, schema: Any) -> dict[str, Any]:
        resolved = self.document.definitions.followed(schema)
        return resolved if isinstance(resolved, dict) else {}


def _table(caption: str, headings: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in headings)
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    return (
        f'<div class="table"><table><caption>{caption}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def _paragraphs(text: Any) -> str:
    blocks = str(text).strip().split("\n\n") if text else []
    return "".join(f"<p>{_text(block)}</p>\n" for block in blocks)


def _address(address: str) -> str:
    return f"<code>{_text(address)}</code>"


def _id(socket: Socket) -> str:
    return _text(socket.name)


def _json(value: Any) -> str:
    return _text(json.dumps(value, ensure_ascii=False))


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)
