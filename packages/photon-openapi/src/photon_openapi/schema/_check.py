"""Validation by a schema, with the complete list of errors.

Two validators share the work. jsonschema-rs decides within microseconds whether a value is valid.
Only if it is not valid does jsonschema walk the instance to list every error. :class:`SchemaCheck`
combines both for one schema.

A refused request must not cost much more than an accepted one: otherwise it could be used for a
denial of service. jsonschema is about a hundred times slower than jsonschema-rs, and several of its
keywords are worse than linear, so the listing validator replaces the keywords that an attacker
could exploit:

- ``pattern`` and ``patternProperties`` use jsonschema-rs, whose engine is linear in the string.
  Only expressions with look-around or back-references backtrack, up to a limit of steps
  (`_compiled`); beyond the limit the string counts as not matching.
- ``items`` and ``additionalProperties`` over many elements descend only into those that
  jsonschema-rs refuses.
- ``$ref`` walks each object and array once. Schemas that refer to themselves in several ways
  (the branches of a union of expressions, the parts of an ``allOf``) would otherwise multiply the
  walks at each level, and a body of a few hundred bytes would occupy a server for hours.
- ``anyOf`` and ``oneOf`` collect a few errors of each branch instead of all (``_unions``).
- ``uniqueItems`` and ``multipleOf`` use jsonschema-rs: the former is quadratic in jsonschema, the
  latter computes in floats, by which 0.07 is not a multiple of 0.01.

A bound on the size of a listed value would not replace these measures: the worst values are small
(a few hundred bytes against a recursive schema), and a bound on the steps of a walk would end
before the last of ten thousand items, which may be the only invalid one.

``unevaluatedProperties`` and ``unevaluatedItems`` are reported only where all other keywords are
satisfied: a subschema that fails has evaluated no members, and the members that it names would be
reported as unknown.
"""

from __future__ import annotations

import difflib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import jsonschema
import referencing
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing.jsonschema import DRAFT202012

from ..document import BASE, Definitions, definitions_of
from ..errors import MAX_ERRORS, ErrorDetail
from ..messages import choices, shorten
from ._compiled import Predicate, Schema, compiled, keyword_predicate
from ._formats import EXACT, STRINGS, asserted, exact, exact_encoding, with_limits
from ._messages import at_most, errors_from_schema, message_of
from ._shared_validators import SharedValidators
from ._unions import any_of, lacks, one_of

Keyword: TypeAlias = Callable[[Any, Any, object, Any], Iterator[ValidationError]]
"""A keyword of the listing validator.

The arguments are the validator, the value of the keyword, the instance and the schema.
"""

# A schema without any of these refers to nothing.
_WITH_REFERENCES = (
    "$ref",
    "properties",
    "items",
    "allOf",
    "anyOf",
    "oneOf",
    "additionalProperties",
    "prefixItems",
    "not",
)
_FEW = 50  # elements that are walked without a check by jsonschema-rs first
_MOST_HINTS, _MOST_NAMES = 20, 200  # the search for the nearest name is slow: some 10 µs per name


@attrs.define
class SchemaCheck:
    """A schema that validates values and lists their errors.

    Attributes:
        schema: The schema.
        components: The targets of references; schemas by name are the targets of
            ``#/components/schemas/...``.
        assert_formats: Checks ``format``, which otherwise only describes.
        exact: Refuses an integer that is written ``1.0``, and checks base64, as msgspec does. It
            affects the list of errors only.
    """

    schema: Schema
    components: Definitions = attrs.field(default=None, converter=definitions_of, kw_only=True)
    assert_formats: bool = attrs.field(default=False, kw_only=True)
    exact: bool = attrs.field(default=False, kw_only=True)
    is_valid: Predicate = attrs.field(init=False)
    """Returns whether a JSON value (as decoders return it) is valid; takes microseconds."""
    _validator: Any = attrs.field(init=False, default=None)
    _hints: int = attrs.field(init=False, default=0)
    _predicates: dict[tuple[int, str], tuple[object, Predicate]] = attrs.field(
        init=False, factory=dict
    )
    _walked: dict[tuple[int, int], tuple[object, list[ValidationError]]] = attrs.field(
        init=False, factory=dict
    )

    def __attrs_post_init__(self) -> None:
        """Compile the schema.

        Raises:
            ValueError: The schema is invalid, or the target of a ``$ref`` does not exist.
        """
        self.is_valid = self._shared() or self._compiled(self.schema)

    def _shared(self) -> Predicate | None:
        """Return the predicate of a validator for the whole document, if it has one."""
        components, schema = self.components, self.schema
        if isinstance(schema, bool) or not components.document or components.has_identifiers:
            return None
        if not any(key in schema for key in _WITH_REFERENCES):
            return None
        validators = SharedValidators.of(components)
        return validators.shared(schema, assert_formats=self.assert_formats)

    def errors(self, instance: object) -> list[ErrorDetail]:
        """List every error of a JSON value, in the order of the value; empty when it is valid."""
        if self._validator is None:
            self._validator = self._listing_validator()
        self._hints = _MOST_HINTS
        try:
            return errors_from_schema(self._validator, instance)
        finally:
            self._walked.clear()

    def _compiled(
        self, schema: Schema, *, formats: dict[str, Callable[[str], bool]] | None = None
    ) -> Predicate:
        rooted, registry = self.components.rooted(schema), self.components.registry()
        if self.assert_formats:
            rooted, registry = with_limits(rooted), self.components.registry(with_limits)
            formats = STRINGS
        return compiled(
            rooted, assert_formats=self.assert_formats, formats=formats, registry=registry
        )

    def _listing_validator(self) -> Any:
        keywords = {
            **_KEYWORDS,
            "items": self._items,
            "additionalProperties": self._additional,
            "$ref": self._once("$ref"),
            "$dynamicRef": self._once("$dynamicRef"),
            "unevaluatedProperties": self._unevaluated("unevaluatedProperties"),
            "unevaluatedItems": self._unevaluated("unevaluatedItems"),
        }
        if self.assert_formats:
            keywords["format"] = _checked_by("format", asserted)
        checker = Draft202012Validator.TYPE_CHECKER
        if self.exact:
            keywords["contentEncoding"] = _checked_by("contentEncoding", exact_encoding)
            keywords["format"] = _checked_by("format", exact)
            checker = checker.redefine("integer", _is_integer)
        extend: Any = jsonschema.validators.extend
        listing = extend(Draft202012Validator, keywords, type_checker=checker)
        root, known = self.components.rooted(self.schema), self.components.resources
        registry: Any = referencing.Registry()  # nothing is ever fetched
        if known or (isinstance(root, Mapping) and "$id" in root):
            known = {**known, BASE: root}
            registry = registry.with_contents(known.items(), default_specification=DRAFT202012)
        return listing(root, registry=registry.crawl())

    def _predicate(self, schema: Schema, *, without: str = "") -> Predicate:
        """Return the predicate of a subschema; compiled at its first error.

        Args:
            schema: The subschema.
            without: A keyword of the subschema that is ignored.

        Raises:
            ValueError: The subschema has a relative reference that only resolves in its context.
        """
        key = id(schema), without
        known = self._predicates.get(key)
        if known is None:
            part = schema
            if not isinstance(schema, bool):
                part = {name: value for name, value in schema.items() if name != without}
            predicate = self._compiled(part, formats=EXACT if self.exact else None)
            known = self._predicates[key] = (schema, predicate)
        return known[1]

    def _candidates(
        self, elements: Sequence[tuple[Any, object]], schema: Schema
    ) -> Iterable[tuple[Any, object]]:
        """Return the elements that may have errors."""
        if len(elements) <= _FEW or self.components.is_dynamic:
            return elements
        try:
            is_valid = self._predicate(schema)
        except ValueError:
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
        for index, item in self._candidates(rest, items):
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
                yield ValidationError(self._unknown(name, named), path=[name])
            return
        for name, value in self._candidates(others, additional):
            yield from validator.descend(value, additional, path=name)

    def _unknown(self, name: str, named: Mapping[str, Any]) -> str:
        """Return the message for an unknown member, with the nearest name among the known ones."""
        if self._hints == 0 or len(named) > _MOST_NAMES:
            return "unknown member"
        self._hints -= 1
        near = difflib.get_close_matches(shorten(name), named, n=1)
        return f"unknown member: did you mean {choices(near)}?" if near else "unknown member"

    def _once(self, keyword: str) -> Keyword:
        """Return a keyword that walks each object and array once in a listing."""
        walk: Keyword = Draft202012Validator.VALIDATORS[keyword]

        def validate(
            validator: Any, value: Any, instance: object, schema: Any
        ) -> Iterator[ValidationError]:
            if not isinstance(instance, dict | list):
                yield from walk(validator, value, instance, schema)
                return
            key = id(instance), id(schema)
            known = self._walked.get(key)
            if known is None or known[0] is not instance:
                errors = itertools.islice(walk(validator, value, instance, schema), MAX_ERRORS)
                known = self._walked[key] = instance, list(errors)
            for error in known[1]:
                yield ValidationError.create_from(error)  # jsonschema extends the path of each

        return validate

    def _unevaluated(self, keyword: str) -> Keyword:
        """Return a keyword for the members or items that adjacent keywords have not evaluated."""
        walk: Keyword = Draft202012Validator.VALIDATORS[keyword]

        def validate(
            validator: Any, value: Any, instance: object, schema: Any
        ) -> Iterator[ValidationError]:
            predicates = self._predicates_around(schema, keyword)
            if predicates is None:
                yield from walk(validator, value, instance, schema)
                return
            is_valid_without, is_valid = predicates
            if is_valid_without(instance) and not is_valid(instance):
                yield ValidationError(keyword)

        return validate

    def _predicates_around(self, schema: Any, keyword: str) -> tuple[Predicate, Predicate] | None:
        """Return the predicates without and with a keyword, ``None`` if they do not compile."""
        if self.components.is_dynamic or "$id" in schema:  # a URI refers to the whole
            return None
        try:
            return self._predicate(schema, without=keyword), self._predicate(schema)
        except ValueError:
            return None


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
            if name in instance:
                yield from _member(validator, instance[name], inner, name, name)


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, inner in patterns.items():
            for name, value in instance.items():
                if _matches(pattern, name):
                    yield from _member(validator, value, inner, name, pattern)


def _member(
    validator: Any, value: object, schema: Any, name: str, step: str
) -> Iterator[ValidationError]:
    if schema is False:
        yield ValidationError("unknown member", path=[name])
    else:
        yield from validator.descend(value, schema, path=name, schema_path=step)


def _property_names(
    validator: Any, names: Any, instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in instance:
            for error in validator.descend(name, names):
                message = f"the member's name is not allowed: it {message_of(error)}"
                yield ValidationError(message, path=[name])


def _dependencies(
    validator: Any, dependencies: Mapping[str, Any], instance: object, schema: object
) -> Iterator[ValidationError]:
    """The keyword of older dialects, which jsonschema-rs still supports."""
    if isinstance(instance, dict):
        for name, dependency in dependencies.items():
            if name in instance and isinstance(dependency, list):
                yield from _required(validator, dependency, instance, schema)
            elif name in instance:
                yield from validator.descend(instance, dependency, schema_path=name)


def _checked_by(keyword: str, predicate: Callable[[Any], Predicate]) -> Any:
    """Return a keyword that is checked by a predicate.

    Args:
        keyword: The name of the keyword.
        predicate: A function that returns the predicate for a value of the keyword.
    """

    def validate(
        validator: Any, value: Any, instance: object, schema: object
    ) -> Iterator[ValidationError]:
        if not predicate(value)(instance):
            yield ValidationError(keyword)

    return validate


def _by_itself(keyword: str) -> Any:
    """Return a keyword that is checked by jsonschema-rs."""
    return _checked_by(keyword, functools.partial(keyword_predicate, keyword))


_KEYWORDS: dict[str, Any] = {
    "required": _required,
    "properties": _properties,
    "pattern": _by_itself("pattern"),
    "patternProperties": _pattern_properties,
    "propertyNames": _property_names,
    "uniqueItems": _by_itself("uniqueItems"),
    "multipleOf": _by_itself("multipleOf"),
    "anyOf": any_of,
    "oneOf": one_of,
    "dependencies": _dependencies,
}


def _matches(pattern: str, text: str) -> bool:
    return keyword_predicate("pattern", pattern)(text)


def _is_integer(checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
