"""Rules for paths, parameters and security."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from ..codec import json_converter, strings_converter, structuring_errors, takes_strings
from ..document import (
    Definitions,
    Document,
    OpenApi,
    Operation,
    Problem,
    components_of,
    parameter_key,
    shape_of,
)
from ..messages import pointer_of, shorten
from ..schema import SchemaCheck, default_of, type_of_schema

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _well_formed(document: Document) -> Iterator[Operation]:
    return (each for each in document.operations() if each.is_well_formed)


# -- paths --------------------------------------------------------------------------------------


def unmatchable_paths(document: Document) -> Iterator[Problem]:
    """Yield the paths that no request matches, with each of their operations."""
    paths = document.data.get("paths")
    reasons = {
        path: reason
        for path in (paths if isinstance(paths, dict) else ())
        if (reason := _unmatchable(path)) is not None
    }
    for path, reason in reasons.items():
        yield Problem(pointer_of(["paths", path]), reason)
    for operation in document.operations() if reasons else ():
        if operation.path in reasons:
            pointer = pointer_of(["paths", operation.path])
            yield Problem(pointer, reasons[operation.path], operation=operation.pointer)


def _unmatchable(path: str) -> str | None:
    if "?" in path or "#" in path:
        return (
            "a path has neither query nor fragment, so this one never matches; declare query "
            "parameters"
        )
    literal = shape_of(path).replace("{}", "")
    if "{" in literal or "}" in literal:
        return "the braces of the path are not pairs; write {name} for a parameter"
    return None


# -- parameters ---------------------------------------------------------------------------------


def duplicate_parameters(document: Document) -> Iterator[Problem]:
    """Yield the parameters that one list declares twice."""
    for operation in _well_formed(document):
        seen = set()
        listed = operation.data.get("parameters")
        for index, each in enumerate(listed if isinstance(listed, list) else ()):
            resolved = document.resolve(each)
            if resolved is None:
                continue
            key = parameter_key(resolved)
            if key in seen:
                yield Problem(
                    f"{operation.pointer}/parameters/{index}",
                    f"{key[0]} parameter {resolved['name']!r} is declared twice; remove one",
                    operation=operation.pointer,
                )
            seen.add(key)


def unreadable_parameters(document: Document) -> Iterator[Problem]:
    """Yield the parameters whose values cannot be written as text."""
    yield from _parameters(document, _unreadable)


def invalid_defaults(document: Document) -> Iterator[Problem]:
    """Yield the parameters whose default is not a value of their type."""
    yield from _parameters(document, _invalid_default)


def _parameters(
    document: Document, reason_of: Callable[[OpenApi, Definitions], str | None]
) -> Iterator[Problem]:
    known: dict[int, str | None] = {}  # many operations have a parameter in common
    for operation in _well_formed(document):
        for parameter in operation.parameters:
            if id(parameter) not in known:
                known[id(parameter)] = reason_of(parameter, document.definitions)
            reason = known[id(parameter)]
            if reason is not None:
                yield Problem(
                    f"{operation.pointer}/parameters",
                    f"the {parameter['in']} parameter {parameter['name']!r} {reason}",
                    operation=operation.pointer,
                )


def _unreadable(parameter: OpenApi, definitions: Definitions) -> str | None:
    """Return why the text of a parameter cannot be read as a value; ``None`` if it can."""
    type_ = None if "content" in parameter else type_of_schema(_schema(parameter), definitions)
    if type_ is None or not takes_strings(type_):
        return None
    try:
        strings_converter(type_)
    except TypeError:
        return (
            "is a list of objects or lists, which no style represents; declare its items as "
            "scalars, or write `content: {application/json: ...}` instead of `schema`"
        )
    return None


def _invalid_default(parameter: OpenApi, definitions: Definitions) -> str | None:
    """Return why the default of a parameter is invalid; ``None`` if it is not, or never used."""
    if "content" in parameter or parameter.get("required", parameter["in"] == "path"):
        return None
    schema = _schema(parameter)
    default = default_of(schema, definitions)
    if default is None:
        return None
    try:
        json_converter().structure(default, type_of_schema(schema, definitions))
    except Exception as error:  # of a converter; split by structuring_errors
        reasons = "; ".join(message for _, message in structuring_errors(error))
        is_valid = SchemaCheck(schema, components=definitions).is_valid(default)
        return None if is_valid else f"has the default {shorten(repr(default))}: {reasons}"
    return None


def _schema(parameter: OpenApi) -> Any:
    return parameter.get("schema", {})


# -- security -----------------------------------------------------------------------------------


def undeclared_security(document: Document) -> Iterator[Problem]:
    """Yield the requirements that name a scheme which is not declared."""
    schemes = components_of(document.data, "securitySchemes")
    for pointer, required, operation in _requirements(document):
        for name in required:
            if name not in schemes:
                yield Problem(
                    pointer,
                    f"{name!r} is not declared; put it under components/securitySchemes",
                    operation=operation,
                )


def unusable_schemes(document: Document) -> Iterator[Problem]:
    """Yield the schemes whose credentials no request can contain."""
    reasons: dict[str, tuple[str, str]] = {}
    for name, scheme in components_of(document.data, "securitySchemes").items():
        pointer = pointer_of(["components", "securitySchemes", name])
        problem = document.formal_problem(scheme, pointer)
        if problem is not None:
            reasons[name] = (problem.pointer, problem.message)
            continue
        reason = _unusable(document.resolve(scheme) or {})
        if reason is not None:
            reasons[name] = (pointer, reason)
            yield Problem(pointer, reason)
    if not reasons:
        return
    for operation in _well_formed(document):
        used = {name for each in document.required_security(operation) for name in each}
        for name in sorted(used & reasons.keys()):
            yield Problem(*reasons[name], operation=operation.pointer)


def _unusable(scheme: OpenApi) -> str | None:
    type_, name, method = scheme.get("type"), str(scheme.get("name")), str(scheme.get("scheme"))
    is_in_header = type_ == "apiKey" and scheme.get("in") == "header"
    if is_in_header and not _TOKEN.fullmatch(name):
        return f"not the name of a header field: {name!r}"
    if type_ == "http" and not _TOKEN.fullmatch(method):
        return f"not the name of a scheme of HTTP: {method!r}"
    return None


def _requirements(document: Document) -> Iterator[tuple[str, OpenApi, str | None]]:
    """Yield the security requirements: the pointer, the requirement, and the operation."""
    general = document.data.get("security")
    general = general if isinstance(general, list) else []
    for index, each in enumerate(general):
        if isinstance(each, dict):
            yield f"/security/{index}", each, None
    for operation in document.operations():
        own = operation.data.get("security")
        pointer = "/security" if own is None else f"{operation.pointer}/security"
        listed = general if own is None else own
        for index, each in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(each, dict):
                yield f"{pointer}/{index}", each, operation.pointer
