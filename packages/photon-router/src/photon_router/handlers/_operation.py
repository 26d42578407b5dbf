"""Code first: a handler's signature to an operation of the document.

The source of an argument is its marker (``Query[int]``, ``Json[Item]`` ...), else the path if the
template contains its name, else the body if its type is a class with members, a mapping or a list
of these, else the query.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import msgspec

from photon_openapi.annotations import (
    origin_of,
    plain_type,
    strip_alias,
    union_members,
    value_type,
    without_none,
)
from photon_openapi.document import CATCH_ALL, OpenApi, parameters_of, shape_of
from photon_openapi.document import parameter_key as parameter_key
from photon_openapi.schema import Member, is_list_like, is_pydantic, members_of
from photon_runtime.callables import location
from photon_runtime.media_types import HTML
from photon_runtime.media_types import JSON as JSON

from ..annotations import In, is_stream, split_annotation
from ..arguments import REST, model_arguments
from ..errors import SignatureError
from ..security import requirements
from ..signatures import ABSENT, MISSING, Argument
from ._entry import HandlerEntry, ParameterKey, ParameterKeys
from ._request_body import RequestBody, file_schema
from ._response_objects import ResponseWriter, merge_members
from ._writer_context import WriterContext

_CATCH_ALL = re.compile(r"(?<=/)\{(\w+):path\}$")

BODY: Final[ParameterKey] = ("body", "")
"""The key of the body as a whole."""


def write_operation(
    entry: HandlerEntry, document: OpenApi, context: WriterContext
) -> ParameterKeys:
    """Write the operation of ``entry`` into ``document``.

    Args:
        entry: The handler.
        document: The document.
        context: The state that the operations of the document share.

    Returns:
        The parameters of the arguments of the handler and its dependencies.

    Raises:
        SignatureError: An argument or the result has a type without a schema, two arguments take
            the body, or the path has a parameter that no argument takes.
    """
    own = _CATCH_ALL.sub(r"{\1}", entry.path)
    paths = document.setdefault("paths", {})
    # OpenAPI has one path for templates that differ only in names: the names of the first are used.
    path = context.paths_by_shape(paths).setdefault(shape_of(own), own)
    item = paths.setdefault(path, {})
    method = entry.method.lower()
    if method in item:
        raise SignatureError(
            f"{location(entry.function)}: {entry.method} {path} has an operation already: "
            f"{item[method].get('operationId')!r}"
        )
    names = dict(zip(parameters_of(own), parameters_of(path), strict=True))
    writer = _Writer(entry, names, context)
    item[method] = writer.operation()
    return writer.sources


@attrs.define
class _Writer:
    """Writes one operation; ``path_names`` maps the handler's names to those of the path."""

    entry: HandlerEntry
    path_names: dict[str, str]
    context: WriterContext
    parameters: dict[ParameterKey, OpenApi] = attrs.field(factory=dict)
    hidden: set[ParameterKey] = attrs.field(factory=set)
    body: OpenApi | None = None
    has_submitted: bool = False
    has_files: bool = False
    request_body: RequestBody = attrs.field(init=False)
    sources: dict[tuple[Callable[..., Any], str], ParameterKey] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin without a body."""
        context = self.context
        self.request_body = RequestBody(self.entry.method, context.builder, context.is_published)

    def operation(self) -> OpenApi:
        """Return the operation object."""
        owned = self.entry.request_arguments(self.context.providers)
        self.has_files = any(_takes_file(argument) for _, argument in owned)
        for owner, argument in owned:
            if not argument.is_request:
                self._add(owner, argument)
        self._check_path()
        operation = self._description()
        shown = [each for origin, each in self.parameters.items() if origin not in self.hidden]
        if shown:
            operation["parameters"] = shown
        self.body = self.request_body.as_openapi()
        if self.body is not None:
            operation["requestBody"] = self.body
        operation |= self._security()
        operation["responses"] = self._responses()
        if "external_docs" in self.entry.options:
            operation["externalDocs"] = {"url": self.entry.options["external_docs"]}
        adapter = self.entry.resolved_adapter()
        if adapter is not None:
            adapter.describe(operation, self.context.builder.schema)
        return merge_members(operation, self.entry.options.get("openapi_extra", {}))

    def _check_path(self) -> None:
        names = {name for origin, name in self.parameters if origin == "path"}
        for name, name_in_path in self.path_names.items():
            if name_in_path not in names:
                raise SignatureError(
                    f"{location(self.entry.function)}: no argument takes {{{name}}} of the path"
                )

    def _security(self) -> OpenApi:
        """Return the security of the operation if its code declares it."""
        if "security" not in self.entry.options:
            return {}
        try:
            return {"security": requirements(self.entry.options["security"])}
        except TypeError as error:
            raise SignatureError(f"{location(self.entry.function)}: {error}") from error

    def _description(self) -> OpenApi:
        """Return the descriptive members of the operation object."""
        options = self.entry.options
        summary, description = _docstring(self.entry.function)
        name = self.entry.operation_id
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
        self.has_submitted |= argument.is_submitted
        try:
            parts = model_arguments(argument)
            if parts == () and argument.is_submitted:
                self.request_body.add_empty_form(argument)
            for each in (argument,) if parts is None else parts:
                self.sources[owner, each.key] = self._write_argument(each)
        except TypeError as error:
            raise SignatureError(f"{location(owner)}, argument {argument.name}: {error}") from error

    def _write_argument(self, argument: Argument) -> ParameterKey:
        """Write the parameter or the body of an argument, and return its key."""
        marker = self._marker(argument)
        is_part = self.has_files and marker.origin == "body" and marker.media == "json"
        if marker.origin == "body" and not is_part:
            self.request_body.add_whole(argument, marker)
            return BODY
        if marker.origin == "form" or is_part:
            return self._write_field(argument)
        parameter = self._parameter(argument, marker.location)
        origin = parameter_key(parameter)
        self.parameters.setdefault(origin, parameter)
        if self._is_hidden(argument):
            self.hidden.add(origin)
        return origin

    def _write_field(self, argument: Argument) -> ParameterKey:
        """Write a field of the form, and return its key."""
        name = argument.wire_name or argument.name
        if argument.is_file:
            self.request_body.add_field(argument, name, file_schema(argument))
        elif takes_rest(argument):
            schema = self._parameter_schema(argument).get("additionalProperties", {})
            self.request_body.add_rest(argument, schema)
            return "form", REST
        elif self.has_files and is_json_field(argument):
            self.request_body.add_json_part(argument, name, self._parameter_schema(argument))
        else:
            self.request_body.add_field(argument, name, self._parameter_schema(argument))
        return "form", name

    def _is_hidden(self, argument: Argument) -> bool:
        param = argument.annotation.param
        return self.context.is_published and param is not None and not param.include_in_schema

    def _marker(self, argument: Argument) -> In:
        if argument.annotation.marker is not None:
            return argument.annotation.marker
        if (argument.wire_name or argument.name) in self.path_names:
            return In("path")
        if is_stream(strip_alias(without_none(argument.annotation.type))):
            return In("body", "raw")
        return In("body", "json") if is_body(argument.annotation.type) else In("query")

    def _parameter(self, argument: Argument, origin: str) -> OpenApi:
        own = argument.wire_name or wire_name(argument.name, origin)
        name = self.path_names.get(own, own) if origin == "path" else own
        parameter: OpenApi = {"name": name, "in": origin}
        schema = self._parameter_schema(argument)
        description = schema.pop("description", None)
        if description is not None:
            parameter["description"] = description
        parameter["required"] = origin == "path" or argument.is_required
        if schema.pop("deprecated", False):
            parameter["deprecated"] = True
        if origin == "path" and self.entry.path.endswith(f"/{{{own}:path}}"):
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
        type_ = without_none(annotation.type)
        present = annotation
        if type_ is not annotation.type:
            present = attrs.evolve(annotation, type=type_)
        # Changed in place: the builder refers to it, to rename references later.
        if argument.member is not None:
            return self._member_schema(argument.member)
        schema: OpenApi = self.context.builder.schema(present.annotated)
        if not any(argument.default is each for each in (MISSING, ABSENT, None, msgspec.UNSET)):
            plain = msgspec.to_builtins(argument.default, order="deterministic")
            schema["default"] = list(plain) if isinstance(plain, tuple) else plain
        return schema

    def _member_schema(self, member: Member) -> OpenApi:
        """Return the schema of a member of a parameter model."""
        annotation = split_annotation(member.type)
        present = attrs.evolve(annotation, type=without_none(annotation.type)).annotated
        schema = self.context.builder.member(attrs.evolve(member, type=present))
        if schema.get("default", 0) is None:
            del schema["default"]  # a parameter cannot be null
        return schema

    def _responses(self) -> OpenApi:
        entry = self.entry
        errors = {}
        if self.body is not None:
            errors["400"] = "The body cannot be read."
            errors["413"] = "The body is too large."
            errors["415"] = "The media type of the body is not supported."
        if self.parameters or self.body is not None:
            errors[str(self.context.validation_status)] = (
                "The request is invalid; lists every error."
            )
        required = self._security().get("security", [])
        if any(required):
            errors["401"] = "The credentials are missing or invalid."
        if any(any(option.values()) for option in required):
            errors["403"] = "The credentials do not allow this operation."
        builder, problem = self.context.builder, self.context.problem
        if entry.adapter is not None:
            upgraded: OpenApi = {"101": {"description": "The protocol of the connection changes."}}
            return upgraded | {code: problem(text) for code, text in errors.items()}
        usual = entry.options.get("status", default_status(entry.signature.result))
        writer = ResponseWriter(
            entry.response_cases, entry.options, usual, builder.sent_schema, problem
        )
        try:
            responses = writer.responses(errors)
        except TypeError as error:
            raise SignatureError(f"{location(entry.function)}, its result: {error}") from error
        if self.has_submitted:
            # The page of a form is shown again with its errors.
            invalid = responses[str(self.context.validation_status)]
            invalid.setdefault("content", {}).setdefault(HTML, {"schema": {"type": "string"}})
        return responses


def default_status(result: object) -> int:
    """Return the default status for a handler's return annotation: 200 or 204."""
    return 204 if plain_type(result) is type(None) else 200


def wire_name(name: str, place: str) -> str:
    """Return an argument's name on the wire: header names have hyphens."""
    return name.replace("_", "-") if place == "header" else name


def is_body(type_: object) -> bool:
    """Return true if a value of this type is a body by default, and not a parameter."""
    plain = strip_alias(without_none(type_))
    members = union_members(plain)
    if members is not None:
        return any(is_body(member) for member in members)
    if members_of(plain) is not None or plain is dict or is_pydantic(plain):
        return True
    origin = origin_of(plain)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    return is_list_like(plain) and any(is_body(item) for item in typing.get_args(plain))


def takes_rest(argument: Argument) -> bool:
    """Return true for ``Form[dict[...]]``, the fields that no other argument takes."""
    marker, plain = argument.annotation.marker, value_type(argument.annotation.type)
    if marker is None or marker.origin != "form" or argument.member is not None:
        return False
    origin = origin_of(plain) or plain
    return isinstance(origin, type) and issubclass(origin, Mapping) and members_of(plain) is None


def is_json_field(argument: Argument) -> bool:
    """Return true if the content of a field beside a file is JSON: of a class, a list of these."""
    if argument.is_file or argument.is_submitted:
        return False
    marker = argument.annotation.marker
    if marker is not None and marker.media == "json":
        return True
    return is_body(argument.annotation.type)


def _takes_file(argument: Argument) -> bool:
    try:
        parts = model_arguments(argument)
    except TypeError:  # reported with the argument
        return False
    return any(each.is_file for each in ((argument,) if parts is None else parts))


def _docstring(function: Callable[..., object]) -> tuple[str, str]:
    """Return summary and description from the docstring."""
    summary, _, description = (inspect.getdoc(function) or "").partition("\n\n")
    return " ".join(summary.split()), description.strip()


def _title(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()
