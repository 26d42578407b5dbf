"""Arguments that are fields of a form, code first.

All fields of one request come from one form, which is read when the first of them is bound. A field
is read like a parameter of a query. Browsers send an empty string for an empty input: it is treated
as not sent, except for strings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from photon_openapi.annotations import value_type
from photon_openapi.codec import strings_converter, takes_strings, text_converter
from photon_openapi.errors import ErrorDetail
from photon_openapi.schema import constraint_checker
from photon_runtime.http import Request

from .._upload import UploadFile, takes_several_files
from ..signatures import MISSING, Argument
from ._form import FieldValue, FormData, FormReader
from ._parameters import Binder

_MISSING_MESSAGE = "is required"


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
    check = constraint_checker(schema)
    convert = _field_converter(type_)
    accepts_empty = type_ in (str, bytes, Any, object) or takes_strings(type_)
    default, is_required = argument.default, argument.is_required
    missing = ErrorDetail("body", _MISSING_MESSAGE, name=name)

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        values = form_of(request, read).fields.get(name)
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
