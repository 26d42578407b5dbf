"""Times without an offset in responses whose schema requires one.

Theory of operation. ``format: date-time`` is that of RFC 3339, which requires an offset: without it
clients in different zones read different times. Python's `datetime` may have none, as the values of
a plain ``DateTime`` column have none, and an encoder writes it as it is. The type does not show it,
so the responses are looked at: only those of operations whose schema has the format, and only the
bytes, for text that looks like such a time. Only if there is one, the body is decoded and
validated, since the text may as well be a string, or a local time (``date-time-local``).

In development and tests such a response is refused. In production it is sent, and logged once for
each operation: a response that clients have accepted so far is not withheld. An operation whose
first responses are all right is not looked at any more.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from photon_openapi.document import Definitions, Document, OpenApi, Operation, code_for, parts_of
from photon_openapi.errors import ErrorDetail
from photon_openapi.schema import DECODE_ERRORS, SchemaCheck
from photon_runtime.http import Handler, Request, Response
from photon_runtime.media_types import is_json

_log = logging.getLogger("photon.router")
_TIME: Final = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?"
_ENCODED: Final = re.compile(f'"{_TIME}"'.encode())
_NAIVE: Final = re.compile(_TIME, re.ASCII)
_FORMAT: Final = "date-time"
_LOOKED_AT: Final = 1000
_COMPONENT: Final = re.compile(r"#/components/schemas/([^/]+)$")
MESSAGE: Final = (
    "is a time without an offset, which the format date-time requires: use a datetime with a time "
    "zone (datetime.now(UTC), UtcDateTime in models), or Annotated[datetime, Param(tz=False)] for "
    "local times"
)


class NaiveTimes:
    """Finds times without an offset in JSON of one schema.

    Args:
        schema: The schema.
        definitions: The targets of its references.
    """

    def __init__(self, schema: OpenApi, definitions: Definitions) -> None:
        """Store the schema, which is compiled on first use."""
        self._schema = schema
        self._definitions = definitions
        self._check: SchemaCheck | None = None

    def errors(self, body: bytes) -> list[ErrorDetail]:
        """Return an error for each time without an offset."""
        if _ENCODED.search(body) is None:
            return []
        try:
            value = msgspec.json.decode(body)
        except DECODE_ERRORS:
            return []
        if self._check is None:
            self._check = SchemaCheck(
                self._schema, components=self._definitions, assert_formats=True
            )
        if self._check.is_valid(value):
            return []
        return [
            ErrorDetail("body", MESSAGE, pointer=detail.pointer)
            for detail in self._check.errors(value)
            if _is_naive(_value_at(value, detail.pointer or ""))
        ]


class TimesOfDocument:
    """Knows which schemas of a document have times; each component is read once.

    Args:
        document: The document.
    """

    def __init__(self, document: Document) -> None:
        """Begin without having read any."""
        self._document = document

    @functools.cached_property
    def _names(self) -> set[str]:
        """The components that have times, themselves or through others."""
        components = self._document.data.get("components")
        schemas = components.get("schemas") if isinstance(components, dict) else None
        users: dict[str, set[str]] = {}
        found: list[str] = []
        for name, schema in schemas.items() if isinstance(schemas, dict) else ():
            has_time, used = _scanned(schema)
            for other in used:
                users.setdefault(other, set()).add(name)
            if has_time:
                found.append(name)
        names: set[str] = set()
        while found:
            name = found.pop()
            if name not in names:
                names.add(name)
                found += users.get(name, ())
        return names

    def checks(self, operation: Operation) -> dict[str, NaiveTimes]:
        """Return the checks of an operation's JSON by status; empty if it has no times."""
        found = {}
        for code, declared in (operation.data.get("responses") or {}).items():
            response = self._document.resolve(declared) if isinstance(declared, dict) else None
            content = (response or {}).get("content")
            for media, media_object in content.items() if isinstance(content, dict) else ():
                schema = media_object.get("schema") if isinstance(media_object, dict) else None
                if is_json(media) and isinstance(schema, dict) and self._has_time(schema):
                    found[code] = NaiveTimes(schema, self._document.definitions)
        return found

    def _has_time(self, schema: OpenApi) -> bool:
        has_time, used = _scanned(schema)
        return has_time or (bool(used) and not self._names.isdisjoint(used))


def logging_naive_times(
    handler: Handler, operation: Operation, checks: Mapping[str, NaiveTimes]
) -> Handler:
    """Return a handler that logs once that a response has a time without an offset."""
    left = _LOOKED_AT
    codes: dict[str, OpenApi] = {code: {} for code in checks}

    def run(request: Request) -> Response:
        nonlocal left
        response = handler(request)
        if left and isinstance(response.body, bytes):
            left -= 1
            code = code_for(codes, response.status)
            errors = [] if code is None else checks[code].errors(response.body)
            if errors:
                left = 0
                _log.warning("%s: %s %s", operation.name, errors[0].pointer, MESSAGE)
        return response

    return run


def _scanned(schema: Any) -> tuple[bool, set[str]]:
    """Return whether a schema itself has a time, and the components that it refers to."""
    has_time = False
    used: set[str] = set()
    try:
        for part in _objects(schema):
            has_time |= part.get("format") == _FORMAT
            reference = part.get("$ref")
            match = _COMPONENT.search(reference) if isinstance(reference, str) else None
            if match is not None:
                used.add(match[1].replace("~1", "/").replace("~0", "~"))
    except RecursionError:
        return True, used  # nested too deeply to be known
    return has_time, used


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    return (part.value for part in parts_of(schema, is_schema=True))


def _is_naive(value: object) -> bool:
    return isinstance(value, str) and _NAIVE.fullmatch(value) is not None


def _value_at(value: Any, pointer: str) -> object:
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value
