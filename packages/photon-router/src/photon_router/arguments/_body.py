"""JSON bodies: bytes to typed values and back.

A body object is built once per operation, at start, and decodes by one of three roads:

- *direct*: msgspec decodes the bytes straight into the type. It is taken when msgspec and the attrs
  validators enforce all that the schema says.
- *checked*: the schema's verdict (jsonschema-rs) on the plain JSON comes first, then msgspec. It is
  taken when the schema says more: `Param` constraints, patterns (which
  jsonschema-rs matches in linear time), ``Decimal`` (msgspec takes NaN), sets.
- *structured*: verdict, then cattrs. It is taken for types that msgspec does not support (unions of
  classes) or does not treat as the class wants: attrs converters, which msgspec never runs;
  private attributes and those with ``init=False``, which msgspec would let a client set.

No road coerces: ``"1"`` is no integer and ``1`` no boolean. ``1.0`` and ``1e2`` are integers, as
JSON Schema says (2020-12, section 4.2.3): a refused body is tried again with such numbers written
as integers. Of a name given twice the last counts.

Only a refused body is looked at again, to list everything that is wrong with it. When the schema
finds nothing there, the refusal came from a rule that no schema can express, such as a validator of
the application, and is reported by itself.
"""

from __future__ import annotations

import decimal
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import cattrs
import msgspec

from photon_openapi.annotations import Param, strip_alias
from photon_openapi.document import definitions_of
from photon_openapi.errors import MAX_ERRORS, ErrorDetail, ValidationError
from photon_openapi.messages import pointer_of
from photon_openapi.schema import (
    DECODE_ERRORS,
    Schema,
    SchemaCheck,
    decode_message,
    decode_plain,
    explain,
    is_deep,
    members_of,
    with_integers,
)
from photon_openapi.schema import MAX_DEPTH as MAX_DEPTH
from photon_runtime.callables import close_unrun

from ..annotations import split_annotation
from ._convert import json_converter, structuring_faults


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
            converter: The converter of :func:`make_converter`; ``None`` takes the shared one.

        Raises:
            ValueError: The schema is wrong.
        """
        self.type = split_annotation(type_).annotated
        components = definitions_of(components)
        self.check = SchemaCheck(schema, components=components, exact=True)
        self.road = _road(self.type, schema, components)
        if self.road == "direct":
            decode: Callable[[bytes], object] = msgspec.json.Decoder(self.type).decode
            is_shallow = _is_shallow(schema, components)
            decode = decode if is_shallow else _guarded(decode)
        else:
            build = _build(
                self.type, self.check, structured=self.road == "structured", converter=converter
            )
            decode = _checked(self.check, build)
        self._decode = decode

    def decode(self, data: bytes) -> object:
        """Decode a body.

        Raises:
            MalformedBody: It is no JSON, no UTF-8, or nested too deeply.
            ValidationError: It does not fit; with every fault.
        """
        return _decoded(self._decode, self.check, data)


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
            converter: The converter of :func:`make_converter`; ``None`` takes the shared one.

        Raises:
            ValueError: The schema is wrong.
        """
        self.type = None if type_ is None else split_annotation(type_).annotated
        definitions = definitions_of(components)
        asserted = assert_formats or definitions.assert_formats
        self.check = SchemaCheck(schema, components=definitions, assert_formats=asserted)
        if self.type is None:
            self._decode = _checked(self.check, _keep)
            return
        structured = "structured" in _wishes(self.type) or not _is_supported(self.type)
        build = _build(self.type, self.check, structured=structured, converter=converter)
        self._decode = _checked(self.check, build)

    def decode(self, data: bytes) -> object:
        """Decode a body.

        Raises:
            MalformedBody: It is no JSON, no UTF-8, or nested too deeply.
            ValidationError: It does not fit; with every fault.
        """
        return _decoded(self._decode, self.check, data)


def _decoded(decode: Callable[[bytes], object], check: SchemaCheck, data: bytes) -> object:
    try:
        return decode(data)
    except (*DECODE_ERRORS, ValidationError) as refusal:
        whole = with_integers(data)
        if whole is None:
            raise _explained(check, data, refusal) from None
    try:
        return decode(whole)
    except (*DECODE_ERRORS, ValidationError) as refusal:
        raise _explained(check, whole, refusal) from None


def _explained(check: SchemaCheck, data: bytes, refusal: Exception) -> ValidationError:
    return refusal if isinstance(refusal, ValidationError) else explain(check, data, refusal)


def encode(value: object) -> bytes:
    """Encode a value as JSON.

    attrs classes, dataclasses, dates, ``Decimal``, ``UUID``, enumerations and sets have a form.
    Attributes with a leading underscore are left out; NaN and infinities become ``null``.

    Raises:
        TypeError: A value in it has no form in JSON; the message names its type.
    """
    return _encode(value)


def _refuse(value: object) -> object:
    close_unrun(value)
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
    named = list(schema.get("properties", {}).values())
    return _says_more(named, components, seen=seen) or any(
        keyword in ("pattern", "uniqueItems") or _says_more(value, components, seen=seen)
        for keyword, value in schema.items()
        if keyword not in ("properties", "default", "examples", "enum", "propertyNames")
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
    hook = (converter or json_converter()).get_structure_hook(type_)

    def build(data: bytes, plain: object) -> object:
        try:
            return hook(plain, type_)
        except RecursionError:
            raise
        except Exception as error:
            faults = [
                ErrorDetail("body", decode_message(message), pointer=pointer_of(path))
                for path, message in itertools.islice(structuring_faults(error), MAX_ERRORS)
            ]
            raise ValidationError(check.errors(plain) or faults) from error

    return build


def _keep(data: bytes, plain: object) -> object:
    return plain


def _checked(check: SchemaCheck, build: _Build) -> Callable[[bytes], object]:
    is_valid = check.is_valid

    def decode(data: bytes) -> object:
        plain = decode_plain(data)
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and is_deep(plain):
            raise RecursionError
        if is_valid(plain):
            return build(data, plain)
        raise msgspec.ValidationError("does not fit the schema")

    return decode


def _guarded(decode: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Keep the limit of depth where the type does not."""

    def guarded(data: bytes) -> object:
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and is_deep(decode_plain(data)):
            raise RecursionError
        return decode(data)

    return guarded
