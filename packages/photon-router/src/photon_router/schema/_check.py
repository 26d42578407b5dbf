"""A schema that gives verdicts, and lists what is wrong.

Two validators share the work. jsonschema-rs gives the verdict: microseconds, yes or no. Only when
it says no does jsonschema walk the instance to list every fault. :class:`SchemaCheck` pairs them
over one schema.

A refused request must not cost much more than an accepted one, or it becomes a weapon. jsonschema
is some hundred times slower than the verdict, and several of its keywords are worse than linear, so
the listing validator replaces the keywords that an attacker could exploit:

- ``pattern`` and ``patternProperties`` ask jsonschema-rs, whose engine is linear in the text. Only
  expressions with look-around or back-references backtrack, within ``_BACKTRACK_LIMIT`` steps;
  beyond it the text counts as not matching.
- ``items`` and ``additionalProperties`` over many elements descend only into those that the verdict
  refuses.
- ``anyOf`` and ``oneOf`` keep a few faults of each branch instead of all (``_unions``).
- ``uniqueItems`` and ``multipleOf`` ask jsonschema-rs: the former is quadratic in jsonschema, the
  latter computes in floats and so finds 0.07 no multiple of 0.01.
"""

from __future__ import annotations

import datetime
import functools
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import jsonschema
import jsonschema_rs
import msgspec
import referencing
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing.jsonschema import DRAFT202012

from ..document._definitions import BASE, Definitions, definitions_of
from ._faults import Fault, at_most, faults_from_schema, in_words
from ._unions import any_of, lacks, one_of

Schema: TypeAlias = Mapping[str, Any] | bool

_BACKTRACK_LIMIT = 100_000
_FEW = 50  # elements that are walked without asking for a verdict first
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACK_LIMIT)


@attrs.define
class SchemaCheck:
    """A schema that gives verdicts and lists faults.

    Attributes:
        schema: The schema.
        components: What references lead to; schemas by name are found as
            ``#/components/schemas/...``.
        assert_formats: Whether ``format`` is checked, or only describes.
        exact: Whether an integer may not be written ``1.0``, and base64 is checked, as msgspec has
            it. It concerns the list of faults only.
    """

    schema: Schema
    components: Definitions = attrs.field(default=None, converter=definitions_of, kw_only=True)
    assert_formats: bool = attrs.field(default=False, kw_only=True)
    exact: bool = attrs.field(default=False, kw_only=True)
    is_valid: Callable[[object], bool] = attrs.field(init=False)
    """The verdict on a JSON value (as decoders give them); takes microseconds."""
    _validator: Any = attrs.field(init=False, default=None)
    _verdicts: dict[int, tuple[object, Callable[[object], bool]]] = attrs.field(
        init=False, factory=dict
    )

    def __attrs_post_init__(self) -> None:
        """Compile the verdict.

        Raises:
            ValueError: The schema is wrong, or a ``$ref`` leads nowhere.
        """
        self.is_valid = self._compiled(self.schema).is_valid

    def faults(self, instance: object) -> list[Fault]:
        """List every fault of a JSON value, in the order of the value; empty when it is valid."""
        if self._validator is None:
            self._validator = self._listing_validator()
        return faults_from_schema(self._validator, instance)

    def _compiled(
        self, schema: Schema, *, formats: dict[str, Callable[[str], bool]] | None = None
    ) -> jsonschema_rs.Draft202012Validator:
        return _compile(
            self.components.rooted(schema),
            assert_formats=self.assert_formats,
            formats=formats,
            registry=self.components.registry,
        )

    def _listing_validator(self) -> Any:
        keywords = {**_KEYWORDS, "items": self._items, "additionalProperties": self._additional}
        if self.assert_formats:
            keywords["format"] = _standard_format
        checker = Draft202012Validator.TYPE_CHECKER
        if self.exact:
            keywords["contentEncoding"] = _base64
            keywords["format"] = _exact_format
            checker = checker.redefine("integer", _is_integer)
        extend: Any = jsonschema.validators.extend
        listing = extend(Draft202012Validator, keywords, type_checker=checker)
        root, known = self.components.rooted(self.schema), self.components.resources
        registry: Any = referencing.Registry()  # nothing is ever fetched
        if known or (isinstance(root, Mapping) and "$id" in root):
            known = {**known, BASE: root}
            registry = registry.with_contents(known.items(), default_specification=DRAFT202012)
        return listing(root, registry=registry.crawl())

    def _verdict(self, schema: Schema) -> Callable[[object], bool]:
        """The verdict on a part of the schema; compiled at its first fault."""
        known = self._verdicts.get(id(schema))
        if known is None:
            formats = _EXACT_FORMATS if self.exact else None
            compiled = self._compiled(schema, formats=formats)
            known = self._verdicts[id(schema)] = (schema, compiled.is_valid)
        return known[1]

    def _suspects(
        self, elements: Sequence[tuple[Any, object]], schema: Schema
    ) -> Iterable[tuple[Any, object]]:
        """Those elements that are worth a walk."""
        if len(elements) <= _FEW or self.components.is_dynamic:
            return elements
        try:
            is_valid = self._verdict(schema)
        except ValueError:  # a relative reference that only resolves from where it stands
            return elements
        return (element for element in elements if not is_valid(element[1]))

    def _items(
        self, validator: Any, items: Any, instance: object, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if not isinstance(instance, list):
            return
        start = len(schema.get("prefixItems", ()))
        if items is False:
            if len(instance) > start:
                yield ValidationError(at_most(start, "item"))
            return
        rest = list(enumerate(instance))[start:]
        for index, item in self._suspects(rest, items):
            yield from validator.descend(item, items, path=index)

    def _additional(
        self, validator: Any, additional: Any, instance: object, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if not isinstance(instance, dict):
            return
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        others = [
            (name, value)
            for name, value in instance.items()
            if name not in named and not any(_matches(pattern, name) for pattern in patterns)
        ]
        if additional is False:
            for name, _ in others:
                yield ValidationError("unknown member", path=[name])
            return
        for name, value in self._suspects(others, additional):
            yield from validator.descend(value, additional, path=name)


# Keywords of the listing validator


def _required(
    validator: Any, required: Sequence[str], instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in required:
            if name not in instance:
                yield lacks(name)


def _properties(
    validator: Any, properties: Mapping[str, Any], instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name, inner in properties.items():
            if name not in instance:
                continue
            if inner is False:
                yield ValidationError("unknown member", path=[name])
            else:
                yield from validator.descend(instance[name], inner, path=name, schema_path=name)


def _pattern(
    validator: Any, pattern: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError("pattern")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, inner in patterns.items():
            for name, value in instance.items():
                if not _matches(pattern, name):
                    continue
                if inner is False:
                    yield ValidationError("unknown member", path=[name])
                else:
                    yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _property_names(
    validator: Any, names: Any, instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in instance:
            for error in validator.descend(name, names):
                message = f"the member's name is not allowed: it {in_words(error)}"
                yield ValidationError(message, path=[name])


def _unique_items(
    validator: Any, unique: bool, instance: object, schema: object
) -> Iterator[ValidationError]:
    if unique and isinstance(instance, list) and not _UNIQUE.is_valid(instance):
        yield ValidationError("uniqueItems")


def _multiple_of(
    validator: Any, factor: float, instance: object, schema: object
) -> Iterator[ValidationError]:
    if not _multiple(factor).is_valid(instance):
        yield ValidationError("multipleOf")


def _dependencies(
    validator: Any, dependencies: Mapping[str, Any], instance: object, schema: object
) -> Iterator[ValidationError]:
    """The keyword of older dialects, which jsonschema-rs still keeps."""
    if isinstance(instance, dict):
        for name, wanted in dependencies.items():
            if name in instance and isinstance(wanted, list):
                yield from _required(validator, wanted, instance, schema)
            elif name in instance:
                yield from validator.descend(instance, wanted, schema_path=name)


def _base64(
    validator: Any, encoding: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    if encoding == "base64" and isinstance(instance, str) and not _converts(instance, bytes):
        yield ValidationError("contentEncoding")


def _exact_format(
    validator: Any, name: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    accepts = _EXACT_FORMATS.get(name)
    if accepts is not None and isinstance(instance, str) and not accepts(instance):
        yield ValidationError("format")


def _standard_format(
    validator: Any, name: str, instance: object, schema: object
) -> Iterator[ValidationError]:
    if not _format(name).is_valid(instance):
        yield ValidationError("format")


_KEYWORDS: dict[str, Any] = {
    "required": _required,
    "properties": _properties,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "propertyNames": _property_names,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
    "anyOf": any_of,
    "oneOf": one_of,
    "dependencies": _dependencies,
}


# jsonschema-rs


def _compile(
    schema: Schema,
    *,
    assert_formats: bool = False,
    formats: dict[str, Callable[[str], bool]] | None = None,
    registry: jsonschema_rs.Registry | None = None,
) -> jsonschema_rs.Draft202012Validator:
    """Compile a schema; nothing is ever fetched.

    Args:
        schema: The schema.
        assert_formats: Whether the formats of the standard are checked.
        formats: Formats that are checked instead.
        registry: Schemas that are referred to by their URI.

    Raises:
        ValueError: The schema is wrong; the message says where.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            schema if isinstance(schema, bool) else dict(schema),
            formats=formats,
            validate_formats=assert_formats or formats is not None,
            registry=registry,
            pattern_options=_PATTERNS,
            offline=True,
        )
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # which has no public name
            raise
        raise ValueError(f"the schema cannot be compiled: {error}") from error


_UNIQUE = _compile({"uniqueItems": True})


@functools.lru_cache(maxsize=256)
def _multiple(factor: float) -> jsonschema_rs.Draft202012Validator:
    return _compile({"multipleOf": factor})


@functools.lru_cache(maxsize=256)
def _expression(pattern: str) -> jsonschema_rs.Draft202012Validator:
    return _compile({"pattern": pattern})


@functools.lru_cache(maxsize=256)
def _format(name: str) -> jsonschema_rs.Draft202012Validator:
    return _compile({"format": name}, assert_formats=True)


def _matches(pattern: str, text: str) -> bool:
    return _expression(pattern).is_valid(text)


# What msgspec takes for the types that have a format


def _is_integer(checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _converts(text: object, type_: Any) -> bool:
    try:
        msgspec.convert(text, type_)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


_EXACT_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": functools.partial(_converts, type_=datetime.datetime),
    "date": functools.partial(_converts, type_=datetime.date),
    "time": functools.partial(_converts, type_=datetime.time),
    "duration": functools.partial(_converts, type_=datetime.timedelta),
    "uuid": functools.partial(_converts, type_=uuid.UUID),
}
