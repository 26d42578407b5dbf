"""Parameters of a request: the location of their strings, and the conversion to values.

Everything that depends only on the operation is computed once, at start-up. A binder is a closure
that takes the request and returns the argument; it adds errors of the request to a list and
continues, so that one response can list all of them.
"""

from __future__ import annotations

import datetime
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from photon_openapi.annotations import origin_of, plain_type, value_type, without_none
from photon_openapi.codec import (
    SchemaDecoder,
    json_converter,
    strings_converter,
    structuring_errors,
    takes_strings,
    text_converter,
)
from photon_openapi.document import Definitions, OpenApi, Operation
from photon_openapi.errors import ErrorDetail, MalformedBody, ValidationError
from photon_openapi.schema import (
    SchemaCheck,
    constraint_checker,
    default_of,
    members_of,
    others_of,
    properties_of,
)
from photon_openapi.schema import type_of_schema as type_of_schema
from photon_runtime import speedups
from photon_runtime.http import Request, decode_percent
from photon_runtime.media_types import is_json

from ..annotations import split_annotation
from ..signatures import MISSING, Argument
from ._objects import named_errors, object_converter
from ._styles import Reader, strings_reader
from ._value_checks import value_check

_MISSING_MESSAGE = "is required"
T = TypeVar("T")


Binder: TypeAlias = Callable[[Request, list[ErrorDetail]], Any]
"""Returns an argument of the handler; adds errors of the request to the list."""


def bind_parameter(
    argument: Argument,
    parameter: OpenApi,
    operation: Operation,
    definitions: Definitions,
    *,
    is_typed: bool = False,
) -> Binder:
    """Return the binder of an argument that takes a parameter.

    Args:
        argument: The argument of the handler.
        parameter: The parameter object of the document.
        operation: Its operation.
        definitions: The targets of references in the document.
        is_typed: True if the schema was written from the argument's type, so that the conversion
            enforces the referenced schemas.

    Raises:
        TypeError: A value of the argument's type cannot be read from text.
        ValueError: The parameter's schema is invalid, or its default has another type than the
            argument.
    """
    if "content" in parameter:
        return _bind_content(argument, parameter, operation, definitions)
    schema = parameter.get("schema", {})
    type_ = without_none(argument.annotation.type)
    if type_ in (Any, object):
        type_ = type_of_schema(schema, definitions)
    read, convert, check = _conversion(
        argument, type_, parameter, operation, definitions, is_typed=is_typed
    )
    if parameter.get("allowEmptyValue") and parameter["in"] == "query" and type_ is not str:
        read = _without_empty(read)
    default = _default(argument, parameter, schema, definitions, type_)
    return _binder(read, convert, check, _missing(parameter), default)


def _conversion(
    argument: Argument,
    type_: Any,
    parameter: OpenApi,
    operation: Operation,
    definitions: Definitions,
    *,
    is_typed: bool,
) -> tuple[Reader, Callable[[Any], object], Callable[[object], list[str]] | None]:
    """Return the reader, the conversion and the check of a parameter."""
    schema, template = parameter.get("schema", {}), operation.path
    if is_object(type_):
        names = [each["name"] for each in operation.parameters if each["in"] == parameter["in"]]
        read = strings_reader(
            parameter,
            "object",
            template,
            members=_named_members(schema, definitions),
            others=[name for name in names if name != parameter["name"]],
        )
        convert = object_converter(
            schema, definitions, type_, location=parameter["in"], name=parameter["name"]
        )
        return read, convert, None
    check = value_check(argument, schema, definitions=None if is_typed else definitions)
    if takes_strings(type_):
        read = strings_reader(parameter, "list", template)
        if not has_empty_items(type_):
            read = _without_empty_items(read)
        return read, with_zones(strings_converter(type_), argument), check
    read = strings_reader(parameter, "text", template)
    if type_ is int:
        return read, speedups.step("int", text_converter(int)), check
    return read, with_zones(text_converter(type_), argument), check


def is_object(type_: Any) -> bool:
    """Return true if a parameter of this type is an object: a mapping, or a class with members."""
    plain = plain_type(type_)
    origin = origin_of(plain) or plain
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    return members_of(plain) is not None and not takes_strings(plain)


def _named_members(schema: OpenApi, definitions: Definitions) -> list[str] | None:
    """Return the members of an object among other parameters, ``None`` for any name."""
    names = list(properties_of(schema, definitions))
    others = others_of(schema, definitions)
    takes_all = others is True or isinstance(others, dict)
    return None if takes_all or not names else names


def _missing(parameter: OpenApi) -> ErrorDetail:
    return ErrorDetail(parameter["in"], _MISSING_MESSAGE, name=parameter["name"])


def _default(
    argument: Argument, parameter: OpenApi, schema: OpenApi, definitions: Definitions, type_: Any
) -> object:
    """Return the default of a parameter that is not sent, `MISSING` if it is required."""
    if parameter.get("required", parameter["in"] == "path"):
        return MISSING
    if not argument.is_required:
        return argument.default
    default = default_of(schema, definitions)
    if default is None:
        return None
    try:
        return json_converter().structure(default, type_)
    except Exception as error:
        if type_of_schema(schema, definitions) is type_ and _accepts(schema, definitions, default):
            return default  # of another branch of a union than its text is read as
        reasons = "; ".join(message for _, message in structuring_errors(error))
        raise ValueError(f"the document's default {default!r} is invalid: {reasons}") from error


def _accepts(schema: OpenApi, definitions: Definitions, value: object) -> bool:
    return SchemaCheck(schema, components=definitions).is_valid(value)


def _without_empty(read: Reader) -> Reader:
    """Treat an empty value, which is allowed, as a missing one."""
    return lambda request: read(request) or None


def with_zones(convert: Callable[[T], object], argument: Argument) -> Callable[[T], object]:
    """Return a conversion to times that checks whether they have a time zone, as annotated.

    The `Param` is that of the argument, or that of the items of its list.
    """
    items = [
        split_annotation(each) for each in typing.get_args(value_type(argument.annotation.type))
    ]
    params = [argument.annotation.param, *(each.param for each in items)]
    expected = next(
        (param.tz for param in params if param is not None and param.tz is not None), None
    )
    if expected is None:
        return convert

    def read(text: T) -> object:
        value = convert(text)
        for each in value if isinstance(value, list | tuple | set | frozenset) else (value,):
            is_time = isinstance(each, datetime.datetime | datetime.time)
            if is_time and (each.tzinfo is not None) is not expected:
                raise ValueError(f"must {'' if expected else 'not '}have a time zone")
        return value

    return read


def has_empty_items(type_: Any) -> bool:
    """Return true if an empty string may be an item of a list, as of strings."""
    items = [each for each in typing.get_args(value_type(type_)) if each is not Ellipsis]
    return not items or any(map(_accepts_empty, items))


def _accepts_empty(type_: Any) -> bool:
    try:
        text_converter(type_)("")
    except ValueError:
        return False
    return True


def _without_empty_items(read: Reader) -> Reader:
    """Treat ``ids=`` as a list that is not sent, if an empty string cannot be one of its items.

    Without `explode` it is an empty list.
    """

    def read_present(request: Request) -> Any:
        texts = read(request)
        return None if texts and not any(texts) else texts

    return read_present


def _binder(
    read: Reader,
    convert: Callable[[Any], object],
    check: Callable[[object], list[str]] | None,
    missing: ErrorDetail,
    default: object,
) -> Binder:
    """Return the binder that reads, converts and checks.

    Without ``default`` the parameter is required; the default itself is neither converted nor
    checked.
    """
    location, name = missing.location, missing.name
    is_required = default is MISSING

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        try:
            text = read(request)
            if text is None:
                if is_required:
                    errors.append(missing)
                return default
            value = convert(text)
        except ValueError as error:
            errors.append(ErrorDetail(location, str(error), name=name))
            return None
        except ValidationError as error:
            errors.extend(error.errors)
            return None
        if check is not None:
            errors.extend(ErrorDetail(location, message, name=name) for message in check(value))
        return value

    return speedups.step("bind", bind, read, convert, check, is_required, default)


# -- content -----------------------------------------------------------------------------------


def _bind_content(
    argument: Argument, parameter: OpenApi, operation: Operation, definitions: Definitions
) -> Binder:
    """Return the binder of a parameter that is encoded in a media type: JSON, or plain text."""
    if parameter["in"] == "querystring":  # OpenAPI 3.2: the query as a whole
        parameter = {**parameter, "in": "query"}
        read: Reader = _read_query
    else:
        read = strings_reader(parameter, "text", operation.path)
    location, name = parameter["in"], parameter["name"]
    [(media, media_object)] = parameter["content"].items()
    schema = media_object.get("schema", {})
    is_any = argument.annotation.type in (Any, object)
    type_: Any = None if is_any else argument.annotation.annotated
    if not is_json(media):
        check = constraint_checker(schema, components=definitions)
        default = _default(argument, parameter, schema, definitions, type_ or str)
        convert = text_converter(type_ or str)
        return _binder(read, convert, check, _missing(parameter), default)
    decode = SchemaDecoder(schema, components=definitions, type_=type_).decode

    def convert_json(text: str) -> object:
        try:
            return decode(text.encode("utf-8"))
        except MalformedBody as error:
            raise ValueError(error.errors[0].message) from None
        except ValidationError as error:
            errors = named_errors(list(error.errors), location=location, name=name)
            raise ValidationError(errors) from None

    default = _default(argument, parameter, schema, definitions, type_ or object)
    return _binder(read, convert_json, None, _missing(parameter), default)


def _read_query(request: Request) -> str | None:
    return decode_percent(request.raw_query) if request.raw_query else None
