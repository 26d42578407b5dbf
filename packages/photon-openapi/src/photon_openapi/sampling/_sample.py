"""Values for schemas: the response of a mock if the document has no example.

Theory of operation. A value is built from the *flat* schemas of a schema (`_flat`), the plainest
first: its examples, defaults and constants, otherwise the plainest value of its type, with all
members of objects and one item in lists. Some keywords (``not``, ``unevaluatedProperties``,
``dependentSchemas``) are not taken into account, and examples in documents are often invalid. So
the value is validated, and if it is invalid, it is built again with another strategy: without
trusting examples, with the required members alone, then with other choices. If no strategy produces
a valid value, the first error of the first value is reported.

The same schema always gives the same value. A seed gives other values, which are also the same
every time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import attrs

from ..document import Definitions, OpenApi
from ..schema import EXAMPLES, TAG, SchemaCheck, flattened, types_of
from ._draw import Draw
from ._scalars import NoValue, number_for, string_for

Direction = Literal["request", "response"]

MAX_PARTS: Final = 4_000
"""Maximum number of values within a value."""
MAX_PARTS_OF_ALL: Final = 100_000
"""Number of values within the values of one document, from which on they have what is required."""
_MAX_ALTERNATIVES: Final = 64
_DEEP: Final = 6
"""Nested references, below which optional members are omitted."""
_VARIANTS: Final = 4
_ATTEMPTS_AT_UNIQUE: Final = 20
_KINDS: Final = {
    "object": (
        "properties",
        "required",
        "additionalProperties",
        "minProperties",
        "propertyNames",
        "patternProperties",
        "maxProperties",
    ),
    "array": ("items", "prefixItems", "minItems", "maxItems", "contains", "uniqueItems"),
    "string": (
        "pattern",
        "format",
        "minLength",
        "maxLength",
        "contentEncoding",
        "contentMediaType",
    ),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_ORDER: Final = ("object", "array", "string", "integer", "number", "boolean", "null")


def sample(
    schema: Any,
    definitions: Definitions | None = None,
    *,
    direction: Direction = "response",
    seed: int | None = None,
) -> object:
    """Return a value that matches a schema.

    Args:
        schema: A JSON Schema.
        definitions: The targets of its references; ``None`` for a self-contained schema.
        direction: The use of the value: ``writeOnly`` members are omitted from responses and
            ``readOnly`` members from requests, unless they are required.
        seed: ``None`` for the plainest value, a number for another value.

    Raises:
        NoValue: No valid value was found; the message is the error of the first attempt.
    """
    return _sample(schema, definitions or Definitions({}), direction, seed, [MAX_PARTS_OF_ALL])


def _sample(
    schema: Any, definitions: Definitions, direction: Direction, seed: int | None, left: list[int]
) -> object:
    try:
        check = SchemaCheck(schema, components=definitions)
    except ValueError as error:
        raise NoValue(f"the schema cannot be compiled: {error}") from error
    reason = None
    strategies = _strategies(seed)
    if left[0] <= 0:
        strategies = (each for each in strategies if each.is_small)
    for strategy in strategies:
        builder = _Builder(definitions, direction, strategy)
        try:
            value = builder.build(schema)
        except RecursionError:
            raise NoValue("the schema is nested too deeply") from None
        except NoValue as error:
            reason = reason or str(error)
            continue
        finally:
            left[0] -= next(builder.count)
        if check.is_valid(value):
            return value
        first = next(iter(check.errors(value)), None)
        if first is not None:
            reason = reason or f"the value does not match: {first.pointer}: {first.message}"
    raise NoValue(reason or "no valid value was found")


@attrs.frozen
class Samples:
    """Values for the schemas of one document; equal schemas have the same value.

    When many large values have been built, later ones have only the members that are required.

    Attributes:
        definitions: The targets of references.
        seed: See `sample`.
    """

    definitions: Definitions
    seed: int | None
    _known: dict[str, object] = attrs.field(factory=dict)
    _parts: list[int] = attrs.field(factory=lambda: [MAX_PARTS_OF_ALL])

    def of(self, schema: Any) -> object:
        """Return a value of a response.

        Raises:
            NoValue: No valid value was found.
        """
        key = json.dumps(schema)
        if key not in self._known:
            self._known[key] = _sample(schema, self.definitions, "response", self.seed, self._parts)
        return self._known[key]


@attrs.frozen
class _Strategy:
    """A strategy to build a value.

    Attributes:
        draw: The choices.
        examples: The use of examples and defaults: ``trusted`` ones are used unchecked, ``checked``
            ones if they are valid, ``ignored`` ones never.
        is_small: Omits members that are not required.
        is_any_type: Allows any type for a value whose schema does not name one.
    """

    draw: Draw
    examples: Literal["trusted", "checked", "ignored"] = "checked"
    is_small: bool = False
    is_any_type: bool = False


def _strategies(seed: int | None) -> Iterator[_Strategy]:
    yield _Strategy(Draw(seed), examples="trusted")
    yield _Strategy(Draw(seed))
    yield _Strategy(Draw(seed), is_small=True)
    for variant in range(_VARIANTS):
        for is_small in (False, True):
            yield _Strategy(Draw((seed, variant)), is_small=is_small, is_any_type=True)


@attrs.define
class _Builder:
    """Builds one value.

    Attributes:
        definitions: The targets of references.
        direction: See `sample`.
        strategy: The strategy.
        count: The number of parts so far.
    """

    definitions: Definitions
    direction: Direction
    strategy: _Strategy
    count: Iterator[int] = attrs.field(factory=itertools.count)

    def build(self, schema: Any, within: frozenset[str] = frozenset()) -> object:
        """Return a value for ``schema``, which was reached by the references ``within``."""
        if next(self.count) > MAX_PARTS:
            raise NoValue(f"the value has more than {MAX_PARTS} parts")
        reason: NoValue | None = None
        result = flattened(schema, self.definitions, within)
        for flat in itertools.islice(result, _MAX_ALTERNATIVES):
            try:
                return self._value(flat.schema, flat.within)
            except NoValue as error:
                reason = reason or error
        raise reason or NoValue("the schema requires itself, or no value is valid")

    def _value(self, schema: OpenApi, within: frozenset[str]) -> object:
        if "const" in schema:
            return schema["const"]
        values = list(self._declared_values(schema))
        if values:
            return self.strategy.draw.pick(values)
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, within)
        return self._array(schema, within) if kind == "array" else self._scalar(schema, kind)

    def _scalar(self, schema: OpenApi, kind: str) -> object:
        if kind == "string":
            return string_for(schema, self.strategy.draw)
        if kind in ("integer", "number"):
            return number_for(schema, self.strategy.draw, is_integer=kind == "integer")
        return self.strategy.draw.pick((True, False)) if kind == "boolean" else None

    def _declared_values(self, schema: OpenApi) -> Iterator[object]:
        """Yield the values that the schema itself contains."""
        if TAG in schema and schema[TAG] in schema.get("enum", [schema[TAG]]):
            yield schema[TAG]
            return
        named = [schema[key] for key in EXAMPLES if key in schema and key != "examples"]
        listed = schema.get("examples")
        named += listed if isinstance(listed, list) else []
        if self.strategy.examples != "trusted":
            named = self._fitting(named, schema) if self.strategy.examples == "checked" else []
        yield from named or self._fitting(schema.get("enum", ()), schema)

    def _fitting(self, values: Sequence[object], schema: OpenApi) -> list[object]:
        if not values:
            return []
        plain = {key: value for key, value in schema.items() if key not in (*EXAMPLES, TAG)}
        is_valid = SchemaCheck(plain, components=self.definitions).is_valid
        return [value for value in values if is_valid(value)]

    def _kind(self, schema: OpenApi) -> str:
        named = types_of(schema)
        if not named:
            kinds = (kind for kind, keys in _KINDS.items() if any(key in schema for key in keys))
            return next(
                kinds, self.strategy.draw.pick(_ORDER) if self.strategy.is_any_type else "string"
            )
        return min(named, key=_ORDER.index) if named != ["null"] else "null"

    # -- objects ----------------------------------------------------------------------------

    def _object(self, schema: OpenApi, within: frozenset[str]) -> object:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        value: dict[str, object] = {}
        for name, inner in properties.items():
            if name in required:
                value[name] = self.build(inner, within)
            elif not self.strategy.is_small and len(within) <= _DEEP and self._is_sent(inner):
                self._try_member(value, name, inner, within)
        for name in required:
            if name not in value:
                value[name] = self.build(_other_member(schema, name), within)
        self._fill(value, schema, within)
        for name in list(value):
            if len(value) > schema.get("maxProperties", len(value)) and name not in required:
                del value[name]
        return value

    def _try_member(
        self, value: dict[str, object], name: str, schema: Any, within: frozenset[str]
    ) -> None:
        try:
            value[name] = self.build(schema, within)
        except NoValue:  # the member is optional
            return

    def _is_sent(self, schema: Any) -> bool:
        resolved = self.definitions.followed(schema)
        hidden = "writeOnly" if self.direction == "response" else "readOnly"
        return not (isinstance(resolved, dict) and resolved.get(hidden) is True)

    def _fill(self, value: dict[str, object], schema: OpenApi, within: frozenset[str]) -> None:
        """Add the required number of members without declared names."""
        others, least = schema.get("additionalProperties", True), schema.get("minProperties", 0)
        if others is False:
            return
        is_map = isinstance(others, dict) and not schema.get("properties")
        if is_map and not self.strategy.is_small and not value and not least:
            self._try_member(value, self._name(schema, 1, within), others, within)
        for number in range(1, min(least, MAX_PARTS) + 1):
            if len(value) >= least:
                break
            value[self._name(schema, number, within)] = self.build(others, within)

    def _name(self, schema: OpenApi, number: int, within: frozenset[str]) -> str:
        if "propertyNames" not in schema:
            return f"name{number}"
        named = {"allOf": [{"type": "string"}, schema["propertyNames"]]}
        strategy = self.strategy if number == 1 else _Strategy(Draw(number))
        return str(attrs.evolve(self, strategy=strategy).build(named, within))

    # -- arrays -----------------------------------------------------------------------------

    def _array(self, schema: OpenApi, within: frozenset[str]) -> object:
        first, rest = schema.get("prefixItems", []), schema.get("items", True)
        most = schema.get("maxItems", MAX_PARTS)
        least = schema.get("minItems", 0)
        if least > MAX_PARTS:
            raise NoValue(f"lists of {least} items are not generated")
        value: list[object] = []
        if not (self.strategy.is_small and not least):
            value = [self.build(each, within) for each in first[:most]]
        if "contains" in schema:
            contained = {"allOf": [rest, schema["contains"]]}
            value += self._items(schema, contained, schema.get("minContains", 1), value, within)
        preferred = 0 if self.strategy.is_small or first or value else 1
        count = min(most, max(least, preferred)) - len(value)
        if rest is False or count <= 0:
            return value
        try:
            return value + self._items(schema, rest, count, value, within)
        except NoValue:
            if least:
                raise
            return value

    def _items(
        self,
        schema: OpenApi,
        items: Any,
        count: int,
        before: Sequence[object],
        within: frozenset[str],
    ) -> list[object]:
        if not schema.get("uniqueItems"):
            return [self.build(items, within) for _ in range(count)]
        result: list[object] = []
        for _ in range(count):
            result.append(self._other_item(items, [*before, *result], within))
        return result

    def _other_item(self, items: Any, known: Sequence[object], within: frozenset[str]) -> object:
        """Return an item that differs from the known items."""
        for attempt in range(_ATTEMPTS_AT_UNIQUE):
            strategy = self.strategy
            if known and attempt:
                draw = Draw((len(known), attempt))
                strategy = attrs.evolve(
                    strategy, draw=draw, examples="checked" if attempt == 1 else "ignored"
                )
            item = attrs.evolve(self, strategy=strategy).build(items, within)
            if not any(_is_same(item, other) for other in known):
                return item
        raise NoValue(f"no {len(known) + 1} different items were found")


def _is_same(first: object, second: object) -> bool:
    """Compare values as JSON Schema does: true is not 1."""
    return first == second and isinstance(first, bool) == isinstance(second, bool)


def _other_member(schema: OpenApi, name: str) -> Any:
    """Return the schema of a member that is not declared under ``properties``."""
    for pattern, inner in schema.get("patternProperties", {}).items():
        if SchemaCheck({"pattern": pattern}).is_valid(name):
            return inner
    return schema.get("additionalProperties", True)
