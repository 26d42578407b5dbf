"""JSON bodies: bytes to typed values and back.

A body object is built once per operation, at start-up, and decodes with one of three strategies:

- *direct*: msgspec decodes the bytes directly into the type. It is used if msgspec and the attrs
  validators enforce the whole schema.
- *checked*: the schema (jsonschema-rs) validates the plain JSON first, then msgspec decodes it. It
  is used if the schema has more rules: `Param` constraints, patterns (which jsonschema-rs matches
  in linear time), ``Decimal`` (msgspec accepts NaN), sets, classes that are `closed`.
- *structured*: the schema validates, then cattrs converts. It is used for types that msgspec does
  not support (unions of classes) or handles differently from the class: attrs converters, which
  msgspec never runs; members with another name on the wire; private attributes and those with
  ``init=False``, which msgspec would let a client set.

No strategy coerces: ``"1"`` is not an integer and ``1`` is not a boolean. ``1.0`` and ``1e2`` are
integers, according to JSON Schema (2020-12, section 4.2.3): a rejected body is decoded again with
such numbers written as integers. The last of several members with the same name counts.

Only a rejected body is validated again, to list all of its errors. If the schema accepts it, it
violates a rule that a schema cannot express, such as a validator of the application, and that error
alone is reported.
"""

from __future__ import annotations

import decimal
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
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
    mapper_of,
    members_of,
    with_integers,
)
from photon_openapi.schema import MAX_DEPTH as MAX_DEPTH
from photon_runtime.callables import close_unrun

from ..annotations import split_annotation
from ._convert import json_converter, structuring_errors


class JsonBody:
    """A JSON body whose type the handler declares.

    Attributes:
        type: The type that bodies are decoded into.
        check: The schema, for validation and lists of errors.
        strategy: ``direct``, ``checked`` or ``structured``: see the docstring of the module.
    """

    __slots__ = ("_decode", "check", "strategy", "type")

    def __init__(
        self,
        type_: object,
        *,
        schema: Schema,
        components: Mapping[str, Any] | None = None,
        converter: cattrs.Converter | None = None,
    ) -> None:
        """Choose the strategy and build the decoder.

        Args:
            type_: The type, with its constraints.
            schema: The schema that ``SchemaBuilder.schema`` has written for it.
            components: The builder's components, complete.
            converter: The converter of :func:`make_converter`; ``None`` for the shared one.

        Raises:
            ValueError: The schema is invalid.
        """
        self.type = split_annotation(type_).annotated
        components = definitions_of(components)
        self.check = SchemaCheck(schema, components=components, exact=True)
        self.strategy = _strategy(self.type, schema, components)
        if self.strategy == "direct":
            decode: Callable[[bytes], object] = msgspec.json.Decoder(self.type).decode
            is_shallow = _is_shallow(schema, components)
            decode = decode if is_shallow else _guarded(decode)
        else:
            build = _build(
                self.type, self.check, structured=self.strategy == "structured", converter=converter
            )
            decode = _checked(self.check, build)
        self._decode = decode

    def decode(self, data: bytes) -> object:
        """Decode a body.

        Raises:
            MalformedBody: The body is not JSON, not UTF-8, or nested too deeply.
            ValidationError: The body is invalid; lists every error.
        """
        return _decoded(self._decode, self.check, data)


class SchemaBody:
    """A JSON body whose schema is in a document: the schema decides.

    Attributes:
        type: The type that bodies are converted to, or ``None`` for plain JSON.
        check: The schema, for validation and lists of errors.
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
            components: The targets of its references.
            type_: The type in the handler's annotation; ``None`` for plain JSON.
            assert_formats: True to check ``format``, false to use it as a description only.
            converter: The converter of :func:`make_converter`; ``None`` for the shared one.

        Raises:
            ValueError: The schema is invalid.
        """
        self.type = None if type_ is None else split_annotation(type_).annotated
        definitions = definitions_of(components)
        asserted = assert_formats or definitions.assert_formats
        self.check = SchemaCheck(schema, components=definitions, assert_formats=asserted)
        if self.type is None:
            self._decode = _checked(self.check, _plain_value)
            return
        structured = "structured" in _required_strategies(self.type) or not _is_supported(self.type)
        build = _build(self.type, self.check, structured=structured, converter=converter)
        self._decode = _checked(self.check, build)

    def decode(self, data: bytes) -> object:
        """Decode a body.

        Raises:
            MalformedBody: The body is not JSON, not UTF-8, or nested too deeply.
            ValidationError: The body is invalid; lists every error.
        """
        return _decoded(self._decode, self.check, data)


def _decoded(decode: Callable[[bytes], object], check: SchemaCheck, data: bytes) -> object:
    try:
        return decode(data)
    except (*DECODE_ERRORS, ValidationError) as error:
        rewritten = with_integers(data)
        if rewritten is None:
            raise _explained(check, data, error) from None
    try:
        return decode(rewritten)
    except (*DECODE_ERRORS, ValidationError) as error:
        raise _explained(check, rewritten, error) from None


def _explained(check: SchemaCheck, data: bytes, error: Exception) -> ValidationError:
    return error if isinstance(error, ValidationError) else explain(check, data, error)


def encode(value: object) -> bytes:
    """Encode a value as JSON.

    attrs classes, dataclasses, dates, ``Decimal``, ``UUID``, enumerations and sets are supported.
    Attributes with a leading underscore are left out; NaN and infinities become ``null``.

    Raises:
        TypeError: A value in it cannot be encoded as JSON; the message names its type.
    """
    return _encode(value)


def _refuse(value: object) -> object:
    close_unrun(value)
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if mapper_of(type(value)) is not None:
        raise TypeError(
            f"an object of {name} can be sent where the annotation of the handler describes it: "
            "annotate the result with a class of the members to send, or with the class itself"
        )
    if isinstance(value, Mapping):  # of a library, such as a proxy for a relationship
        return dict(value)
    if isinstance(value, Sequence | Set):
        return list(value)
    raise TypeError(
        f"a value of type {name} cannot be encoded as JSON: return an attrs class, a dataclass, a "
        "dict, a list or a scalar"
    )


_encode = msgspec.json.Encoder(enc_hook=_refuse).encode


# Strategies

_Build = Callable[[bytes, object], object]


def _strategy(type_: Any, schema: Schema, components: Mapping[str, Any]) -> str:
    required = _required_strategies(type_)
    if "structured" in required or not _is_supported(type_):
        return "structured"
    if "checked" in required or _exceeds_msgspec(schema, components, seen=set()):
        return "checked"
    return "direct"


def _is_supported(type_: Any) -> bool:
    try:
        msgspec.json.Decoder(type_)
    except TypeError:
        return False
    return True


def _exceeds_msgspec(schema: Any, components: Mapping[str, Any], *, seen: set[str]) -> bool:
    """Return true if msgspec does not fully enforce the keywords of a schema."""
    if isinstance(schema, list):
        return any(_exceeds_msgspec(item, components, seen=seen) for item in schema)
    if not isinstance(schema, dict):
        return False
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        if _exceeds_msgspec(components.get(name), components, seen=seen):
            return True
    if schema.get("additionalProperties") is False:
        return True
    named = list(schema.get("properties", {}).values())
    return _exceeds_msgspec(named, components, seen=seen) or any(
        keyword in ("pattern", "uniqueItems") or _exceeds_msgspec(value, components, seen=seen)
        for keyword, value in schema.items()
        if keyword not in ("properties", "default", "examples", "enum", "propertyNames")
    )


def _is_shallow(
    schema: Any, components: Mapping[str, Any], *, within: frozenset[str] = frozenset()
) -> bool:
    """Return true if the schema limits the nesting depth of a value."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        visited = within | {name}
        return name not in within and _is_shallow(components[name], components, within=visited)
    inner = [
        *schema.get("anyOf", ()),
        *schema.get("prefixItems", ()),
        *schema.get("properties", {}).values(),
        *(schema[keyword] for keyword in ("items", "additionalProperties") if keyword in schema),
    ]
    if not inner:
        names = schema.get("type", ())
        containers = {"array", "object"}.intersection([names] if isinstance(names, str) else names)
        return "properties" in schema or bool(names and not containers)
    return all(_is_shallow(part, components, within=within) for part in inner)


def _required_strategies(type_: Any) -> set[str]:
    """Return the strategies that parts of the type require."""
    required: set[str] = set()
    for part in _parts(type_, seen=set()):
        annotation = split_annotation(part)
        if annotation.param is not None and annotation.param.is_constrained:
            is_own = any(isinstance(item, Param) for item in typing.get_args(part))
            is_beyond_schemas = annotation.type is decimal.Decimal or (
                is_own and annotation.param.tz is not None
            )
            if is_beyond_schemas or is_own:
                required.add("structured" if is_beyond_schemas else "checked")
        for member in members_of(annotation.type) or ():
            is_special = member.is_private or member.converts or member.is_renamed
            if is_special or member.argument is None:
                required.add("structured")
    return required


def _parts(type_: Any, *, seen: set[Any]) -> Iterator[Any]:
    """Yield the type and every type inside it, each once."""
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
            errors = [
                ErrorDetail("body", decode_message(message), pointer=pointer_of(path))
                for path, message in itertools.islice(structuring_errors(error), MAX_ERRORS)
            ]
            raise ValidationError(check.errors(plain) or errors) from error

    return build


def _plain_value(data: bytes, plain: object) -> object:
    return plain


def _checked(check: SchemaCheck, build: _Build) -> Callable[[bytes], object]:
    is_valid = check.is_valid

    def decode(data: bytes) -> object:
        plain = decode_plain(data)
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and is_deep(plain):
            raise RecursionError
        if is_valid(plain):
            return build(data, plain)
        raise msgspec.ValidationError("violates the schema")

    return decode


def _guarded(decode: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Enforce the depth limit for a type that does not limit its depth."""

    def guarded(data: bytes) -> object:
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and is_deep(decode_plain(data)):
            raise RecursionError
        return decode(data)

    return guarded
