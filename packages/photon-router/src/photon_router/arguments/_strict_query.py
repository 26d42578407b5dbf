"""Strict queries: rejection of parameters that the operation does not have.

Without it a misspelt parameter is ignored, and the client gets the response to another request. The
members of objects in the query (``filter[color]=red``) are known names, and so are the keys of
security schemes. If an object may have any member, every name is known.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from photon_openapi.document import Document, Operation
from photon_openapi.errors import MAX_ERRORS, ErrorDetail, ValidationError
from photon_openapi.messages import shorten
from photon_openapi.schema import properties_of
from photon_runtime.http import Handler, Request, Response

from ._parameters import Binder

QueryCheck = Callable[[Request], list[ErrorDetail]]


def query_check(document: Document, operation: Operation) -> QueryCheck | None:
    """Return the check for unknown parameters in a query; ``None`` if every name is known."""
    names: set[str] = set()
    prefixes: list[str] = []
    for parameter in operation.parameters:
        if parameter["in"] == "query":
            members = _exploded_members(document, parameter)
            if members is None:
                return None
            names |= {parameter["name"], *members}
            if parameter.get("style") == "deepObject":
                prefixes.append(f"{parameter['name']}[")
    schemes = document.data.get("components", {}).get("securitySchemes", {})
    names |= {each["name"] for each in schemes.values() if each.get("in") == "query"}

    def check(request: Request) -> list[ErrorDetail]:
        if not request.raw_query:
            return []
        unknown = (
            name
            for name in request.query
            if name not in names and not any(name.startswith(prefix) for prefix in prefixes)
        )
        return list(itertools.islice(_error_details(unknown, names), MAX_ERRORS))

    return check


def _error_details(unknown: Iterator[str], names: set[str]) -> Iterator[ErrorDetail]:
    for name in unknown:
        shown = shorten(name)
        near = difflib.get_close_matches(shown, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "the operation has no such parameter"
        yield ErrorDetail("query", f"is unknown: {hint}", name=shown)


def _exploded_members(document: Document, parameter: dict[str, Any]) -> set[str] | None:
    """Return the names that an exploded object has in the query, ``None`` for any."""
    style = parameter.get("style", "form")
    schema = document.definitions.followed(parameter.get("schema", {}))
    if style != "form" or not parameter.get("explode", True) or not isinstance(schema, dict):
        return set()
    if "object" not in (schema.get("type"), *schema.get("type", ())):
        return set()
    if schema.get("additionalProperties", True) is not False:
        return None
    return set(properties_of(schema, document.definitions))


def checking_first(bind: Binder, check: QueryCheck) -> Binder:
    """Return a binder that adds unknown parameters before its own errors."""

    def bind_checked(request: Request, errors: list[ErrorDetail]) -> object:
        errors += check(request)
        return bind(request, errors)

    return bind_checked


def checking_alone(handler: Handler, check: QueryCheck) -> Handler:
    """Return a handler without bound arguments that rejects unknown parameters."""

    def run(request: Request) -> Response:
        errors = check(request)
        if errors:
            raise ValidationError(errors)
        return handler(request)

    return run
