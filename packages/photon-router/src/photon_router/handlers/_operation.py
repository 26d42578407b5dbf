"""Code first: a handler's signature to an operation of the document.

Where an argument comes from: what its marker says (``Query[int]``, ``Json[Item]`` ...), else the
path if the template has its name, else the body if its type is a class with members, a mapping
or a list of such, else the query.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs
import msgspec

from photon_openapi.annotations import strip_alias, union_members, without_none
from photon_openapi.document import CATCH_ALL, OpenApi, parameters_of, shape_of
from photon_openapi.document import place_of as place_of
from photon_openapi.schema import Member, is_list_like, members_of
from photon_runtime.callables import location
from photon_runtime.media_types import JSON as JSON

from ..annotations._types import (
    In,
    is_stream,
    split_annotation,
)
from ..arguments._spread import spread
from ..errors import SignatureError
from ..responses import plain_type
from ..security._write import requirements
from ..signatures._signature import ABSENT, MISSING, Argument, all_arguments
from ._declared import Route
from ._notes import Notes
from ._request_body import RequestBody, file_schema
from ._response_objects import ResponseWriter, merged

_CATCH_ALL = re.compile(r"(?<=/)\{(\w+):path\}$")

Place: TypeAlias = tuple[str, str]
"""Where an argument's value stands: place and name of a parameter, or `BODY`."""
Places: TypeAlias = Mapping[tuple[Callable[..., Any], str], Place]
"""The place of each argument, by its function and its name."""
BODY: Final[Place] = ("body", "")


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
            f"{location(route.function)}: {route.method} {path} is taken by the operation "
            f"{item[method].get('operationId')!r}"
        )
    names = dict(zip(parameters_of(own), parameters_of(path), strict=True))
    writer = _Writer(route, names, notes)
    item[method] = writer.operation()
    return writer.places


@attrs.define
class _Writer:
    """Writes one operation; ``path_names`` leads from the handler's names to the path's."""

    route: Route
    path_names: dict[str, str]
    notes: Notes
    parameters: dict[Place, OpenApi] = attrs.field(factory=dict)
    hidden: set[Place] = attrs.field(factory=set)
    body: OpenApi | None = None
    taken: RequestBody = attrs.field(init=False)
    places: dict[tuple[Callable[..., Any], str], Place] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin without a body."""
        notes = self.notes
        self.taken = RequestBody(self.route.method, notes.builder, notes.is_published)

    def operation(self) -> OpenApi:
        """Return the operation object."""
        function = self.route.function
        outer = self.route.surroundings.dependencies
        overrides = self.notes.overrides
        for owner, argument in all_arguments(function, self.route.signature, outer, overrides):
            if not argument.is_request:
                self._add(owner, argument)
        taken = {name for place, name in self.parameters if place == "path"}
        for name, written in self.path_names.items():
            if written not in taken:
                raise SignatureError(
                    f"{location(function)}: no argument takes {{{name}}} of the path"
                )
        operation = self._described()
        shown = [each for place, each in self.parameters.items() if place not in self.hidden]
        if shown:
            operation["parameters"] = shown
        self.body = self.taken.written()
        if self.body is not None:
            operation["requestBody"] = self.body
        operation |= self._security()
        operation["responses"] = self._responses()
        if "external_docs" in self.route.options:
            operation["externalDocs"] = {"url": self.route.options["external_docs"]}
        return merged(operation, self.route.options.get("openapi_extra", {}))

    def _security(self) -> OpenApi:
        """Return who may call it, where code says so and not the document as a whole."""
        if "security" not in self.route.options:
            return {}
        try:
            return {"security": requirements(self.route.options["security"])}
        except TypeError as error:
            raise SignatureError(f"{location(self.route.function)}: {error}") from error

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
        try:
            for each in spread(argument) or (argument,):
                self.places[owner, each.key] = self._place(each)
        except TypeError as error:
            raise SignatureError(f"{location(owner)}, argument {argument.name}: {error}") from error

    def _place(self, argument: Argument) -> Place:
        """Write down where an argument comes from, and return it."""
        marker = self._marker(argument)
        if marker.place == "body":
            self.taken.take_whole(argument, marker)
            return BODY
        if marker.place == "form":
            name = argument.wire_name or argument.name
            schema = file_schema(argument) if argument.is_file else self._parameter_schema(argument)
            self.taken.take_field(argument, name, schema)
            return "form", name
        parameter = self._parameter(argument, marker.location)
        place = place_of(parameter)
        self.parameters.setdefault(place, parameter)
        if self._is_hidden(argument):
            self.hidden.add(place)
        return place

    def _is_hidden(self, argument: Argument) -> bool:
        param = argument.annotation.param
        return self.notes.is_published and param is not None and not param.include_in_schema

    def _marker(self, argument: Argument) -> In:
        if argument.annotation.marker is not None:
            return argument.annotation.marker
        if (argument.wire_name or argument.name) in self.path_names:
            return In("path")
        if is_stream(strip_alias(without_none(argument.annotation.type))):
            return In("body", "raw")
        return In("body", "json") if is_body(argument.annotation.type) else In("query")

    def _parameter(self, argument: Argument, place: str) -> OpenApi:
        own = argument.wire_name or wire_name(argument.name, place)
        name = self.path_names.get(own, own) if place == "path" else own
        parameter: OpenApi = {"name": name, "in": place}
        schema = self._parameter_schema(argument)
        description = schema.pop("description", None)
        if description is not None:
            parameter["description"] = description
        parameter["required"] = place == "path" or argument.is_required
        if schema.pop("deprecated", False):
            parameter["deprecated"] = True
        if place == "path" and self.route.path.endswith(f"/{{{own}:path}}"):
            parameter[CATCH_ALL] = True
        param = argument.annotation.param
        if param is not None and param.style is not None:
            parameter["style"] = param.style
        if param is not None and param.explode is not None:
            parameter["explode"] = param.explode
        parameter["schema"] = schema
        return parameter

    def _parameter_schema(self, argument: Argument) -> OpenApi:
        annotation = argument.annotation
        present = attrs.evolve(annotation, type=without_none(annotation.type))
        # Changed in place: the builder keeps hold of references, to rename them.
        if argument.member is not None:
            return self._member_schema(argument.member)
        schema: OpenApi = self.notes.builder.schema(present.annotated)
        if not any(argument.default is each for each in (MISSING, ABSENT, None)):
            plain = msgspec.to_builtins(argument.default, order="deterministic")
            schema["default"] = list(plain) if isinstance(plain, tuple) else plain
        return schema

    def _member_schema(self, member: Member) -> OpenApi:
        """Return the schema of a member whose class is spread over parameters."""
        annotation = split_annotation(member.type)
        present = attrs.evolve(annotation, type=without_none(annotation.type)).annotated
        schema = self.notes.builder.member(attrs.evolve(member, type=present))
        if schema.get("default", 0) is None:
            del schema["default"]  # what is not sent has no value
        return schema

    def _responses(self) -> OpenApi:
        route = self.route
        refusals = {}
        if self.body is not None:
            refusals["400"] = "The body cannot be read."
            refusals["413"] = "The body is too large."
            refusals["415"] = "The body is of a type that is not read here."
        if self.parameters or self.body is not None:
            refusals[str(self.notes.refusal)] = "The request does not fit; lists every fault."
        required = self._security().get("security", [])
        if any(required):
            refusals["401"] = "The credentials are missing, or not accepted."
        if any(any(option.values()) for option in required):
            refusals["403"] = "The credentials do not allow this."
        builder, problem = self.notes.builder, self.notes.problem
        usual = route.options.get("status", default_status(route.signature.result))
        writer = ResponseWriter(route.outcomes, route.options, usual, builder.schema, problem)
        try:
            return writer.responses(refusals)
        except TypeError as error:
            raise SignatureError(f"{location(route.function)}, its result: {error}") from error


def default_status(result: object) -> int:
    """Return the status of an answer whose handler returns ``result``'s type: 200 or 204."""
    return 204 if plain_type(result) is type(None) else 200


def wire_name(name: str, place: str) -> str:
    """Return an argument's name on the wire: header names have hyphens."""
    return name.replace("_", "-") if place == "header" else name


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


def _texts(function: Callable[..., object]) -> tuple[str, str]:
    """Return summary and description from the docstring."""
    summary, _, description = (inspect.getdoc(function) or "").partition("\n\n")
    return " ".join(summary.split()), description.strip()


def _title(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()
