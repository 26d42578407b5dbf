"""Parameters of a request: where their text stands, and how it becomes a value.

Everything that depends on the operation alone is decided here, once, at start. A binder is a
closure that takes a `Call` and returns the argument; what is wrong with the request it adds to
the call's faults and goes on, so that one answer can list them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from photon_runtime.http import Request

from ._convert import constraint_checker, make_converter, structuring_faults
from ._document import OpenApi
from ._faults import Fault
from ._match import parameters_of
from ._operation import without_none
from ._signature import MISSING, Argument
from ._text import takes_texts, text_converter, texts_converter

_MISSING_MESSAGE = "is required"
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_TYPES: dict[str, type] = {"integer": int, "number": float, "boolean": bool}
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
        ValueError: The parameter's schema is wrong, or its default is not of the argument's type.
    """
    schema = parameter.get("schema", {})
    check = constraint_checker(schema, components=components)
    type_ = without_none(argument.annotation.type)
    if type_ in (Any, object):
        type_ = type_of_schema(schema, components)
    is_list = takes_texts(type_)
    convert: Callable[[Any], object]
    convert = texts_converter(type_) if is_list else text_converter(type_)
    read = _reader(parameter, template, is_list=is_list)
    place, name = parameter["in"], parameter["name"]
    if not argument.is_required:
        default = argument.default
    elif parameter.get("required", place == "path"):
        default = MISSING
    else:
        default = _default_of_schema(schema, components, type_)
    return _binder(read, convert, check, Fault(place, _MISSING_MESSAGE, name=name), default)


def _binder(
    read: _Reader,
    convert: Callable[[Any], object],
    check: Callable[[object], list[str]] | None,
    missing: Fault,
    default: object,
) -> Binder:
    """Return the binder that reads, converts and checks.

    Without ``default`` there must be a text; the default itself is taken as it is.
    """
    place, name = missing.location, missing.name
    is_required = default is MISSING

    def bind(call: Call) -> object:
        text = read(call)
        if text is None:
            if is_required:
                call.faults.append(missing)
            return default
        try:
            value = convert(text)
        except ValueError as error:
            call.faults.append(Fault(place, str(error), name=name))
            return None
        if check is not None:
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


def type_of_schema(schema: OpenApi, components: OpenApi | None = None) -> Any:
    """Return the Python type for a parameter whose argument has no annotation.

    Args:
        schema: The parameter's schema.
        components: The schemas that it may refer to.
    """
    found = _stated_type(schema, components or {}, ())
    return str if found is None else found


def _stated_type(schema: Any, components: OpenApi, above: tuple[str, ...]) -> Any:
    """Return the type that a schema states, ``None`` where it states none."""
    if not isinstance(schema, dict):
        return None
    kinds = schema.get("type", ())
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind == "array":
            item = _stated_type(schema.get("items"), components, above)
            return list[str if item is None else item]  # type: ignore[misc]  # computed
        if kind != "null":
            return _TYPES.get(kind, str)
    reference = str(schema.get("$ref", ""))
    if reference and reference not in above:
        referred = components.get(reference.rpartition("/")[2])
        return _stated_type(referred, components, (*above, reference))
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    types = {type(value) for value in values if value is not None}
    inner = [*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    types |= {_stated_type(each, components, above) for each in inner} - {None}
    return types.pop() if len(types) == 1 else None


def _default_of_schema(schema: OpenApi, components: OpenApi | None, type_: Any) -> object:
    """Return the default that the document gives, as a value of ``type_``."""
    seen = set()
    while "default" not in schema and "$ref" in schema and schema["$ref"] not in seen:
        seen.add(schema["$ref"])
        schema = (components or {}).get(schema["$ref"].rpartition("/")[2], {})
    default = schema.get("default")
    if default is None:
        return None
    try:
        return make_converter().structure(default, type_)
    except Exception as error:
        reasons = "; ".join(message for _, message in structuring_faults(error))
        raise ValueError(f"the document's default {default!r} does not fit: {reasons}") from error
