"""JSON texts to typed values and back.

A decoder is built once for each type, at start-up, and has one of three strategies:

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
integers, according to JSON Schema (2020-12, section 4.2.3): a rejected text is decoded again with
such numbers written as integers. The last of several members with the same name counts.

Only a rejected text is validated again, to list all of its errors. If the schema accepts it, it
violates a rule that a schema cannot express, such as a validator of the application, and that error
alone is reported.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import cattrs
import msgspec

from photon_runtime.callables import close_unrun

from ..annotations import split_annotation
from ..document import definitions_of
from ..errors import MAX_ERRORS, ErrorDetail, ValidationError
from ..messages import pointer_of
from ..schema import (
    DECODE_ERRORS,
    Beside,
    Schema,
    SchemaBuilder,
    SchemaCheck,
    decode_message,
    decode_plain,
    explain,
    is_deep,
    is_pydantic,
    mapper_of,
    pydantic_classes_in,
    with_integers,
)
from ..schema import MAX_DEPTH as MAX_DEPTH
from ._class_errors import RuleErrors
from ._convert import json_converter, structuring_errors
from ._pydantic_values import encoded, reader_of
from ._schema_traits import SchemaTraits
from ._strategy import Strategy, is_structured, strategy_of


class JsonDecoder:
    """A decoder for a Python type: the type decides.

    Attributes:
        type: The type of the values.
        check: The schema, for validation and lists of errors.
        strategy: ``direct``, ``checked`` or ``structured``: see the docstring of the module.
    """

    __slots__ = ("_beside", "_decode", "check", "strategy", "type")

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
        if any(pydantic_classes_in(self.type)):
            builder = SchemaBuilder(is_enforced=True)
            schema, components = builder.schema(self.type), builder.components
        components = definitions_of(components)
        self.check = SchemaCheck(schema, components=components, exact=True)
        self.strategy: Strategy = strategy_of(self.type, schema, components)
        self._beside = _beside(self.type, converter)
        if self.strategy == "direct":
            decode: Callable[[bytes], object] = msgspec.json.Decoder(self.type).decode
            is_shallow = SchemaTraits.of(components).is_shallow(schema)
            decode = decode if is_shallow else _guarded(decode)
        else:
            build = _build(
                self.type, self.check, structured=self.strategy == "structured", converter=converter
            )
            decode = _checked(self.check, build, _listing(self.type, self.check, converter))
        self._decode = decode

    def decode(self, data: bytes) -> object:
        """Decode a JSON text.

        Raises:
            MalformedBody: The text is not JSON, not UTF-8, or nested too deeply.
            ValidationError: The value is invalid; lists every error.
        """
        return _decoded(self._decode, self.check, data, self._beside)


class SchemaDecoder:
    """A decoder for a schema of a document: the schema decides.

    Attributes:
        type: The type of the values, or ``None`` for plain JSON.
        check: The schema, for validation and lists of errors.
    """

    __slots__ = ("_beside", "_decode", "check", "type")

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
        self._beside: Beside | None = None
        if self.type is None:
            self._decode = _checked(self.check, _plain_value)
            return
        structured = is_structured(self.type, definitions)
        self._beside = _beside(self.type, converter)
        build = _build(self.type, self.check, structured=structured, converter=converter)
        self._decode = _checked(self.check, build, _listing(self.type, self.check, converter))

    def decode(self, data: bytes) -> object:
        """Decode a JSON text.

        Raises:
            MalformedBody: The text is not JSON, not UTF-8, or nested too deeply.
            ValidationError: The value is invalid; lists every error.
        """
        return _decoded(self._decode, self.check, data, self._beside)


def _beside(type_: Any, converter: cattrs.Converter | None) -> Beside | None:
    """Return the function that adds the errors of classes; ``None`` without rules of classes."""
    if any(pydantic_classes_in(type_)):  # see `_listing`
        return None
    classes = RuleErrors(type_, converter or json_converter())
    return classes.beside if classes.is_needed else None


def _decoded(
    decode: Callable[[bytes], object], check: SchemaCheck, data: bytes, beside: Beside | None
) -> object:
    try:
        return decode(data)
    except (*DECODE_ERRORS, ValidationError) as error:
        rewritten = with_integers(data)
        if rewritten is None:
            raise _explained(check, data, error, beside) from None
    try:
        return decode(rewritten)
    except (*DECODE_ERRORS, ValidationError) as error:
        raise _explained(check, rewritten, error, beside) from None


def _explained(
    check: SchemaCheck, data: bytes, error: Exception, beside: Beside | None
) -> ValidationError:
    if not isinstance(error, ValidationError):
        return explain(check, data, error, beside)
    if beside is None:
        return error
    return ValidationError(beside(decode_plain(data), []) or error.errors)


def encode(value: object) -> bytes:
    """Encode a value as JSON.

    attrs classes, dataclasses, dates, ``Decimal``, ``UUID``, enumerations and sets are supported.
    Attributes with a leading underscore are left out; NaN and infinities become ``null``.

    Raises:
        TypeError: A value in it cannot be encoded as JSON; the message names its type.
    """
    return encode_plain(value)


def _refuse(value: object) -> object:
    close_unrun(value)
    if is_pydantic(type(value)) and mapper_of(type(value)) is None:
        return msgspec.Raw(encoded(value))
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


encode_plain = msgspec.json.Encoder(enc_hook=_refuse).encode
"""What `encode` calls, for code that cannot afford the call."""


_Build = Callable[[bytes, object], object]
_Listing = Callable[[bytes, object], Exception]


def _build(
    type_: Any, check: SchemaCheck, *, structured: bool, converter: cattrs.Converter | None
) -> _Build:
    if not structured:
        decode = msgspec.json.Decoder(type_).decode
        return lambda data, plain: decode(data)
    structure = _structured(type_, converter)

    def build(data: bytes, plain: object) -> object:
        try:
            return structure(data, plain)
        except RecursionError:
            raise
        except Exception as error:
            errors = _own_errors(error)
            raise ValidationError(check.errors(plain) or errors) from error

    return build


def _structured(type_: Any, converter: cattrs.Converter | None) -> _Build:
    """Return the conversion of a plain value, which raises what `structuring_errors` reads."""
    if is_pydantic(type_):
        read = reader_of(type_)
        return lambda data, plain: read(plain, data)
    hook = (converter or json_converter()).get_structure_hook(type_)
    return lambda data, plain: hook(plain, type_)


def _own_errors(error: Exception) -> list[ErrorDetail]:
    return [
        ErrorDetail("body", decode_message(message), pointer=pointer_of(path))
        for path, message in itertools.islice(structuring_errors(error), MAX_ERRORS)
    ]


def _plain_value(data: bytes, plain: object) -> object:
    return plain


def _violation(data: bytes, plain: object) -> Exception:
    return msgspec.ValidationError("violates the schema")


def _listing(type_: Any, check: SchemaCheck, converter: cattrs.Converter | None) -> _Listing:
    """Return a function that lists the errors of a value which violates its schema.

    Classes of pydantic validate every member by itself, so that the errors of their validators are
    listed beside those of the schema.
    """
    if not any(pydantic_classes_in(type_)):
        return _violation
    structure = _structured(type_, converter)

    def listed(data: bytes, plain: object) -> Exception:
        errors = check.errors(plain)
        known = [each.pointer or "" for each in errors]
        try:
            structure(data, plain)
        except RecursionError:
            raise
        except Exception as error:
            errors += [
                each for each in _own_errors(error) if not _is_known(each.pointer or "", known)
            ]
        return ValidationError(errors[:MAX_ERRORS])

    return listed


def _is_known(pointer: str, known: list[str]) -> bool:
    """Return whether a value, or a part of it, has an error already."""
    return any(
        pointer == each
        or pointer.startswith(f"{each}/")
        or (pointer != "" and each.startswith(f"{pointer}/"))
        for each in known
    )


def _checked(
    check: SchemaCheck, build: _Build, listed: _Listing = _violation
) -> Callable[[bytes], object]:
    is_valid = check.is_valid

    def decode(data: bytes) -> object:
        plain = decode_plain(data)
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and is_deep(plain):
            raise RecursionError
        if is_valid(plain):
            return build(data, plain)
        raise listed(data, plain)

    return decode


def _guarded(decode: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Enforce the depth limit for a type that does not limit its depth."""

    def guarded(data: bytes) -> object:
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and is_deep(decode_plain(data)):
            raise RecursionError
        return decode(data)

    return guarded
