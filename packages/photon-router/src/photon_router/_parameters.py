"""Parameters of a request: where their text stands, and how it becomes a value.

Everything that depends on the operation alone is decided here, once, at start. A binder is a
closure that takes a `Call` and returns the argument; what is wrong with the request it adds to
the call's faults and goes on, so that one answer can list them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from photon_runtime.http import Request

from ._convert import constraint_checker
from ._document import ARGUMENT, OpenApi
from ._faults import Fault
from ._match import parameters_of
from ._operation import without_none
from ._signature import MISSING, Argument
from ._text import takes_texts, text_converter, texts_converter

_MISSING_MESSAGE = "is required"
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_DEFAULT_STYLE = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}


class Call:
    """One request on its way into a handler.

    Attributes:
        request: The request.
        path: The values of the path's parameters, in the template's order.
        faults: What was found wrong so far.
    """

    __slots__ = ("faults", "path", "request")

    def __init__(self, request: Request, path: list[str]) -> None:
        """Begin without faults."""
        self.request = request
        self.path = path
        self.faults: list[Fault] = []


Binder = Callable[[Call], Any]
_Reader = Callable[[Call], Any]


def bind_parameter(
    argument: Argument, parameter: OpenApi, template: str, components: OpenApi | None
) -> Binder:
    """Return the binder of an argument that takes a parameter.

    Args:
        argument: The argument of the handler.
        parameter: The parameter object of the document.
        template: The path template.
        components: The document's schemas, which the parameter's may refer to; ``None`` where
            the schema was written from the argument's type, so that conversion checks it.

    Raises:
        TypeError: A value of the argument's type cannot be read from text.
        ValueError: The parameter's schema is wrong.
    """
    schema = parameter.get("schema", {})
    type_ = without_none(argument.annotation.type)
    if type_ in (Any, object):
        type_ = type_of_schema(schema)
    is_list = takes_texts(type_)
    convert: Callable[[Any], object]
    convert = texts_converter(type_) if is_list else text_converter(type_)
    read = _reader(parameter, template, is_list=is_list)
    check = constraint_checker(schema, components=components)
    place, name = parameter["in"], parameter["name"]
    if not argument.is_required:
        default = argument.default
    elif parameter.get("required", place == "path"):
        default = MISSING
    else:
        default = schema.get("default")
    missing = Fault(place, _MISSING_MESSAGE, name=name)
    bind = _converting_binder(read, convert, missing, default)
    return bind if check is None else _checking_binder(bind, check, missing, default)


def _converting_binder(
    read: _Reader, convert: Callable[[Any], object], missing: Fault, default: object
) -> Binder:
    """Return the binder that reads and converts; without ``default`` there must be a text."""
    place, name = missing.location, missing.name
    is_required = default is MISSING

    def bind(call: Call) -> object:
        text = read(call)
        if text is None:
            if is_required:
                call.faults.append(missing)
            return default
        try:
            return convert(text)
        except ValueError as error:
            call.faults.append(Fault(place, str(error), name=name))
            return None

    return bind


def _checking_binder(
    bind_plain: Binder, check: Callable[[object], list[str]], missing: Fault, default: object
) -> Binder:
    """Return ``bind_plain`` with the constraints checked; a default value is taken as it is."""
    place, name = missing.location, missing.name

    def bind(call: Call) -> object:
        before = len(call.faults)
        value = bind_plain(call)
        if value is not default and len(call.faults) == before:
            call.faults.extend(Fault(place, message, name=name) for message in check(value))
        return value

    return bind


def _reader(parameter: OpenApi, template: str, *, is_list: bool) -> _Reader:
    """Return what finds the text of a parameter, ``None`` where the request has none."""
    place, name = parameter["in"], parameter["name"]
    style = parameter.get("style", _DEFAULT_STYLE[place])
    if style not in _DELIMITERS:
        raise TypeError(f"the style {style!r} of the parameter {name!r} is not supported yet")
    explode = parameter.get("explode", style == "form")
    delimiter = _DELIMITERS[style]
    read = _READERS[place](parameter, template)
    if not is_list:
        return read
    if place == "query" and explode:
        return lambda call: call.request.query.getlist(name) or None

    def read_list(call: Call) -> list[str] | None:
        text: str | None = read(call)
        if text is None:
            return None
        parts = text.split(delimiter) if text else []
        return [part.strip() for part in parts] if place == "header" else parts

    return read_list


def _path_reader(parameter: OpenApi, template: str) -> _Reader:
    index = parameters_of(template).index(parameter["name"])
    return lambda call: call.path[index]


def _query_reader(parameter: OpenApi, template: str) -> _Reader:
    name = parameter["name"]
    return lambda call: call.request.query.get(name)


def _header_reader(parameter: OpenApi, template: str) -> _Reader:
    name = parameter["name"].lower()

    def read(call: Call) -> str | None:
        values = call.request.headers.getlist(name)
        return ", ".join(values) if values else None

    return read


def _cookie_reader(parameter: OpenApi, template: str) -> _Reader:
    name = parameter["name"]
    return lambda call: call.request.cookies.get(name)


_READERS: dict[str, Callable[[OpenApi, str], _Reader]] = {
    "path": _path_reader,
    "query": _query_reader,
    "header": _header_reader,
    "cookie": _cookie_reader,
}


def type_of_schema(schema: OpenApi) -> Any:
    """Return the Python type for a parameter whose argument has no annotation."""
    kinds = schema.get("type", "string")
    kind = (
        next((kind for kind in kinds if kind != "null"), "string")
        if isinstance(kinds, list)
        else kinds
    )
    if kind == "array":
        return list[type_of_schema(schema.get("items", {}))]  # type: ignore[misc]  # computed
    return {"integer": int, "number": float, "boolean": bool}.get(kind, str)


def takes_parameter(argument: Argument, parameter: OpenApi) -> bool:
    """Say whether ``argument`` means ``parameter``: by its wire name, or in Python's spelling."""
    marker = argument.annotation.marker
    if marker is not None and marker.location != parameter["in"]:
        return False
    if ARGUMENT in parameter:
        return bool(parameter[ARGUMENT] == argument.name)
    wire = parameter["name"]
    if argument.wire_name is not None:
        return bool(wire.lower() == argument.wire_name.lower())
    return argument.name in (wire, python_name(wire))


def python_name(wire: str) -> str:
    """Return ``petId``, ``pet-id`` or ``Pet-ID`` as ``pet_id``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wire)
    return re.sub(r"\W", "_", apart).lower()
