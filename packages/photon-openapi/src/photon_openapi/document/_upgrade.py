"""Documents of OpenAPI 3.0 as documents of 3.1.

Between the two versions schemas changed their language: 3.0 has a dialect of its own, 3.1 has JSON
Schema 2020-12. Here the one is written in the words of the other, so that everything else knows one
dialect alone. What has the same meaning in both stays as it is. In what 3.0 says of schemas:

=============================================  =================================================
3.0                                            3.1
=============================================  =================================================
``nullable: true``                             ``null`` among the types, and among the ``enum``
``minimum: 3, exclusiveMinimum: true``         ``exclusiveMinimum: 3``, and so the maximum
``example: x``                                 ``examples: [x]``
``type: string, format: byte``                 ``contentEncoding: base64``
``type: string, format: binary``               ``contentMediaType: application/octet-stream``
``$ref`` with other members beside it          the others do not count in 3.0, and are left out
``required: [id]``, where it is ``readOnly``   not required, which 3.0 means of answers alone
=============================================  =================================================

Everything that was written anew is told, with its place, as a warning.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

from ._schemas import schemas_in
from ._shape import Problem, problems_of_shape

VERSION: Final = "3.1.1"
_LISTS = ("allOf", "anyOf", "oneOf")


def is_old(data: Any) -> bool:
    """Say whether a document is one of OpenAPI 3.0."""
    version = data.get("openapi") if isinstance(data, dict) else None
    return isinstance(version, str) and (version == "3.0" or version.startswith("3.0."))


def upgraded(data: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return a document as one of 3.1, and what was written anew.

    A document that is no right one of 3.0 is left as it is: what is wrong with it is told in the
    words of its own version.
    """
    if not is_old(data) or problems_of_shape(data):
        return data, []
    result = {**copy.deepcopy(data), "openapi": VERSION}
    warnings = [Problem("/openapi", f"{data['openapi']} is read as {VERSION}")]
    # Found first and changed afterwards: a walk does not like that.
    for location in list(schemas_in(result)):
        for message in _mend(location.schema):
            warnings.append(Problem(location.pointer, message))
    return result, warnings


def _mend(schema: dict[str, Any]) -> Iterator[str]:
    """Write one schema anew, in place, and yield what was done."""
    if "$ref" in schema:
        beside = [key for key in schema if key != "$ref"]
        for key in beside:
            del schema[key]
        if beside:
            yield f"{', '.join(beside)} beside $ref does not count in 3.0 and is left out"
        return
    for mend in _MENDERS:
        message = mend(schema)
        if message is not None:
            yield message


def _mend_limits(schema: dict[str, Any]) -> str | None:
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
    return "exclusiveMinimum and exclusiveMaximum are limits in 3.1, no flags" if changed else None


def _mend_null(schema: dict[str, Any]) -> str | None:
    if "nullable" not in schema:
        return None
    is_nullable = schema.pop("nullable")
    if is_nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif is_nullable and any(key in schema for key in _LISTS):
        # By the letter of 3.0.3 it says nothing without a type; all who write it mean this.
        inner = dict(schema)
        schema.clear()
        schema["anyOf"] = [inner, {"type": "null"}]
    return "nullable is null among the types in 3.1"


def _mend_example(schema: dict[str, Any]) -> str | None:
    if "example" not in schema:
        return None
    schema["examples"] = [schema.pop("example")]
    return "example is examples in 3.1"


def _mend_bytes(schema: dict[str, Any]) -> str | None:
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


def _mend_required(schema: dict[str, Any]) -> str | None:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    lifted = [name for name in required if properties.get(name, {}).get("readOnly")]
    if not lifted:
        return None
    schema["required"] = [name for name in required if name not in lifted]
    if not schema["required"]:
        del schema["required"]
    return f"{', '.join(lifted)}: readOnly is not required of requests in 3.0, but would be in 3.1"


_MENDERS: tuple[Callable[[dict[str, Any]], str | None], ...] = (
    _mend_limits,
    _mend_null,
    _mend_example,
    _mend_bytes,
    _mend_required,
)
