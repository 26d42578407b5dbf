"""A schema that gives verdicts, and lists what is wrong.

Two validators share the work. jsonschema-rs gives the verdict: microseconds, yes or no. Only when
it says no does jsonschema walk the instance to list every error. :class:`SchemaCheck` pairs them
over one schema.

A refused request must not cost much more than an accepted one, or it becomes a weapon. jsonschema
is some hundred times slower than the verdict, and several of its keywords are worse than linear, so
the listing validator replaces the keywords that an attacker could exploit:

- ``pattern`` and ``patternProperties`` ask jsonschema-rs, whose engine is linear in the text. Only
  expressions with look-around or back-references backtrack, within a limit of steps (`_compiled`);
  beyond it the text counts as not matching.
- ``items`` and ``additionalProperties`` over many elements descend only into those that the verdict
  refuses.
- ``$ref`` walks each object and array once. Schemas that lead back to themselves by several ways
  (the branches of a union of expressions, the parts of an ``allOf``) would otherwise multiply the
  walks at each level, and a body of a few hundred bytes would keep a server busy for hours.
- ``anyOf`` and ``oneOf`` keep a few errors of each branch instead of all (``_unions``).
- ``uniqueItems`` and ``multipleOf`` ask jsonschema-rs: the former is quadratic in jsonschema, the
  latter computes in floats and so finds 0.07 no multiple of 0.01.

A bound on the size of a listed value would not replace them: the worst values are small (a few
hundred bytes against a schema that leads back to itself), and a bound on the steps of a walk would
end before the last of ten thousand items, which may be the only wrong one.

``unevaluatedProperties`` and ``unevaluatedItems`` count only where all else fits: a part that does
not fit has evaluated nothing, and what it names would be told as unknown.
"""

from __future__ import annotations

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
from ._compiled import Schema, Verdict, compiled, verdict_of
from ._formats import EXACT, TEXTS, asserted, exact, exact_encoding, with_limits
from ._messages import at_most, errors_from_schema, message_of
from ._unions import any_of, lacks, one_of

Keyword: TypeAlias = Callable[[Any, Any, object, Any], Iterator[ValidationError]]
"""A keyword of the listing validator, called with that, its value, the instance and the schema."""

_FEW = 50  # elements that are walked without asking for a verdict first


@attrs.define
class SchemaCheck:
    """A schema that gives verdicts and lists errors.

    Attributes:
        schema: The schema.
        components: What references lead to; schemas by name are found as
            ``#/components/schemas/...``.
        assert_formats: Whether ``format`` is checked, or only describes.
        exact: Whether an integer may not be written ``1.0``, and base64 is checked, as msgspec has
            it. It concerns the list of errors only.
    """

    schema: Schema
    components: Definitions = attrs.field(default=None, converter=definitions_of, kw_only=True)
    assert_formats: bool = attrs.field(default=False, kw_only=True)
    exact: bool = attrs.field(default=False, kw_only=True)
    is_valid: Verdict = attrs.field(init=False)
    """The verdict on a JSON value (as decoders give them); takes microseconds."""
    _validator: Any = attrs.field(init=False, default=None)
    _verdicts: dict[tuple[int, str], tuple[object, Verdict]] = attrs.field(init=False, factory=dict)
    _walked: dict[tuple[int, int], tuple[object, list[ValidationError]]] = attrs.field(
        init=False, factory=dict
    )

    def __attrs_post_init__(self) -> None:
        """Compile the verdict.

        Raises:
            ValueError: The schema is wrong, or a ``$ref`` leads nowhere.
        """
        self.is_valid = self._compiled(self.schema)

    def errors(self, instance: object) -> list[ErrorDetail]:
        """List every error of a JSON value, in the order of the value; empty when it is valid."""
        if self._validator is None:
            self._validator = self._listing_validator()
        try:
            return errors_from_schema(self._validator, instance)
        finally:
            self._walked.clear()

    def _compiled(
        self, schema: Schema, *, formats: dict[str, Callable[[str], bool]] | None = None
    ) -> Verdict:
        rooted, registry = self.components.rooted(schema), self.components.registry()
        if self.assert_formats:
            rooted, registry = with_limits(rooted), self.components.registry(with_limits)
            formats = TEXTS
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
            keywords["format"] = _judged("format", asserted)
        checker = Draft202012Validator.TYPE_CHECKER
        if self.exact:
            keywords["contentEncoding"] = _judged("contentEncoding", exact_encoding)
            keywords["format"] = _judged("format", exact)
            checker = checker.redefine("integer", _is_integer)
        extend: Any = jsonschema.validators.extend
        listing = extend(Draft202012Validator, keywords, type_checker=checker)
        root, known = self.components.rooted(self.schema), self.components.resources
        registry: Any = referencing.Registry()  # nothing is ever fetched
        if known or (isinstance(root, Mapping) and "$id" in root):
            known = {**known, BASE: root}
            registry = registry.with_contents(known.items(), default_specification=DRAFT202012)
        return listing(root, registry=registry.crawl())

    def _verdict(self, schema: Schema, *, without: str = "") -> Verdict:
        """The verdict on a part of the schema; compiled at its first error.

        Args:
            schema: The part.
            without: A keyword of it that does not count.

        Raises:
            ValueError: It has a relative reference that only resolves from where it stands.
        """
        key = id(schema), without
        known = self._verdicts.get(key)
        if known is None:
            judged = schema
            if not isinstance(schema, bool):
                judged = {name: value for name, value in schema.items() if name != without}
            verdict = self._compiled(judged, formats=EXACT if self.exact else None)
            known = self._verdicts[key] = (schema, verdict)
        return known[1]

    def _suspects(
        self, elements: Sequence[tuple[Any, object]], schema: Schema
    ) -> Iterable[tuple[Any, object]]:
        """Those elements that are worth a walk."""
        if len(elements) <= _FEW or self.components.is_dynamic:
            return elements
        try:
            is_valid = self._verdict(schema)
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

    def _once(self, keyword: str) -> Keyword:
        """Return a keyword that walks each object and array once in a listing."""
        walk: Keyword = Draft202012Validator.VALIDATORS[keyword]

        def judge(
            validator: Any, value: Any, instance: object, schema: Any
        ) -> Iterator[ValidationError]:
            if not isinstance(instance, dict | list):
                yield from walk(validator, value, instance, schema)
                return
            key = id(instance), id(schema)
            known = self._walked.get(key)
            if known is None or known[0] is not instance:
                found = itertools.islice(walk(validator, value, instance, schema), MAX_ERRORS)
                known = self._walked[key] = instance, list(found)
            for error in known[1]:
                yield ValidationError.create_from(error)  # who gets it writes on its path

        return judge

    def _unevaluated(self, keyword: str) -> Keyword:
        """Return a keyword that judges what those beside it have not looked at."""
        walk: Keyword = Draft202012Validator.VALIDATORS[keyword]

        def judge(
            validator: Any, value: Any, instance: object, schema: Any
        ) -> Iterator[ValidationError]:
            verdicts = self._verdicts_around(schema, keyword)
            if verdicts is None:
                yield from walk(validator, value, instance, schema)
                return
            fits_without, fits = verdicts
            if fits_without(instance) and not fits(instance):
                yield ValidationError(keyword)

        return judge

    def _verdicts_around(self, schema: Any, keyword: str) -> tuple[Verdict, Verdict] | None:
        """Return the verdicts without a keyword and with it, ``None`` where there are none."""
        if self.components.is_dynamic or "$id" in schema:  # a URI stands for the whole
            return None
        try:
            return self._verdict(schema, without=keyword), self._verdict(schema)
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
    """The keyword of older dialects, which jsonschema-rs still keeps."""
    if isinstance(instance, dict):
        for name, wanted in dependencies.items():
            if name in instance and isinstance(wanted, list):
                yield from _required(validator, wanted, instance, schema)
            elif name in instance:
                yield from validator.descend(instance, wanted, schema_path=name)


def _judged(keyword: str, verdict: Callable[[Any], Verdict]) -> Any:
    """Return a keyword that has a verdict by itself.

    Args:
        keyword: Its name.
        verdict: Returns the verdict of a value of the keyword.
    """

    def judge(
        validator: Any, value: Any, instance: object, schema: object
    ) -> Iterator[ValidationError]:
        if not verdict(value)(instance):
            yield ValidationError(keyword)

    return judge


def _by_itself(keyword: str) -> Any:
    """Return a keyword that asks jsonschema-rs."""
    return _judged(keyword, functools.partial(verdict_of, keyword))


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
    return verdict_of("pattern", pattern)(text)


def _is_integer(checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
