"""Documents of OpenAPI 3.0 as documents of 3.1.

Between the two versions the dialect of schemas changed: 3.0 has its own, 3.1 has JSON Schema
2020-12. This module rewrites the former as the latter, so that all other modules support only one
dialect. Keywords with the same meaning in both are not changed. The others:

=============================================  =================================================
3.0                                            3.1
=============================================  =================================================
``nullable: true``                             ``null`` among the types, and among the ``enum``
``minimum: 3, exclusiveMinimum: true``         ``exclusiveMinimum: 3``; same for the maximum
``example: x``                                 ``examples: [x]``
``type: string, format: byte``                 ``contentEncoding: base64``
``type: string, format: binary``               ``contentMediaType: application/octet-stream``
``$ref`` with other members beside it          the others, which 3.0 ignores, are removed
``required: [id]``, where it is ``readOnly``   not required: in 3.0 it applies to responses only
=============================================  =================================================

Each part that is rewritten is reported, with its location, as a warning.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

from ._schema_errors import Problem, schema_errors
from ._schemas import schemas_in

VERSION: Final = "3.1.1"
_LISTS = ("allOf", "anyOf", "oneOf")


def is_old(data: Any) -> bool:
    """Return whether a document is one of OpenAPI 3.0."""
    version = data.get("openapi") if isinstance(data, dict) else None
    return isinstance(version, str) and (version == "3.0" or version.startswith("3.0."))


def upgraded(
    data: dict[str, Any], *, despite_errors: bool = False
) -> tuple[dict[str, Any], list[Problem]]:
    """Return a document as one of 3.1, and the list of rewritten parts.

    A document of 3.0 with errors is not changed, so that its errors are reported by the schema of
    its own version.

    Args:
        data: The document.
        despite_errors: Also changes a document with errors, as far as it is well-formed.
    """
    if not is_old(data) or (not despite_errors and schema_errors(data, limit=1)):
        return data, []
    result = {**copy.deepcopy(data), "openapi": VERSION}
    warnings = [Problem("/openapi", f"{data['openapi']} is read as {VERSION}")]
    # The list is complete before the first change: the walk must not see changed schemas.
    for location in list(schemas_in(result)):
        for message in _rewrite(location.schema):
            warnings.append(Problem(location.pointer, message))
    return result, warnings


def _rewrite(schema: dict[str, Any]) -> Iterator[str]:
    """Rewrite one schema in place, and yield a message for each change."""
    if "$ref" in schema:
        beside = [key for key in schema if key != "$ref"]
        for key in beside:
            del schema[key]
        if beside:
            yield f"{', '.join(beside)} beside $ref is ignored in 3.0 and is removed"
        return
    for rewrite in _REWRITES:
        message = rewrite(schema)
        if message is not None:
            yield message


def _rewrite_limits(schema: dict[str, Any]) -> str | None:
    changed = False
    for limit, exclusive in (
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ):
        flag = schema.get(exclusive)
        if isinstance(flag, bool):
            changed = True
            del schema[exclusive]
            if flag and limit in schema:
                schema[exclusive] = schema.pop(limit)
    return "exclusiveMinimum and exclusiveMaximum are numbers in 3.1" if changed else None


def _rewrite_null(schema: dict[str, Any]) -> str | None:
    if "nullable" not in schema:
        return None
    is_nullable = schema.pop("nullable")
    if is_nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif is_nullable and any(key in schema for key in _LISTS):
        # By the letter of 3.0.3 it has no effect without a type; in practice it means this.
        inner = dict(schema)
        schema.clear()
        schema["anyOf"] = [inner, {"type": "null"}]
    return "nullable: true is the type null in 3.1"


def _rewrite_example(schema: dict[str, Any]) -> str | None:
    if "example" not in schema:
        return None
    schema["examples"] = [schema.pop("example")]
    return "example is replaced by examples in 3.1"


def _rewrite_bytes(schema: dict[str, Any]) -> str | None:
    if schema.get("type") not in ("string", ["string", "null"]):
        return None
    kind = schema.get("format")
    if kind == "byte":
        del schema["format"]
        schema["contentEncoding"] = "base64"
        return "format: byte is contentEncoding: base64 in 3.1"
    if kind == "binary":
        del schema["format"]
        schema["contentMediaType"] = "application/octet-stream"
        return "format: binary is contentMediaType in 3.1"
    return None


def _rewrite_required(schema: dict[str, Any]) -> str | None:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return None
    members = {name: each for name, each in properties.items() if isinstance(each, dict)}
    lifted = [
        name for name in required if isinstance(name, str) and members.get(name, {}).get("readOnly")
    ]
    if not lifted:
        return None
    schema["required"] = [name for name in required if name not in lifted]
    if not schema["required"]:
        del schema["required"]
    return f"{', '.join(lifted)}: readOnly is not required of requests in 3.0, but would be in 3.1"


_REWRITES: tuple[Callable[[dict[str, Any]], str | None], ...] = (
    _rewrite_limits,
    _rewrite_null,
    _rewrite_example,
    _rewrite_bytes,
    _rewrite_required,
)
