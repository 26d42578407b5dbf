"""Rules of style: names of one kind have the same case, and values have bounds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from ..document import Problem
from ..messages import pointer_of
from ..schema import types_of
from ._findings import Rule, Subject
from ._lint_schemas import component_name

_CASES: Final = {
    "camelCase": re.compile(r"[a-z][a-z0-9]*([A-Z][a-z0-9]*)*"),
    "snake_case": re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*"),
    "kebab-case": re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"),
    "PascalCase": re.compile(r"([A-Z][a-z0-9]*)+"),
}
_PROFILE_CASES: Final = {"camel": "camelCase", "snake": "snake_case"}
_STRING_BOUNDS: Final = ("maxLength", "pattern", "format", "contentEncoding", "contentMediaType")


def _named(
    subject: Subject, names: Sequence[tuple[str, str]], expected: str | None = None
) -> Iterator[Problem]:
    """Yield the names that are not in the expected case, by default that of most names."""
    case = (
        expected or _PROFILE_CASES.get(subject.profile) or _prevailing([name for _, name in names])
    )
    for pointer, name in names:
        if not _CASES[case].fullmatch(name):
            yield Problem(pointer, f"{name!r} is not in {case}, as the others are; rename it")


def _prevailing(names: Sequence[str]) -> str:
    counts = Counter(case for name in names for case in _CASES if _CASES[case].fullmatch(name))
    return max(_CASES, key=lambda case: counts[case])


def _operation_ids(subject: Subject) -> Iterator[Problem]:
    names = [
        (f"{each.pointer}/operationId", str(each.data["operationId"]))
        for each in subject.document.operations()
        if each.data.get("operationId")
    ]
    yield from _named(subject, names)


def _properties(subject: Subject) -> Iterator[Problem]:
    properties = [(each.pointer, each.name) for each in subject.schemas if each.name is not None]
    components = {each.pointer for each in subject.schemas if component_name(each)}
    yield from _named(subject, [each for each in properties if each[0] not in components])


def _parameters(subject: Subject) -> Iterator[Problem]:
    names = [
        (operation.pointer, str(parameter["name"]))
        for operation in subject.document.operations()
        for parameter in operation.parameters
        if parameter["in"] in ("query", "path")
    ]
    yield from _named(subject, names)


def _schema_names(subject: Subject) -> Iterator[Problem]:
    names = [
        (each.pointer, component_name(each)) for each in subject.schemas if component_name(each)
    ]
    yield from _named(subject, names, "PascalCase")


def _path_names(subject: Subject) -> Iterator[Problem]:
    paths = subject.data.get("paths")
    for path in paths if isinstance(paths, dict) else ():
        fixed = [segment for segment in path.split("/") if segment and "{" not in segment]
        wrong = [
            segment for segment in fixed if not re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*", segment)
        ]
        for segment in wrong:
            yield Problem(
                pointer_of(["paths", path]), f"{segment!r} is not in kebab-case; rename the segment"
            )


def _bounds(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        types, schema = types_of(location.schema), location.schema
        if location.is_partial or schema.keys() & {"enum", "const"}:
            continue
        if "string" in types and not schema.keys() & set(_STRING_BOUNDS):
            yield Problem(location.pointer, "the string is not bounded; add maxLength")
        if "array" in types and "maxItems" not in schema:
            yield Problem(location.pointer, "the array is not bounded; add maxItems")
        is_number = set(types) & {"integer", "number"}
        if is_number and not schema.keys() & {"maximum", "exclusiveMaximum", "format"}:
            yield Problem(location.pointer, "the number is not bounded; add a maximum or a format")


def _open_objects(subject: Subject) -> Iterator[Problem]:
    closing = {"additionalProperties", "unevaluatedProperties", "patternProperties"}
    for location in subject.schemas:
        is_object = "object" in types_of(location.schema) and "properties" in location.schema
        if is_object and not location.is_partial and not location.schema.keys() & closing:
            yield Problem(
                location.pointer,
                "the object allows undeclared members; set additionalProperties: false",
            )


def _inline_schemas(subject: Subject) -> Iterator[Problem]:
    for location in subject.schemas:
        is_inline = location.pointer.endswith("/schema") or location.pointer.endswith(
            "/schema/items"
        )
        if is_inline and location.schema.get("properties"):
            yield Problem(
                location.pointer, "the object schema has no name; move it to components/schemas"
            )


STRICT: Final = (
    Rule("operation-id-casing", "info", _operation_ids),
    Rule("property-casing", "info", _properties),
    Rule("parameter-casing", "info", _parameters),
    Rule("schema-name-casing", "info", _schema_names),
    Rule("path-casing", "info", _path_names),
    Rule("bounds-missing", "info", _bounds),
    Rule("object-open", "info", _open_objects),
    Rule("schema-inline", "info", _inline_schemas),
)
CASING: Final = tuple(rule for rule in STRICT if rule.id.endswith("-casing"))
