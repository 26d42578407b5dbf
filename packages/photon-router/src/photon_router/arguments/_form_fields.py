"""Arguments that are fields of a form, where the handler was there before the document.

All fields of one request come out of one form, which is read when the first is asked for. A field
is read as a parameter of a query would be. Browsers send an empty text for whatever was not filled
in: that counts as not sent, except for texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from photon_openapi.annotations import value_type
from photon_openapi.errors import ErrorDetail
from photon_runtime.http import Request

from .._upload import UploadFile, takes_several_files
from ..signatures import MISSING, Argument
from ._convert import constraint_checker
from ._form import FormData, FormReader, Part
from ._parameters import Binder
from ._text import takes_texts, text_converter, texts_converter

_MISSING_MESSAGE = "is required"


def form_of(request: Request, read: FormReader) -> FormData:
    """Return the form of a request, reading it once."""
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
        read: Reads the form.

    Raises:
        TypeError: A value of the argument's type cannot be read from text.
        ValueError: The schema is wrong.
    """
    if argument.is_file:
        return _file_binder(argument, name, read)
    type_ = value_type(argument.annotation.type)
    check = constraint_checker(schema)
    convert = _parts_converter(type_)
    empty = type_ in (str, bytes, Any, object) or takes_texts(type_)
    default, is_required = argument.default, argument.is_required
    missing = ErrorDetail("body", _MISSING_MESSAGE, name=name)

    def bind(request: Request, faults: list[ErrorDetail]) -> object:
        parts = form_of(request, read).texts.get(name)
        if not parts or not (empty or is_required or parts[-1].text):
            if is_required:
                faults.append(missing)
            return default
        try:
            value = convert(parts)
        except ValueError as error:
            faults.append(ErrorDetail("body", str(error), name=name))
            return None
        if check is not None:
            faults.extend(ErrorDetail("body", message, name=name) for message in check(value))
        return value

    return bind


def _parts_converter(type_: Any) -> Callable[[list[Part]], object]:
    if takes_texts(type_):
        convert_all = texts_converter(type_)
        return lambda parts: convert_all([part.text for part in parts])
    convert = text_converter(type_)
    return lambda parts: convert(parts[-1].text)


def _file_binder(argument: Argument, name: str, read: FormReader) -> Binder:
    several = takes_several_files(argument.annotation.type)
    default = argument.default
    check = file_checker(argument)
    missing = ErrorDetail("body", _MISSING_MESSAGE, name=name)

    def bind(request: Request, faults: list[ErrorDetail]) -> object:
        form = form_of(request, read)
        files = form.files.get(name)
        if not files:
            if name in form.texts:
                faults.append(ErrorDetail("body", "expected a file, got a text", name=name))
            elif default is MISSING:
                faults.append(missing)
            return default
        faults.extend(ErrorDetail("body", message, name=name) for message in check(files))
        return list(files) if several else files[-1]

    return bind


def file_checker(argument: Argument) -> Callable[[list[UploadFile]], list[str]]:
    """Return what checks the lengths that an argument's `Param` asks of files."""
    param = argument.annotation.param
    shortest = 0 if param is None else param.min_length or 0
    longest = None if param is None else param.max_length

    def check(files: list[UploadFile]) -> list[str]:
        messages = []
        for file in files:
            if file.size < shortest:
                messages.append(f"must have at least {shortest} bytes")
            if longest is not None and file.size > longest:
                messages.append(f"must have at most {longest} bytes")
        return messages

    return check
