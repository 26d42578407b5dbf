"""Arguments that are fields of a form, code first.

All fields of one request come from one form, which is read when the first of them is bound. A field
is read like a parameter of a query. Browsers send an empty string for an empty input: it is treated
as not sent, except for strings and items of lists of strings.

Beside a file, a field of a class, of a mapping or of a list of these is JSON, in a part of its own.
A mapping that is the argument itself (``Form[dict[str, str]]``) takes all fields that no other
argument takes.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection
from typing import Any, Final

from photon_openapi.annotations import value_type
from photon_openapi.codec import JsonDecoder, strings_converter, takes_strings, text_converter
from photon_openapi.document import Definitions
from photon_openapi.errors import ErrorDetail, ValidationError
from photon_runtime.http import Request
from photon_runtime.media_types import JSON, is_json

from .._upload import UploadFile, takes_several_files
from ..signatures import MISSING, Argument
from ._form import FieldValue, FormData, FormReader
from ._objects import named_errors
from ._parameters import Binder, has_empty_items, with_zones
from ._value_checks import value_check

_MISSING_MESSAGE = "is required"

REST: Final = ""
"""The name of the fields that no other argument takes, as the source of an argument."""


def form_of(request: Request, read: FormReader) -> FormData:
    """Return the form of a request, which is read once."""
    form = request._form
    if not isinstance(form, FormData):
        request._form = form = read(request)
    return form


def field_binder(argument: Argument, name: str, schema: dict[str, Any], read: FormReader) -> Binder:
    """Return the binder of an argument that takes a field of the form.

    Args:
        argument: The argument.
        name: The name of the field.
        schema: Its schema.
        read: The reader of the form.

    Raises:
        TypeError: A value of the argument's type cannot be read from text.
        ValueError: The schema is invalid.
    """
    if argument.is_file:
        return file_binder(argument, name, read)
    type_ = value_type(argument.annotation.type)
    check = value_check(argument, schema)
    convert = with_zones(_field_converter(type_), argument)
    is_list = takes_strings(type_)
    drops_empty = is_list and not has_empty_items(type_)
    accepts_empty = type_ in (str, bytes, Any, object) or is_list
    default, is_required = argument.default, argument.is_required
    missing = ErrorDetail("body", _MISSING_MESSAGE, name=name)

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        values = form_of(request, read).fields.get(name)
        if drops_empty and values:
            values = [value for value in values if value.text]
        if not values or not (accepts_empty or is_required or values[-1].text):
            if is_required:
                errors.append(missing)
            return default
        try:
            value = convert(values)
        except ValueError as error:
            errors.append(ErrorDetail("body", str(error), name=name))
            return None
        if check is not None:
            errors.extend(ErrorDetail("body", message, name=name) for message in check(value))
        return value

    return bind


def _field_converter(type_: Any) -> Callable[[list[FieldValue]], object]:
    if takes_strings(type_):
        convert_all = strings_converter(type_)
        return lambda values: convert_all([value.text for value in values])
    convert = text_converter(type_)
    return lambda values: convert(values[-1].text)


def json_field_binder(
    argument: Argument,
    name: str,
    schema: dict[str, Any],
    read: FormReader,
    *,
    definitions: Definitions,
) -> Binder:
    """Return the binder of an argument that takes a field of the form whose content is JSON.

    A part with another media type is refused; one without a media type is JSON.

    Raises:
        ValueError: The schema is invalid.
    """
    annotated = argument.annotation.annotated
    decode = JsonDecoder(annotated, schema=schema, components=definitions).decode
    default = argument.default
    missing = ErrorDetail("body", _MISSING_MESSAGE, name=name)

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        form = form_of(request, read)
        values = form.fields.get(name)
        if not values or not values[-1].text:
            if default is MISSING:
                errors.append(missing)
            return default
        kind = values[-1].content_type
        if kind is not None and not is_json(kind):
            errors.append(ErrorDetail("body", f"must be of type {JSON}, not {kind}", name=name))
            return None
        try:
            return decode(values[-1].text.encode())
        except ValidationError as error:
            errors += named_errors(list(error.errors), location="body", name=name)
            return None

    return bind


def rest_binder(argument: Argument, taken: Collection[str], read: FormReader) -> Binder:
    """Return the binder of an argument that takes all fields without an argument of their own.

    Args:
        argument: The argument, whose type is a mapping of strings.
        taken: The names of the fields of other arguments.
        read: The reader of the form.

    Raises:
        TypeError: The values of the mapping cannot be read from text.
    """
    arguments = typing.get_args(value_type(argument.annotation.type))
    if arguments and arguments[0] is not str:
        raise TypeError("the names of fields are strings: write Form[dict[str, ...]]")
    convert = _field_converter(value_type(arguments[1]) if arguments else str)
    known = frozenset(taken)

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        found = {}
        for name, values in form_of(request, read).fields.items():
            if name not in known:
                try:
                    found[name] = convert(values)
                except ValueError as error:
                    errors.append(ErrorDetail("body", str(error), name=name))
        return found

    return bind


def file_binder(argument: Argument, name: str, read: FormReader) -> Binder:
    """Return the binder of an argument that takes a file of the form, or several."""
    several = takes_several_files(argument.annotation.type)
    default = argument.default
    check = file_checker(argument)
    missing = ErrorDetail("body", _MISSING_MESSAGE, name=name)

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        form = form_of(request, read)
        files = form.files.get(name)
        if not files:
            if name in form.fields:
                errors.append(ErrorDetail("body", "expected a file, got a string", name=name))
            elif default is MISSING:
                errors.append(missing)
            return default
        errors.extend(ErrorDetail("body", message, name=name) for message in check(files))
        return list(files) if several else files[-1]

    return bind


def file_checker(argument: Argument) -> Callable[[list[UploadFile]], list[str]]:
    """Return the check of the file lengths in an argument's `Param`."""
    param = argument.annotation.param
    min_length = 0 if param is None else param.min_length or 0
    max_length = None if param is None else param.max_length

    def check(files: list[UploadFile]) -> list[str]:
        messages = []
        for file in files:
            if file.size < min_length:
                messages.append(f"must have at least {min_length} bytes")
            if max_length is not None and file.size > max_length:
                messages.append(f"must have at most {max_length} bytes")
        return messages

    return check
