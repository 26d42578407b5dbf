"""Refusing queries that have parameters which the operation does not.

A misspelt parameter is otherwise passed over in silence, and the client gets an answer to another
question. Names of members that objects spread over the query (``filter[color]=red``) are known,
too, and so are the keys of security schemes. An object that may have any member makes every name
known.
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
    """Return what lists the unknown parameters of a request's query; ``None`` if all are known."""
    names: set[str] = set()
    starts: list[str] = []
    for parameter in operation.parameters:
        if parameter["in"] == "query":
            members = _spread_members(document, parameter)
            if members is None:
                return None
            names |= {parameter["name"], *members}
            if parameter.get("style") == "deepObject":
                starts.append(f"{parameter['name']}[")
    schemes = document.data.get("components", {}).get("securitySchemes", {})
    names |= {each["name"] for each in schemes.values() if each.get("in") == "query"}

    def check(request: Request) -> list[ErrorDetail]:
        if not request.raw_query:
            return []
        unknown = (
            name
            for name in request.query
            if name not in names and not any(name.startswith(start) for start in starts)
        )
        return list(itertools.islice(_faults(unknown, names), MAX_ERRORS))

    return check


def _faults(unknown: Iterator[str], names: set[str]) -> Iterator[ErrorDetail]:
    for name in unknown:
        shown = shorten(name)
        near = difflib.get_close_matches(shown, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "there is no such parameter"
        yield ErrorDetail("query", f"is unknown: {hint}", name=shown)


def _spread_members(document: Document, parameter: dict[str, Any]) -> set[str] | None:
    """Return the names that an object has in the query by itself, ``None`` for any."""
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
    """Return a binder that notes unknown parameters before its own faults."""

    def bind_checked(request: Request, faults: list[ErrorDetail]) -> object:
        faults += check(request)
        return bind(request, faults)

    return bind_checked


def checking_alone(plan: Handler, check: QueryCheck) -> Handler:
    """Return a plan that refuses unknown parameters, where no argument is bound."""

    def run(request: Request) -> Response:
        faults = check(request)
        if faults:
            raise ValidationError(faults)
        return plan(request)

    return run
