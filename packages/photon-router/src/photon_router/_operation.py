"""Code first: a handler's signature to an operation of the document.

Where an argument comes from: what its marker says (``Query[int]``, ``Json[Item]`` ...), else the
path if the template has its name, else the body if its type is a class with members, a mapping
or a list of such, else the query.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import attrs
import msgspec

from photon_runtime.http import Response

from ._document import ARGUMENT, CATCH_ALL, HIDDEN, OpenApi
from ._match import parameters_of, shape_of
from ._members import members_of
from ._schema import SchemaBuilder, is_list_like
from ._signature import MISSING, Argument, Signature, read_signature, where
from ._types import In, Location, strip_alias, union_members
from .errors import SignatureError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"
BYTES = "application/octet-stream"
TEXT = "text/plain"
_CATCH_ALL = re.compile(r"\{(\w+):path\}$")


class RouteOptions(TypedDict, total=False):
    """What a decorator may say of an operation beside method and path.

    Attributes:
        status: Status of the answer where the handler gives none; 200, or 204 for ``-> None``.
        tags: Groups in the documentation.
        summary: One line; by default the first of the docstring.
        description: Longer text; by default the rest of the docstring.
        operation_id: Name of the operation; by default the function's.
        deprecated: Whether clients should stop using it.
        include_in_schema: Whether it stands in the published document.
        responses: Further responses by status: ``{404: "no such item"}`` or response objects.
    """

    status: int
    tags: Sequence[str]
    summary: str
    description: str
    operation_id: str
    deprecated: bool
    include_in_schema: bool
    responses: Mapping[int, str | Mapping[str, Any]]


@attrs.frozen
class Route:
    """A handler declared by a decorator.

    Attributes:
        function: The handler.
        signature: Its signature.
        method: In capitals.
        path: The template, ``{name:path}`` for a catch-all.
        options: What the decorator said.
    """

    function: Callable[..., object]
    signature: Signature
    method: str
    path: str
    options: RouteOptions

    @property
    def operation_id(self) -> str:
        """The name of the operation."""
        return self.options.get("operation_id") or self.function.__name__


def write_operation(route: Route, document: OpenApi, builder: SchemaBuilder) -> None:
    """Write the operation of ``route`` into ``document``.

    Raises:
        SignatureError: An argument has a type without a schema, there are two bodies, or the
            path has a parameter that no argument takes.
    """
    own = _CATCH_ALL.sub(r"{\1}", route.path)
    paths = document.setdefault("paths", {})
    # OpenAPI has one path for templates that differ in names alone: the first one's names stay.
    path = next((other for other in paths if shape_of(other) == shape_of(own)), own)
    item = paths.setdefault(path, {})
    method = route.method.lower()
    if method in item:
        raise SignatureError(
            f"{where(route.function)}: {route.method} {path} is taken by the operation "
            f"{item[method].get('operationId')!r}"
        )
    names = dict(zip(parameters_of(own), parameters_of(path), strict=True))
    item[method] = _Writer(route, names, builder).operation()


@attrs.define
class _Writer:
    """Writes one operation; ``path_names`` leads from the handler's names to the path's."""

    route: Route
    path_names: dict[str, str]
    builder: SchemaBuilder
    parameters: dict[tuple[str, str], OpenApi] = attrs.field(factory=dict)
    body: OpenApi | None = None

    def operation(self) -> OpenApi:
        """Return the operation object."""
        function = self.route.function
        for owner, argument in _flat(function, self.route.signature, set()):
            self._add(owner, argument)
        taken = {name for place, name in self.parameters if place == "path"}
        for name, written in self.path_names.items():
            if written not in taken:
                raise SignatureError(f"{where(function)}: no argument takes {{{name}}} of the path")
        operation = self._described()
        if self.parameters:
            operation["parameters"] = list(self.parameters.values())
        if self.body is not None:
            operation["requestBody"] = self.body
        operation["responses"] = self._responses()
        return operation

    def _described(self) -> OpenApi:
        """Return the beginning of the operation object: what people read."""
        options = self.route.options
        summary, description = _texts(self.route.function)
        name = self.route.operation_id
        optional = {
            "description": options.get("description") or description,
            "tags": list(options.get("tags", ())),
            "deprecated": options.get("deprecated", False),
            HIDDEN: not options.get("include_in_schema", True),
        }
        return {
            "operationId": name,
            "summary": options.get("summary") or summary or _title(name),
        } | {key: value for key, value in optional.items() if value}

    def _add(self, owner: Callable[..., object], argument: Argument) -> None:
        marker = self._place(argument)
        try:
            if marker.location == "body":
                self._set_body(argument, marker)
            else:
                parameter = self._parameter(argument, marker.location)
                key = marker.location, parameter["name"]
                self.parameters.setdefault(key, parameter)
        except TypeError as error:
            raise SignatureError(f"{where(owner)}, argument {argument.name}: {error}") from error

    def _place(self, argument: Argument) -> In:
        if argument.annotation.marker is not None:
            return argument.annotation.marker
        if (argument.wire_name or argument.name) in self.path_names:
            return In("path")
        return In("body", "json") if _is_body(argument.annotation.type) else In("query")

    def _parameter(self, argument: Argument, place: Location) -> OpenApi:
        name = argument.wire_name or wire_name(argument.name, place)
        own = name
        if place == "path":
            name = self.path_names.get(name, name)
        parameter: OpenApi = {"name": name, "in": place}
        if name != own:
            parameter[ARGUMENT] = argument.name
        param = argument.annotation.param
        if param is not None and param.description is not None:
            parameter["description"] = param.description
        parameter["required"] = place == "path" or argument.is_required
        if param is not None and param.deprecated:
            parameter["deprecated"] = True
        if self.route.path.endswith(f"{{{own}:path}}"):
            parameter[CATCH_ALL] = True
        parameter["schema"] = self._parameter_schema(argument)
        return parameter

    def _parameter_schema(self, argument: Argument) -> OpenApi:
        annotation = argument.annotation
        present = attrs.evolve(annotation, type=without_none(annotation.type))
        # Changed in place: the builder keeps hold of references, to rename them.
        schema: OpenApi = self.builder.schema(present.annotated)
        schema.pop("description", None)  # stands at the parameter itself
        schema.pop("deprecated", None)
        if argument.default is not MISSING and argument.default is not None:
            schema["default"] = msgspec.to_builtins(argument.default)
        return schema

    def _set_body(self, argument: Argument, marker: In) -> None:
        if self.body is not None:
            raise SignatureError(
                "a request has one body: put what belongs together into one attrs class, or mark "
                "a parameter with Query, Header or Cookie"
            )
        media = body_media(marker, argument.annotation.type)
        schema: OpenApi = {}
        if marker.media in ("json", "form"):
            schema = self.builder.schema(argument.annotation.annotated)
        self.body = {
            "content": {media: {"schema": schema} if schema else {}},
            "required": argument.is_required,
        }

    def _responses(self) -> OpenApi:
        options, result = self.route.options, self.route.signature.result
        status = options.get("status", default_status(result))
        answer: OpenApi = {"description": "The answer." if status != 204 else "Done."}
        if status != 204 and result is not Response:
            schema = {} if result is MISSING else self.builder.schema(result)
            answer["content"] = {JSON: {"schema": schema}}
        responses: OpenApi = {str(status): answer}
        for code, response in options.get("responses", {}).items():
            if isinstance(response, str):
                responses[str(code)] = _problem(response)
            else:
                responses[str(code)] = dict(response)
        if self.parameters or self.body is not None:
            responses.setdefault("422", _problem("The request does not fit; lists every fault."))
        if self.body is not None:
            responses.setdefault("400", _problem("The body cannot be read."))
        return dict(sorted(responses.items()))


def _flat(
    owner: Callable[..., object], signature: Signature, seen: set[Callable[..., object]]
) -> Iterator[tuple[Callable[..., object], Argument]]:
    """Yield the arguments that come from the request, those of dependencies included."""
    for argument in signature.arguments:
        if argument.dependency is not None:
            provider = argument.dependency.provider
            if provider not in seen:
                seen.add(provider)
                yield from _flat(provider, read_signature(provider), seen)
        elif not argument.is_request:
            yield owner, argument


def default_status(result: object) -> int:
    """Return the status of an answer whose handler returns ``result``'s type: 200 or 204."""
    return 204 if result in (None, type(None)) else 200


def wire_name(name: str, place: str) -> str:
    """Return an argument's name on the wire: header names have hyphens."""
    return name.replace("_", "-") if place == "header" else name


def without_none(type_: Any) -> Any:
    """Return ``T`` for ``T | None``: a parameter that is not sent has no value at all."""
    members = union_members(type_)
    if members is None:
        return type_
    present = tuple(member for member in members if member is not type(None))
    return typing.Union[present] if present else type_  # noqa: UP007 - of a computed tuple


def body_media(marker: In, type_: object) -> str:
    """Return the media type of a body that is marked ``marker`` and read as ``type_``."""
    if marker.media == "raw":
        return TEXT if type_ is str else BYTES
    return FORM if marker.media == "form" else JSON


def _is_body(type_: object) -> bool:
    plain = strip_alias(without_none(type_))
    members = union_members(plain)
    if members is not None:
        return any(_is_body(member) for member in members)
    if members_of(plain) is not None or plain is dict:
        return True
    origin = typing.get_origin(plain)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    return is_list_like(plain) and any(_is_body(item) for item in typing.get_args(plain))


def _problem(description: str) -> OpenApi:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": description, "content": {PROBLEM: {"schema": schema}}}


PROBLEM_SCHEMA: OpenApi = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Every fault of the request.",
            "items": {
                "type": "object",
                "properties": {
                    "in": {"enum": ["path", "query", "header", "cookie", "body"]},
                    "name": {"type": "string", "description": "Name of the parameter."},
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "message": {"type": "string"},
                },
                "required": ["in", "message"],
            },
        },
    },
    "required": ["type", "title", "status"],
}


def _texts(function: Callable[..., object]) -> tuple[str, str]:
    """Return summary and description from the docstring."""
    summary, _, description = (inspect.getdoc(function) or "").partition("\n\n")
    return " ".join(summary.split()), description.strip()


def _title(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()
