"""Code first: a handler's signature to an operation of the document.

Where an argument comes from: what its marker says (``Query[int]``, ``Json[Item]`` ...), else the
path if the template has its name, else the body if its type is a class with members, a mapping
or a list of such, else the query.
"""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypedDict

import attrs
import msgspec

from photon_runtime.http import Response

from ._document import CATCH_ALL, OpenApi
from ._match import parameters_of, shape_of
from ._members import members_of
from ._schema import COMPONENT_PREFIX, SchemaBuilder, is_list_like
from ._signature import MISSING, Argument, Signature, all_arguments, where
from ._types import In, strip_alias, union_members
from .errors import SignatureError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"
BYTES = "application/octet-stream"
TEXT = "text/plain"
_CATCH_ALL = re.compile(r"(?<=/)\{(\w+):path\}$")

Place: TypeAlias = tuple[str, str]
"""Where an argument's value stands: place and name of a parameter, or `BODY`."""
Places: TypeAlias = Mapping[tuple[Callable[..., Any], str], Place]
"""The place of each argument, by its function and its name."""
BODY: Final[Place] = ("body", "")


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


def check_options(options: Mapping[str, object]) -> None:
    """Refuse an option that decorators do not have.

    Raises:
        SignatureError: There is one; names the nearest valid one.
    """
    known = sorted(RouteOptions.__annotations__)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise SignatureError(f"{name!r} is no option of a handler: {hint}")


@attrs.frozen
class Route:
    """A handler declared by a decorator.

    Attributes:
        function: The handler.
        signature: Its signature.
        method: In capitals.
        path: The template, ``{name:path}`` for a catch-all.
        operation_id: The name of the operation.
        options: What the decorator said.
    """

    function: Callable[..., object]
    signature: Signature
    method: str
    path: str
    operation_id: str
    options: RouteOptions


def name_operation(
    function: Callable[..., object], method: str, path: str, *, others: Sequence[Route]
) -> str:
    """Return the name of an operation that has none of its own: the function's.

    A function that has a route already is told apart by method and path.

    Raises:
        SignatureError: The handler is an object without a name.
    """
    name: str | None = getattr(function, "__name__", None)
    if name is None:
        raise SignatureError(
            f"{where(function)} has no name to call its operation by: give it an operation_id"
        )
    if any(other.function == function and other.operation_id == name for other in others):
        slug = re.sub(r"\W+", "_", path).strip("_")
        name = f"{name}_{method.lower()}_{slug}".rstrip("_")
    return name


def write_operation(route: Route, document: OpenApi, notes: Notes) -> Places:
    """Write the operation of ``route`` into ``document``.

    Args:
        route: The route.
        document: The document.
        notes: What the operations of the document share.

    Returns:
        Where the arguments of the handler, and of its dependencies, have their values.

    Raises:
        SignatureError: An argument or the result has a type without a schema, there are two
            bodies, or the path has a parameter that no argument takes.
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
    writer = _Writer(route, names, notes)
    item[method] = writer.operation()
    return writer.places


@attrs.define
class Notes:
    """What the operations of one document share while they are written.

    Attributes:
        refusal: Status of the answer to requests that do not fit.
        builder: Collects the schemas of classes.
        problems: References to the schema of problem documents; its name is settled at last.
    """

    refusal: int
    builder: SchemaBuilder = attrs.field(factory=SchemaBuilder)
    problems: list[OpenApi] = attrs.field(factory=list)

    def problem(self, description: str) -> OpenApi:
        """Return the response object of a problem document."""
        reference: OpenApi = {}
        self.problems.append(reference)
        return {"description": description, "content": {PROBLEM: {"schema": reference}}}

    def schemas(self, taken: Mapping[str, object]) -> dict[str, OpenApi]:
        """Return the components that the operations refer to; to be called at last.

        Args:
            taken: Components of the document beside these.
        """
        schemas = dict(self.builder.components)
        if self.problems:
            name, number = "ProblemDocument", 2
            while name in schemas or taken.get(name, PROBLEM_SCHEMA) != PROBLEM_SCHEMA:
                name, number = f"ProblemDocument_{number}", number + 1
            schemas[name] = PROBLEM_SCHEMA
            for reference in self.problems:
                reference["$ref"] = COMPONENT_PREFIX + name
        return schemas


@attrs.define
class _Writer:
    """Writes one operation; ``path_names`` leads from the handler's names to the path's."""

    route: Route
    path_names: dict[str, str]
    notes: Notes
    parameters: dict[Place, OpenApi] = attrs.field(factory=dict)
    body: OpenApi | None = None
    places: dict[tuple[Callable[..., Any], str], Place] = attrs.field(factory=dict)

    def operation(self) -> OpenApi:
        """Return the operation object."""
        function = self.route.function
        for owner, argument in all_arguments(function, self.route.signature):
            if not argument.is_request:
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
        }
        return {
            "operationId": name,
            "summary": options.get("summary") or summary or _title(name),
        } | {key: value for key, value in optional.items() if value}

    def _add(self, owner: Callable[..., object], argument: Argument) -> None:
        marker = self._marker(argument)
        try:
            if marker.location == "body":
                self._set_body(argument, marker)
                place = BODY
            else:
                parameter = self._parameter(argument, marker.location)
                place = place_of(parameter)
                self.parameters.setdefault(place, parameter)
        except TypeError as error:
            raise SignatureError(f"{where(owner)}, argument {argument.name}: {error}") from error
        self.places[owner, argument.name] = place

    def _marker(self, argument: Argument) -> In:
        if argument.annotation.marker is not None:
            return argument.annotation.marker
        if (argument.wire_name or argument.name) in self.path_names:
            return In("path")
        return In("body", "json") if is_body(argument.annotation.type) else In("query")

    def _parameter(self, argument: Argument, place: str) -> OpenApi:
        own = argument.wire_name or wire_name(argument.name, place)
        name = self.path_names.get(own, own) if place == "path" else own
        parameter: OpenApi = {"name": name, "in": place}
        param = argument.annotation.param
        if param is not None and param.description is not None:
            parameter["description"] = param.description
        parameter["required"] = place == "path" or argument.is_required
        if param is not None and param.deprecated:
            parameter["deprecated"] = True
        if place == "path" and self.route.path.endswith(f"/{{{own}:path}}"):
            parameter[CATCH_ALL] = True
        parameter["schema"] = self._parameter_schema(argument)
        return parameter

    def _parameter_schema(self, argument: Argument) -> OpenApi:
        annotation = argument.annotation
        present = attrs.evolve(annotation, type=without_none(annotation.type))
        # Changed in place: the builder keeps hold of references, to rename them.
        schema: OpenApi = self.notes.builder.schema(present.annotated)
        schema.pop("description", None)  # stands at the parameter itself
        schema.pop("deprecated", None)
        if argument.default is not MISSING and argument.default is not None:
            schema["default"] = msgspec.to_builtins(argument.default, order="deterministic")
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
            schema = self.notes.builder.schema(argument.annotation.annotated)
        self.body = {
            "content": {media: {"schema": schema} if schema else {}},
            "required": argument.is_required,
        }

    def _responses(self) -> OpenApi:
        options, result = self.route.options, _without_response(self.route.signature.result)
        status = options.get("status", default_status(result))
        answer: OpenApi = {"description": "The answer." if status != 204 else "Done."}
        if status != 204 and result is not Response:
            answer["content"] = {JSON: {"schema": self._result_schema(result)}}
        responses: OpenApi = {str(status): answer}
        for code, response in options.get("responses", {}).items():
            if isinstance(response, str):
                responses[str(code)] = self.notes.problem(response)
            else:
                responses[str(code)] = dict(response)
        refusals = {}
        if self.body is not None:
            refusals["400"] = "The body cannot be read."
        if self.parameters or self.body is not None:
            refusals[str(self.notes.refusal)] = "The request does not fit; lists every fault."
        for refusal, text in refusals.items():
            if refusal not in responses:
                responses[refusal] = self.notes.problem(text)
        return dict(sorted(responses.items()))

    def _result_schema(self, result: object) -> OpenApi:
        try:
            return {} if result is MISSING else self.notes.builder.schema(result)
        except TypeError as error:
            raise SignatureError(f"{where(self.route.function)}, its result: {error}") from error


def _without_response(result: Any) -> Any:
    """Return ``T`` for ``T | Response``: a response that is made by hand has no schema."""
    members = union_members(result) or ()
    others = tuple(member for member in members if member is not Response)
    return typing.Union[others] if 0 < len(others) < len(members) else result  # noqa: UP007 - computed


def place_of(parameter: OpenApi) -> Place:
    """Return place and name of a parameter, by which it is told from all others."""
    place, name = parameter["in"], parameter["name"]
    return place, name.lower() if place == "header" else name


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


def is_body(type_: object) -> bool:
    """Say whether a value of this type is a body rather than a parameter, if nothing tells."""
    plain = strip_alias(without_none(type_))
    members = union_members(plain)
    if members is not None:
        return any(is_body(member) for member in members)
    if members_of(plain) is not None or plain is dict:
        return True
    origin = typing.get_origin(plain)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    return is_list_like(plain) and any(is_body(item) for item in typing.get_args(plain))


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
