"""Forms of people, code first: `Submitted` arguments.

A field is read like one of ``Form``, with what browsers do taken into account:

- an unchecked box is not sent: a ``bool`` that is missing is false, whatever its default is;
- a selection without a choice is not sent: a list that is missing is empty, and empty texts in a
  list are left out;
- an empty input is sent as an empty text, and a text of blanks counts as empty: it is ``None`` if
  the member may be ``None``, else the default; if the member has none, the text is missing, also
  for a string. A string with a default may be empty;
- a ``datetime-local`` input has no time zone: it is in UTC if the member requires one;
- lines of a text end with CR LF, although the length that a browser counts has one character for
  the end of a line: they end with LF here.

All errors are collected, those of validators of valid fields included. A form that cannot be read
at all is refused as for ``Form``.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Sequence
from typing import Any, Literal

import attrs

from photon_openapi.annotations import origin_of, plain_type, union_members, value_type
from photon_openapi.codec import strings_converter, takes_strings, text_converter
from photon_openapi.errors import ErrorDetail
from photon_openapi.schema import Member, refused_by_class, refused_members
from photon_runtime.forms import FormError, is_password_name
from photon_runtime.http import Request

from .._submitted import Submitted
from ..annotations import split_annotation
from ..signatures import ABSENT, Argument
from ._form import FieldValue, FormReader
from ._form_fields import file_binder, form_of
from ._parameters import Binder
from ._value_checks import value_check

_MISSING_MESSAGE = "is required"
_TEXTS = (str, bytes, Any, object)


def submitted_field_binder(
    argument: Argument, name: str, schema: dict[str, Any], read: FormReader
) -> Binder:
    """Return the binder of a field of a submitted form; see `field_binder`.

    Raises:
        TypeError: A value of the argument's type cannot be read from text.
        ValueError: The schema is invalid.
    """
    if argument.is_file:
        return file_binder(argument, name, read)
    convert = _converter(argument)
    check = value_check(argument, schema)
    param = argument.annotation.param
    must_have_zone = param is not None and param.tz is True

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        texts = [_text_of(each) for each in form_of(request, read).fields.get(name, ())]
        try:
            value = convert(texts)
        except ValueError as error:
            errors.append(ErrorDetail("body", str(error), name=name))
            return None
        if must_have_zone and isinstance(value, datetime.datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=datetime.UTC)
        if check is not None and value is not ABSENT and value is not None:
            errors.extend(ErrorDetail("body", message, name=name) for message in check(value))
        return value

    return bind


def submitted_binder(
    cls: Any, parts: Sequence[tuple[Argument, Binder]], read: FormReader
) -> Binder:
    """Return the binder that makes the `Submitted` of a form.

    Args:
        cls: The class of the form.
        parts: Argument and binder of each member.
        read: The reader of the form.
    """
    fields = [_Field.of(argument, bind) for argument, bind in parts]
    names = tuple(field.member.name for field in fields)

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        form = form_of(request, read).fields
        texts = {
            field.member.name: [each.text for each in form.get(field.wire_name, ())]
            for field in fields
            if field.is_text
        }
        value, form_errors = _value_of(cls, fields, request)
        return Submitted(value, form_errors, texts=texts, fields=names)

    return bind


@attrs.frozen
class _Field:
    """A field of a form: its member, its name on the wire, and its binder."""

    member: Member
    wire_name: str
    bind: Binder
    is_text: bool

    @classmethod
    def of(cls, argument: Argument, bind: Binder) -> _Field:
        if argument.member is None:
            raise TypeError(f"{argument.name} is not a member of a class")
        member = argument.member
        is_choice = _is_choice(value_type(argument.annotation.type))
        is_text = not (argument.is_file or _is_password(member, is_choice=is_choice))
        return cls(member, argument.wire_name or argument.name, bind, is_text)


def _is_password(member: Member, *, is_choice: bool) -> bool:
    """Return whether the text of a member must not be shown again.

    As in settings, a member with ``repr=False`` is a secret. A choice, such as ``reset_password:
    bool``, is about a password, whatever its name is.
    """
    is_shown = member.attribute is None or member.attribute.repr is not False
    return (is_password_name(member.name) and not is_choice) or not is_shown


def _is_choice(type_: Any) -> bool:
    """Return whether a type has few values, which its class lists."""
    if type_ is bool or origin_of(type_) is Literal:
        return True
    return isinstance(type_, type) and issubclass(type_, enum.Enum)


def _value_of(
    cls: Any, fields: Sequence[_Field], request: Request
) -> tuple[object, list[FormError]]:
    """Return an instance of the class, or ``None`` and all errors."""
    values: dict[str, object] = {}
    errors: dict[str, list[FormError]] = {}
    for field in fields:
        name = field.member.name
        details: list[ErrorDetail] = []
        value = field.bind(request, details)
        if details:
            errors[name] = [FormError(name, detail.message) for detail in details]
        elif value is not ABSENT:
            values[field.member.argument or name] = value
    members = [(field.member.name, field.member) for field in fields]
    if not errors:
        try:
            return cls(**values), []
        except (ValueError, TypeError) as error:
            refused = refused_by_class(cls, members, values, error)
            return None, [FormError(*each) for each in refused]
    valid = [(name, member) for name, member in members if name not in errors]
    for name, message in refused_members(cls, valid, values):
        errors[name] = [FormError(name, message)]
    return None, [error for name, _ in members for error in errors.get(name, ())]


# -- texts to values -----------------------------------------------------------------------------


def _text_of(value: FieldValue) -> str:
    return value.text.replace("\r\n", "\n")


def _converter(argument: Argument) -> Callable[[list[str]], object]:
    """Return the conversion of the texts of a field; it raises ``ValueError`` with a message."""
    type_ = value_type(argument.annotation.type)
    if takes_strings(type_):
        return _list_converter(argument, type_)
    if type_ is bool and not _allows_none(argument):
        return _read_checkbox
    return _single_converter(argument, type_)


def _list_converter(argument: Argument, type_: Any) -> Callable[[list[str]], object]:
    convert = strings_converter(type_)
    is_optional = _allows_none(argument)

    def read(texts: list[str]) -> object:
        present = [text for text in texts if text]
        return None if is_optional and not present else convert(present)

    return read


def _read_checkbox(texts: list[str]) -> object:
    return bool(texts and texts[-1]) and _read_bool(texts[-1])


_read_bool = text_converter(bool)


def _single_converter(argument: Argument, type_: Any) -> Callable[[list[str]], object]:
    convert = text_converter(type_)
    is_text = type_ in _TEXTS
    is_optional, is_required = _allows_none(argument), argument.is_required

    def read(texts: list[str]) -> object:
        text = texts[-1] if texts else ""
        if text and not text.isspace():
            return convert(text if is_text else text.strip())
        if is_optional and (texts or is_required):
            return None
        if is_required:
            raise ValueError(_MISSING_MESSAGE)
        return convert(text) if is_text and texts else ABSENT

    return read


def _allows_none(argument: Argument) -> bool:
    """Return whether the member may be ``None``; its class may convert the text itself."""
    declared = argument.annotation.type if argument.member is None else argument.member.type
    members = union_members(plain_type(split_annotation(declared).type))
    return members is not None and type(None) in members
