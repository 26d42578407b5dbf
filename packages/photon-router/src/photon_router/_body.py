"""JSON bodies: bytes to typed values and back.

A body object is built once per operation, at start, and decodes by one of three roads:

- *direct*: msgspec decodes the bytes straight into the type. It is taken when msgspec and the attrs
  validators enforce all that the schema says.
- *checked*: the schema's verdict (jsonschema-rs) on the plain JSON comes first, then msgspec. It is
  taken when the schema says more: :class:`~photon_router._types.Param` constraints, patterns (which
  jsonschema-rs matches in linear time), ``Decimal`` (msgspec takes NaN), sets.
- *structured*: verdict, then cattrs. It is taken for types that msgspec does not support (unions of
  classes) or does not treat as the class wants: attrs converters, which msgspec never runs;
  private attributes and those with ``init=False``, which msgspec would let a client set.

No road coerces: ``"1"`` is no integer, ``1`` no boolean, ``1.0`` no integer. Of a name given twice
the last counts.

Only a refused body is looked at again, to list everything that is wrong with it. When the schema
finds nothing there, the refusal came from a rule that no schema can express, such as a validator of
the application, and is reported by itself.
"""

from __future__ import annotations

import decimal
import itertools
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import cattrs
import msgspec

from ._check import SchemaCheck
from ._convert import make_converter, structuring_faults
from ._faults import (
    MAX_FAULTS,
    Fault,
    MalformedBody,
    ValidationFailed,
    pointer_of,
    shorten,
)
from ._keywords import Schema
from ._members import members_of
from ._types import Param, split_annotation, strip_alias

# The validators recurse natively: some ten thousand levels would exhaust their stack.
MAX_DEPTH = 200

_LONGEST_MESSAGE = 300
_REFUSALS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_PATH = re.compile(r" - at (?:`key` in )?`(?P<path>\$[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[0-9]+|\.\.\.)\]")
_OFFSET = re.compile(r"\(byte (?P<byte>[0-9]+)\)")
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_decode_plain: Callable[[bytes], object] = msgspec.json.Decoder().decode


class JsonBody:
    """A JSON body whose type the handler states.

    Attributes:
        type: The type that bodies are decoded into.
        check: The schema, for verdicts and lists of faults.
        road: ``direct``, ``checked`` or ``structured``: see the head of the module.
    """

    __slots__ = ("_decode", "check", "road", "type")

    def __init__(
        self,
        type_: object,
        *,
        schema: Schema,
        components: Mapping[str, Any] | None = None,
        converter: cattrs.Converter | None = None,
    ) -> None:
        """Choose the road and build the decoder.

        Args:
            type_: The type, with its constraints.
            schema: What ``SchemaBuilder.schema`` gave for it.
            components: The builder's components, complete.
            converter: The converter of :func:`make_converter`; ``None`` makes one.

        Raises:
            ValueError: The schema is wrong.
        """
        self.type = split_annotation(type_).annotated
        self.check = SchemaCheck(schema, components=components or {}, exact=True)
        self.road = _road(self.type, schema, components or {})
        if self.road == "direct":
            decode: Callable[[bytes], object] = msgspec.json.Decoder(self.type).decode
            is_shallow = _is_shallow(schema, components or {})
            self._decode = decode if is_shallow else _guarded(decode)
        else:
            build = _build(
                self.type, self.check, structured=self.road == "structured", converter=converter
            )
            self._decode = _checked(self.check, build)

    def decode(self, data: bytes) -> object:
        """Decode a body.

        Raises:
            MalformedBody: It is no JSON, no UTF-8, or nested too deeply.
            ValidationFailed: It does not fit; with every fault.
        """
        try:
            return self._decode(data)
        except _REFUSALS as refusal:
            raise _explain(self.check, data, refusal) from None


class SchemaBody:
    """A JSON body whose schema stands in a document: the schema's verdict counts.

    Attributes:
        type: The type that bodies are converted to, or ``None`` for plain JSON.
        check: The schema, for verdicts and lists of faults.
    """

    __slots__ = ("_decode", "check", "type")

    def __init__(
        self,
        schema: Schema,
        *,
        components: Mapping[str, Any] | None = None,
        type_: object = None,
        assert_formats: bool = False,
        converter: cattrs.Converter | None = None,
    ) -> None:
        """Compile the schema and build the decoder.

        Args:
            schema: The schema from the document.
            components: What its references point to.
            type_: What the handler's annotation asks for; ``None`` gives plain JSON.
            assert_formats: Whether ``format`` is checked, or only describes.
            converter: The converter of :func:`make_converter`; ``None`` makes one.

        Raises:
            ValueError: The schema is wrong.
        """
        self.type = None if type_ is None else split_annotation(type_).annotated
        self.check = SchemaCheck(schema, components=components or {}, assert_formats=assert_formats)
        build: _Build = _keep
        if self.type is not None:
            structured = "structured" in _wishes(self.type) or not _is_supported(self.type)
            build = _build(self.type, self.check, structured=structured, converter=converter)
        self._decode = _checked(self.check, build)

    def decode(self, data: bytes) -> object:
        """Decode a body.

        Raises:
            MalformedBody: It is no JSON, no UTF-8, or nested too deeply.
            ValidationFailed: It does not fit; with every fault.
        """
        try:
            return self._decode(data)
        except _REFUSALS as refusal:
            raise _explain(self.check, data, refusal) from None


def encode(value: object) -> bytes:
    """Encode a value as JSON.

    attrs classes, dataclasses, dates, ``Decimal``, ``UUID``, enumerations and sets have a form.
    Attributes with a leading underscore are left out; NaN and infinities become ``null``.

    Raises:
        TypeError: A value in it has no form in JSON; the message names its type.
    """
    return _encode(value)


def _refuse(value: object) -> object:
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise TypeError(
        f"a value of type {name} has no form in JSON: return an attrs class, a dataclass, a dict,"
        " a list or a scalar"
    )


_encode = msgspec.json.Encoder(enc_hook=_refuse).encode


# Roads

_Build = Callable[[bytes, object], object]


def _road(type_: Any, schema: Schema, components: Mapping[str, Any]) -> str:
    wishes = _wishes(type_)
    if "structured" in wishes or not _is_supported(type_):
        return "structured"
    if "checked" in wishes or _says_more(schema, components, seen=set()):
        return "checked"
    return "direct"


def _is_supported(type_: Any) -> bool:
    try:
        msgspec.json.Decoder(type_)
    except TypeError:
        return False
    return True


def _says_more(schema: Any, components: Mapping[str, Any], *, seen: set[str]) -> bool:
    """Whether a schema has keywords that msgspec does not enforce, or not as the schema means."""
    if isinstance(schema, list):
        return any(_says_more(item, components, seen=seen) for item in schema)
    if not isinstance(schema, dict):
        return False
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        if _says_more(components.get(name), components, seen=seen):
            return True
    return any(
        keyword in ("pattern", "uniqueItems") or _says_more(value, components, seen=seen)
        for keyword, value in schema.items()
        if keyword not in ("default", "examples", "enum", "propertyNames")
    )


def _is_shallow(
    schema: Any, components: Mapping[str, Any], *, within: frozenset[str] = frozenset()
) -> bool:
    """Whether the schema bounds how deep a value can be nested."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        inside = within | {name}
        return name not in within and _is_shallow(components[name], components, within=inside)
    inner = [
        *schema.get("anyOf", ()),
        *schema.get("prefixItems", ()),
        *schema.get("properties", {}).values(),
        *(schema[keyword] for keyword in ("items", "additionalProperties") if keyword in schema),
    ]
    if not inner:
        names = schema.get("type", ())
        holds = {"array", "object"}.intersection([names] if isinstance(names, str) else names)
        return "properties" in schema or bool(names and not holds)
    return all(_is_shallow(part, components, within=within) for part in inner)


def _wishes(type_: Any) -> set[str]:
    """The roads that something within the type asks for."""
    wishes: set[str] = set()
    for part in _parts(type_, seen=set()):
        annotation = split_annotation(part)
        if annotation.param is not None and annotation.param.is_constrained:
            limited = annotation.type is decimal.Decimal
            if limited or any(isinstance(item, Param) for item in typing.get_args(part)):
                wishes.add("structured" if limited else "checked")
        for member in members_of(annotation.type) or ():
            if member.is_private or member.converts or member.argument is None:
                wishes.add("structured")
    return wishes


def _parts(type_: Any, *, seen: set[Any]) -> Iterator[Any]:
    """The type and every type within it, each once."""
    type_ = strip_alias(type_)
    if isinstance(type_, typing.Hashable):
        if type_ in seen:
            return
        seen.add(type_)
    yield type_
    inner = list(typing.get_args(type_))
    if typing.get_origin(type_) is Annotated:
        inner = inner[:1]
    if typing.get_origin(type_) is typing.Literal:
        return
    inner += [member.type for member in members_of(type_) or ()]
    for part in inner:
        yield from _parts(part, seen=seen)


def _build(
    type_: Any, check: SchemaCheck, *, structured: bool, converter: cattrs.Converter | None
) -> _Build:
    if not structured:
        decode = msgspec.json.Decoder(type_).decode
        return lambda data, plain: decode(data)
    hook = (converter or make_converter()).get_structure_hook(type_)

    def build(data: bytes, plain: object) -> object:
        try:
            return hook(plain, type_)
        except RecursionError:
            raise
        except Exception as error:
            faults = [
                Fault("body", _in_our_words(message), pointer=pointer_of(path))
                for path, message in itertools.islice(structuring_faults(error), MAX_FAULTS)
            ]
            raise ValidationFailed(check.faults(plain) or faults) from error

    return build


def _keep(data: bytes, plain: object) -> object:
    return plain


def _checked(check: SchemaCheck, build: _Build) -> Callable[[bytes], object]:
    is_valid = check.is_valid

    def decode(data: bytes) -> object:
        plain = _decode_plain(data)
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(plain):
            raise RecursionError
        if is_valid(plain):
            return build(data, plain)
        raise msgspec.ValidationError("does not fit the schema")

    return decode


def _guarded(decode: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Keep the limit of depth where the type does not."""

    def guarded(data: bytes) -> object:
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(_decode_plain(data)):
            raise RecursionError
        return decode(data)

    return guarded


def _is_deep(value: object) -> bool:
    """Whether containers are nested more than ``MAX_DEPTH`` times; walks level by level."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for container in level
            if isinstance(container, list | dict)
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, list | dict)
        ]
        if not level:
            return False
    return True


# Refusals


def _explain(check: SchemaCheck, data: bytes, refusal: BaseException) -> ValidationFailed:
    """Find everything that is wrong with a refused body."""
    try:
        plain = _decode_plain(data)
    except msgspec.ValidationError as error:  # a number beyond what JSON readers agree on
        return ValidationFailed([_fault(error)])
    except msgspec.DecodeError as error:
        return MalformedBody(_syntax_message(data, str(error)))
    except UnicodeDecodeError:
        return MalformedBody("is not UTF-8")
    except RecursionError:
        return MalformedBody(_TOO_DEEP)
    if isinstance(refusal, RecursionError) or _is_deep(plain):
        return MalformedBody(_TOO_DEEP)
    return ValidationFailed(check.faults(plain) or [_fault(refusal)])


_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"


def _fault(refusal: BaseException) -> Fault:
    """Turn the one fault of msgspec into ours, its path into a pointer."""
    text = str(refusal)
    match = _PATH.search(text)
    message = text[: match.start()] if match else text
    cause = refusal.__cause__
    if isinstance(cause, ValueError | TypeError) and cause.args:
        message = str(cause.args[0])  # attrs validators add the attribute and the value to it
    path = list(_steps(match["path"])) if match else []
    return Fault("body", _in_our_words(message), pointer=pointer_of(path))


def _in_our_words(message: str) -> str:
    """``Expected `int`, got `str` `` as we would say it; shortened, since it may hold the value."""
    text = shorten(message.replace("`", ""), limit=_LONGEST_MESSAGE)
    return f"e{text[1:]}" if text.startswith("Expected ") else text


def _steps(path: str) -> Iterator[str | int]:
    """``$.items[0].price`` → items, 0, price; ends where msgspec does not name the member."""
    for step in _STEP.finditer(path):
        if step["index"] == "...":
            return
        yield step["name"] if step["index"] is None else int(step["index"])


def _syntax_message(data: bytes, message: str) -> str:
    """Where the JSON ends to be JSON, as line and column."""
    match = _OFFSET.search(message)
    if match is None:
        if _LONE_SURROGATE.search(data):
            return "is not valid JSON: it ends too early, or escapes half of a surrogate pair"
        return "is not valid JSON: it ends too early"
    offset = min(int(match["byte"]), len(data))
    if "trailing" in message:  # where msgspec points behind the character
        offset -= 1
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    reason = message[: match.start()].removeprefix("JSON is malformed: ").strip()
    return f"is not valid JSON: {reason} at line {line}, column {column}"
