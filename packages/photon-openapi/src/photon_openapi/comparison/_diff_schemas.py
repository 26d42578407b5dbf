"""The differences between two schemas: the values that are no longer allowed, or newly allowed.

Theory of operation. Both schemas are flattened (`_flat`), so that their division into references
and ``allOf`` does not matter. A keyword that is added or stricter *narrows* the set of allowed
values, one that is removed or looser *widens* it; the direction determines which of both breaks
clients. With several flat schemas (``oneOf``, ``anyOf``, ``null`` among the types), corresponding
schemas of both sides are compared, and the others are removed or added branches.

References may be circular, and a component may be reached in many ways. So a pair of components is
a *node* that is compared once: its comparison ends at references to other pairs, and `SchemaDiff`
follows these from the schemas of an operation, each once. A change below a component is therefore
one change for an operation, with its location in the component. Two schemas that are written alike
differ in what they refer to, or not at all.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from ..document import Definitions, OpenApi
from ..messages import choices, pointer_of
from ..schema import FlatSchema, flattened, types_of
from ._changes import Change, Direction, Effect, severity_of

_MAX_BRANCHES: Final = 1_000
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_OTHERS: Final = ("pattern", "format", "multipleOf", "contentEncoding", "contentMediaType")
_INNER: Final = ("items", "contains", "propertyNames")
_NESTED: Final = (*_INNER, "additionalProperties")
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf")
_SILENT: Final = ("title", "description", "example", "examples", "$comment", "xml", "externalDocs")


class _Reference(NamedTuple):
    """A pair of components that a pair of schemas refers to.

    Attributes:
        pair: The references to the old and to the new component.
        pointer: The location of the references.
    """

    pair: tuple[str, str]
    pointer: str


_Item: TypeAlias = "Change | _Reference"


@attrs.define
class SchemaDiff:
    """Compares schemas; the changes do not name an operation.

    Attributes:
        old: The targets of references in the old document.
        new: The targets of references in the new document.
    """

    old: Definitions
    new: Definitions
    _nodes: dict[tuple[tuple[str, str], Direction], list[_Item]] = attrs.field(factory=dict)
    _active: set[tuple[str, str]] = attrs.field(factory=set)

    def compare(self, old: Any, new: Any, direction: Direction) -> Iterator[Change]:
        """Yield the changes from one schema to the other.

        Args:
            old: A schema of the old document; ``True`` if there is none.
            new: A schema of the new document.
            direction: ``request`` if clients send the values, ``response`` if they receive them.
        """
        seen: set[tuple[str, str]] = set()
        pending: list[tuple[str, str, Iterator[_Item]]] = [
            ("", "", iter(list(self.items(old, new, direction))))
        ]
        while pending:
            pointer, component, items = pending[-1]
            item = next(items, None)
            if item is None:
                pending.pop()
            elif isinstance(item, Change):
                location = component + item.pointer if component else ""
                yield attrs.evolve(item, pointer=pointer + item.pointer, component=location)
            elif item.pair not in seen:
                seen.add(item.pair)
                inner = self._node(item.pair, direction)
                pending.append((pointer + item.pointer, item.pair[1][1:], iter(inner)))

    def _node(self, pair: tuple[str, str], direction: Direction) -> list[_Item]:
        """Return the changes between two components, up to their references to others."""
        key = pair, direction
        if key not in self._nodes:
            old, new = self.old.find(pair[0]), self.new.find(pair[1])
            self._nodes[key] = list(self.items(old, new, direction, is_node=True))
        return self._nodes[key]

    def items(
        self,
        old: Any,
        new: Any,
        direction: Direction,
        pointer: str = "",
        *,
        is_node: bool = False,
    ) -> Iterator[_Item]:
        """Yield the changes up to references to components, and these references."""
        pair = _bare_reference(old), _bare_reference(new)
        if pair[0] and pair[1]:
            yield _Reference(pair, pointer)
            return
        texts = _text(old), _text(new)
        if texts[0] == texts[1] and not (is_node and self._is_moved(old)):
            yield from _references_in(old, pointer)
            return
        if texts in self._active:
            return  # a schema within itself
        self._active.add(texts)
        try:
            yield from self._differing(old, new, direction, pointer)
        finally:
            self._active.discard(texts)

    def _is_moved(self, schema: Any) -> bool:
        """Return whether a reference has a target in one of the documents only."""
        references = [each.pair[0] for each in _references_in(schema, "")]
        return any((self.old.find(each) is None) != (self.new.find(each) is None)
                   for each in references)  # fmt: skip

    def _differing(self, old: Any, new: Any, direction: Direction, pointer: str) -> Iterator[_Item]:
        olds, news = self._branches(old, self.old), self._branches(new, self.new)
        pairs, removed, added = _paired(olds, news)
        comparison = _FlatComparison(self, direction, pointer)
        for first, second in pairs:
            yield from comparison.changes(first.schema, second.schema)
        for flat in removed:
            yield comparison.change(
                "narrowed", "schema-branch-removed", f"no longer allows {_shown(flat)}"
            )
        for flat in added:
            yield comparison.change("widened", "schema-branch-added", f"also allows {_shown(flat)}")

    def _branches(self, schema: Any, definitions: Definitions) -> list[FlatSchema]:
        found = itertools.islice(flattened(schema, definitions), _MAX_BRANCHES)
        return [branch for flat in found for branch in _without_null(flat)]


def _without_null(flat: FlatSchema) -> Iterator[FlatSchema]:
    """Yield a flat schema with ``null`` as a separate branch."""
    types = types_of(flat.schema)
    if "null" not in types or len(types) < 2:
        yield flat
        return
    others = [each for each in types if each != "null"]
    schema = {**flat.schema, "type": others[0] if len(others) == 1 else others}
    if None in schema.get("enum", ()):
        schema["enum"] = [each for each in schema["enum"] if each is not None]
    yield FlatSchema(schema, flat.within)
    yield FlatSchema({"type": "null"}, flat.within)


def _paired(
    olds: list[FlatSchema], news: list[FlatSchema]
) -> tuple[list[tuple[FlatSchema, FlatSchema]], list[FlatSchema], list[FlatSchema]]:
    """Return corresponding branches, removed branches, and added branches."""
    pairs = []
    texts = {id(each): _text(each.schema) for each in (*olds, *news)}
    by_text: dict[str, list[FlatSchema]] = {}
    for each in news:
        by_text.setdefault(texts[id(each)], []).append(each)
    rest = []
    for old in olds:
        same = by_text.get(texts[id(old)])
        if same:
            pairs.append((old, same.pop(0)))
        else:
            rest.append(old)
    paired = {id(new) for _, new in pairs}
    olds, news = rest, [each for each in news if id(each) not in paired]
    for is_same in (_is_namesake, _is_of_type):
        for old in list(olds):
            new = next((each for each in news if is_same(old, each)), None)
            if new is not None:
                pairs.append((old, new))
                olds = [each for each in olds if each is not old]
                news = [each for each in news if each is not new]
    if len(olds) == len(news) == 1 and not pairs:
        return [(olds[0], news[0])], [], []
    return pairs, olds, news


def _is_namesake(old: FlatSchema, new: FlatSchema) -> bool:
    return bool(old.within) and old.within == new.within


def _is_of_type(old: FlatSchema, new: FlatSchema) -> bool:
    types, others = set(types_of(old.schema)), set(types_of(new.schema))
    return types == others or bool(types & others)


@attrs.frozen
class _FlatComparison:
    """Compares two flat schemas at one location.

    Attributes:
        diff: The comparison of nested schemas.
        direction: See `SchemaDiff.compare`.
        pointer: The location.
    """

    diff: SchemaDiff
    direction: Direction
    pointer: str

    def change(self, effect: Effect, id_: str, message: str, location: str = "") -> Change:
        """Return a change."""
        severity = severity_of(effect, self.direction)
        return Change(id_, severity, "", self.pointer + location, message)

    def changes(self, old: OpenApi, new: OpenApi) -> Iterator[_Item]:
        """Yield the changes."""
        yield from self._types(old, new)
        yield from self._values(old, new)
        yield from self._limits(old, new)
        yield from self._others(old, new)
        yield from self._required(old, new)
        yield from self._properties(old, new)
        yield from self._additional(old, new)
        yield from self._inner(old, new)
        yield from self._annotations(old, new)

    def _types(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        before, after = types_of(old), types_of(new)
        removed = [each for each in before if not _allows(after, each)]
        added = [each for each in after if not _allows(before, each)]
        if before and not after:
            removed, added = [], ["any type"]
        if after and not before:
            removed, added = ["any type"], []
        if removed and added:
            message = f"the type was {' or '.join(before)} and is {' or '.join(after)}"
            yield self.change("changed", "type-changed", message)
        elif removed:
            yield self.change(
                "narrowed",
                "type-narrowed",
                f"no longer allows {' or '.join(removed)}"
                + (f", only {' or '.join(after)}" if after else ""),
            )
        elif added:
            yield self.change("widened", "type-widened", f"also allows {' or '.join(added)}")

    def _values(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        before, after = _enum(old), _enum(new)
        if before is None or after is None:
            if before is not None:
                yield self.change(
                    "widened", "enum-removed", "is no longer restricted to certain values"
                )
            elif after is not None:
                yield self.change("narrowed", "enum-added", f"must be one of {choices(after)}")
            return
        removed = [each for each in before if each not in after]
        added = [each for each in after if each not in before]
        if removed:
            message = f"no longer allows {choices(removed)}"
            yield self.change("narrowed", "enum-value-removed", message)
        if added:
            yield self.change("widened", "enum-value-added", f"also allows {choices(added)}")

    def _limits(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        for key in (*_LOWER, *_UPPER):
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            if before is None or after is None:
                effect: Effect = "narrowed" if before is None else "widened"
            else:
                effect = "narrowed" if (after > before) == (key in _LOWER) else "widened"
            yield self.change(effect, f"limit-{effect}", f"{key} was {before} and is {after}"
                            if before is not None and after is not None
                            else f"{key} {after} was added" if before is None
                            else f"{key} {before} was removed")  # fmt: skip
        if bool(old.get("uniqueItems")) != bool(new.get("uniqueItems")):
            effect = "narrowed" if new.get("uniqueItems") else "widened"
            yield self.change(effect, f"limit-{effect}", "uniqueItems has changed")

    def _others(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        for key in _OTHERS:
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            message = f"{key} was {before!r} and is {after!r}"
            if before is None:
                yield self.change("narrowed", f"{_kebab(key)}-added", f"{key} {after!r} was added")
            elif after is None:
                yield self.change(
                    "widened", f"{_kebab(key)}-removed", f"{key} {before!r} was removed"
                )
            else:
                yield self.change("changed", f"{_kebab(key)}-changed", message)
        if old.get("not") != new.get("not"):
            yield self.change("changed", "not-changed", "the schema of not has changed")

    def _required(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        before, after = old.get("required", []), new.get("required", [])
        for name in after:
            if name not in before:
                is_new = name not in old.get("properties", {})
                kind = "required-property-added" if is_new else "property-required"
                message = (
                    f"{name!r} was added and is required" if is_new else f"{name!r} is now required"
                )
                yield self.change("narrowed", kind, message, _property(name))
        for name in before:
            is_gone = name in old.get("properties", {}) and name not in new.get("properties", {})
            if name not in after and not is_gone:
                message = f"{name!r} is no longer required"
                yield self.change("widened", "property-optional", message, _property(name))

    def _properties(self, old: OpenApi, new: OpenApi) -> Iterator[_Item]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name in after:
                yield from self._within(before[name], after[name], _property(name))
            elif before[name] is not False:
                yield self._gone(name, new)
        for name in after:
            if name not in before and name not in new.get("required", ()):
                yield Change(
                    "property-added",
                    "non-breaking",
                    "",
                    self.pointer + _property(name),
                    f"{name!r} was added",
                )

    def _gone(self, name: str, new: OpenApi) -> Change:
        # A request may still contain the member, unless the object is closed.
        is_breaking = self.direction == "response" or new.get("additionalProperties") is False
        return Change(
            "property-removed",
            "breaking" if is_breaking else "non-breaking",
            "",
            self.pointer + _property(name),
            f"{name!r} was removed",
        )

    def _additional(self, old: OpenApi, new: OpenApi) -> Iterator[_Item]:
        key = "additionalProperties"
        before, after = old.get(key, True), new.get(key, True)
        if after is False and before is False:
            return
        if after is False:
            yield self.change("narrowed", "object-closed", "no longer allows additional members")
        elif before is False:
            # Clients must ignore unknown members.
            severity = severity_of("widened", "request")
            message = "also allows additional members"
            yield Change("object-opened", severity, "", self.pointer, message)
        else:
            yield from self._within(before, after, f"/{key}")

    def _inner(self, old: OpenApi, new: OpenApi) -> Iterator[_Item]:
        for key in _INNER:
            if key in old or key in new:
                yield from self._within(old.get(key, True), new.get(key, True), f"/{key}")
        firsts, seconds = old.get("prefixItems", []), new.get("prefixItems", [])
        for index, (before, after) in enumerate(
            itertools.zip_longest(firsts, seconds, fillvalue=True)
        ):
            yield from self._within(before, after, f"/prefixItems/{index}")
        before, after = old.get("patternProperties", {}), new.get("patternProperties", {})
        for name in {**before, **after}:
            location = pointer_of(["patternProperties", name])
            yield from self._within(before.get(name, True), after.get(name, True), location)

    def _within(self, old: Any, new: Any, location: str) -> Iterator[_Item]:
        yield from self.diff.items(old, new, self.direction, self.pointer + location)

    def _annotations(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        if "default" in new and old.get("default", new) != new["default"]:
            yield self._annotation("default-changed", f"the default is {choices([new['default']])}")
        if new.get("deprecated") and not old.get("deprecated"):
            yield self._annotation("deprecated", "is deprecated")
        for key in ("readOnly", "writeOnly"):
            if bool(old.get(key)) != bool(new.get(key)):
                yield self._annotation(f"{_kebab(key)}-changed", f"{key} is {bool(new.get(key))}")

    def _annotation(self, id_: str, message: str) -> Change:
        return Change(id_, "info", "", self.pointer, message)


def _allows(types: list[str], one: str) -> bool:
    return one in types or (one == "integer" and "number" in types)


def _enum(schema: OpenApi) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return found if isinstance(found, list) else None


def _property(name: str) -> str:
    return pointer_of(["properties", name])


def _kebab(key: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in key)


def _shown(flat: FlatSchema) -> str:
    """Return the name of a branch in messages."""
    if flat.schema.get("type") == "null":
        return "null"
    named = sorted(each.rpartition("/")[2] for each in flat.within)
    types = " or ".join(types_of(flat.schema))
    return ", ".join(named) or str(flat.schema.get("title", "")) or types or "another schema"


def _bare_reference(schema: Any) -> str:
    """Return the reference of a schema that has only one; ``""`` for other schemas."""
    if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
        return ""
    reference: str = schema["$ref"]
    is_bare = all(key == "$ref" or key in _SILENT for key in schema)
    return reference if is_bare and reference.startswith("#/") else ""


def _references_in(schema: Any, pointer: str) -> Iterator[_Reference]:
    """Yield the references within a schema that both documents have."""
    pending = [(schema, pointer)]
    while pending:
        value, location = pending.pop()
        if not isinstance(value, dict):
            continue
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield _Reference((reference, reference), location)
        inner = [(each, location) for key in _IN_PLACE for each in value.get(key) or ()]
        inner += [(value[key], location) for key in ("if", "then", "else") if key in value]
        inner += [(value[key], f"{location}/{key}") for key in _NESTED if key in value]
        inner += [
            (each, f"{location}/prefixItems/{at}")
            for at, each in enumerate(value.get("prefixItems") or ())
        ]
        for key in ("properties", "patternProperties"):
            named = value.get(key) or {}
            inner += [(each, location + pointer_of([key, name])) for name, each in named.items()]
        pending += reversed(inner)


def _text(value: Any) -> str:
    return json.dumps(_bare(value), sort_keys=True, default=str)


def _bare(value: Any) -> Any:
    """Return a schema without the keywords that only describe."""
    if isinstance(value, Mapping):
        return {key: _bare(each) for key, each in value.items() if key not in _SILENT}
    return [_bare(each) for each in value] if isinstance(value, list) else value
