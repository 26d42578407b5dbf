"""Values for schemas: what a mock answers where the document has no example.

Theory of operation. A value is built from the *flat* schemas of a schema (`_flat`), the plainest
first: the examples, defaults and constants that stand in it, else the plainest value of its type,
with all members of objects and one item in lists. No rule is known here for some keywords
(``not``, ``unevaluatedProperties``, ``dependentSchemas``), and examples in documents are often
wrong. So what was built is judged by the validator, and if it does not fit, built again with less:
without trusting examples, with the required members alone, then with other choices. What fits in
the end, fits; otherwise it is told what is wrong with the first value.

The same schema gives the same value, always. A seed gives other values, and those always, too.
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
from ._scalars import NoValue, number_for, text_of

Direction = Literal["request", "response"]

MAX_PARTS: Final = 4_000
"""Values within a value, at most."""
_MAX_ALTERNATIVES: Final = 64
_DEEP: Final = 6
"""References within each other, behind which members that may be left out are."""
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
    """Return a value that fits a schema.

    Args:
        schema: A JSON Schema.
        definitions: What its references lead to; ``None`` for a schema that stands alone.
        direction: Members that are ``writeOnly`` are left out of responses, those that are
            ``readOnly`` out of requests, unless they are required.
        seed: ``None`` for the plainest value, a number for another one.

    Raises:
        NoValue: None was found; says what is wrong with what was.
    """
    definitions = definitions or Definitions({})
    try:
        check = SchemaCheck(schema, components=definitions)
    except ValueError as error:
        raise NoValue(f"the schema cannot be compiled: {error}") from error
    reason = None
    for way in _ways(seed):
        try:
            value = _Builder(definitions, direction, way).build(schema)
        except RecursionError:
            raise NoValue("it is nested too deeply") from None
        except NoValue as error:
            reason = reason or str(error)
            continue
        if check.is_valid(value):
            return value
        first = next(iter(check.errors(value)), None)
        if first is not None:
            reason = reason or f"what was built does not fit: {first.pointer}: {first.message}"
    raise NoValue(reason or "nothing was found that fits")


@attrs.frozen
class Samples:
    """Values for the schemas of one document; a schema that is met again has the same.

    Attributes:
        definitions: What references lead to.
        seed: See `sample`.
    """

    definitions: Definitions
    seed: int | None
    _known: dict[str, object] = attrs.field(factory=dict)

    def of(self, schema: Any) -> object:
        """Return a value of a response.

        Raises:
            NoValue: None was found.
        """
        key = json.dumps(schema)
        if key not in self._known:
            self._known[key] = sample(schema, self.definitions, seed=self.seed)
        return self._known[key]


@attrs.frozen
class _Way:
    """A way to build a value.

    Attributes:
        draw: Makes the choices.
        examples: Whether examples and defaults are taken as they are, only if they fit, or not.
        is_small: Whether members that are not required are left out.
        is_bold: Whether a value whose schema does not say its type may be of any.
    """

    draw: Draw
    examples: Literal["trusted", "judged", "ignored"] = "judged"
    is_small: bool = False
    is_bold: bool = False


def _ways(seed: int | None) -> Iterator[_Way]:
    yield _Way(Draw(seed), examples="trusted")
    yield _Way(Draw(seed))
    yield _Way(Draw(seed), is_small=True)
    for variant in range(_VARIANTS):
        for is_small in (False, True):
            yield _Way(Draw((seed, variant)), is_small=is_small, is_bold=True)


@attrs.define
class _Builder:
    """Builds one value.

    Attributes:
        definitions: What references lead to.
        direction: Where the value goes.
        way: How it is built.
    """

    definitions: Definitions
    direction: Direction
    way: _Way
    _count: Iterator[int] = attrs.field(factory=itertools.count)

    def build(self, schema: Any, within: frozenset[str] = frozenset()) -> object:
        """Return a value for ``schema``, which was reached by the references ``within``."""
        if next(self._count) > MAX_PARTS:
            raise NoValue(f"it has more than {MAX_PARTS} parts")
        reason: NoValue | None = None
        found = flattened(schema, self.definitions, within)
        for flat in itertools.islice(found, _MAX_ALTERNATIVES):
            try:
                return self._value(flat.schema, flat.within)
            except NoValue as error:
                reason = reason or error
        raise reason or NoValue("it needs itself, or nothing can fit it")

    def _value(self, schema: OpenApi, within: frozenset[str]) -> object:
        if "const" in schema:
            return schema["const"]
        given = list(self._given(schema))
        if given:
            return self.way.draw.pick(given)
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, within)
        return self._array(schema, within) if kind == "array" else self._scalar(schema, kind)

    def _scalar(self, schema: OpenApi, kind: str) -> object:
        if kind == "string":
            return text_of(schema, self.way.draw)
        if kind in ("integer", "number"):
            return number_for(schema, self.way.draw, is_integer=kind == "integer")
        return self.way.draw.pick((True, False)) if kind == "boolean" else None

    def _given(self, schema: OpenApi) -> Iterator[object]:
        """Yield the values that stand in the schema itself."""
        if TAG in schema and schema[TAG] in schema.get("enum", [schema[TAG]]):
            yield schema[TAG]
            return
        named = [schema[key] for key in EXAMPLES if key in schema and key != "examples"]
        listed = schema.get("examples")
        named += listed if isinstance(listed, list) else []
        if self.way.examples != "trusted":
            named = self._fitting(named, schema) if self.way.examples == "judged" else []
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
            return next(kinds, self.way.draw.pick(_ORDER) if self.way.is_bold else "string")
        return min(named, key=_ORDER.index) if named != ["null"] else "null"

    # -- objects ----------------------------------------------------------------------------

    def _object(self, schema: OpenApi, within: frozenset[str]) -> object:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        value: dict[str, object] = {}
        for name, inner in properties.items():
            if name in required:
                value[name] = self.build(inner, within)
            elif not self.way.is_small and len(within) <= _DEEP and self._is_sent(inner):
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
        except NoValue:  # it may be left out
            return

    def _is_sent(self, schema: Any) -> bool:
        resolved = self.definitions.followed(schema)
        hidden = "writeOnly" if self.direction == "response" else "readOnly"
        return not (isinstance(resolved, dict) and resolved.get(hidden) is True)

    def _fill(self, value: dict[str, object], schema: OpenApi, within: frozenset[str]) -> None:
        """Add members that have no name, as many as there must be."""
        others, least = schema.get("additionalProperties", True), schema.get("minProperties", 0)
        if others is False:
            return
        is_map = isinstance(others, dict) and not schema.get("properties")
        if is_map and not self.way.is_small and not value and not least:
            self._try_member(value, self._name(schema, 1, within), others, within)
        for number in range(1, min(least, MAX_PARTS) + 1):
            if len(value) >= least:
                break
            value[self._name(schema, number, within)] = self.build(others, within)

    def _name(self, schema: OpenApi, number: int, within: frozenset[str]) -> str:
        if "propertyNames" not in schema:
            return f"name{number}"
        named = {"allOf": [{"type": "string"}, schema["propertyNames"]]}
        way = self.way if number == 1 else _Way(Draw(number))
        return str(attrs.evolve(self, way=way).build(named, within))

    # -- arrays -----------------------------------------------------------------------------

    def _array(self, schema: OpenApi, within: frozenset[str]) -> object:
        first, rest = schema.get("prefixItems", []), schema.get("items", True)
        most = schema.get("maxItems", MAX_PARTS)
        least = schema.get("minItems", 0)
        if least > MAX_PARTS:
            raise NoValue(f"lists of {least} items are not made")
        value: list[object] = []
        if not (self.way.is_small and not least):
            value = [self.build(each, within) for each in first[:most]]
        if "contains" in schema:
            wanted = {"allOf": [rest, schema["contains"]]}
            value += self._items(schema, wanted, schema.get("minContains", 1), value, within)
        wished = 0 if self.way.is_small or first or value else 1
        count = min(most, max(least, wished)) - len(value)
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
        found: list[object] = []
        for _ in range(count):
            found.append(self._other_item(items, [*before, *found], within))
        return found

    def _other_item(self, items: Any, known: Sequence[object], within: frozenset[str]) -> object:
        """Return an item that is none of the known."""
        for attempt in range(_ATTEMPTS_AT_UNIQUE):
            way = self.way
            if known and attempt:
                draw = Draw((len(known), attempt))
                way = attrs.evolve(way, draw=draw, examples="judged" if attempt == 1 else "ignored")
            item = attrs.evolve(self, way=way).build(items, within)
            if not any(_is_same(item, other) for other in known):
                return item
        raise NoValue(f"no {len(known) + 1} different items were found")


def _is_same(first: object, second: object) -> bool:
    """Compare as JSON Schema does: true is not 1."""
    return first == second and isinstance(first, bool) == isinstance(second, bool)


def _other_member(schema: OpenApi, name: str) -> Any:
    """Return the schema of a member that stands under no ``properties``."""
    for pattern, inner in schema.get("patternProperties", {}).items():
        if SchemaCheck({"pattern": pattern}).is_valid(name):
            return inner
    return schema.get("additionalProperties", True)
