"""The differences between two schemas: the values that are no longer allowed, or newly allowed.

Theory of operation. Both schemas are flattened (`_flat`), so that their division into references
and ``allOf`` does not matter. A keyword that is added or stricter *narrows* the set of allowed
values, one that is removed or looser *widens* it; the direction determines which of both breaks
clients. With several flat schemas (``oneOf``, ``anyOf``, ``null`` among the types), corresponding
schemas of both sides are compared, and the others are removed or added branches.

References may be circular. A pair of schemas is compared once, at its first occurrence.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ..document import Definitions, OpenApi
from ..messages import choices, pointer_of
from ..schema import FlatSchema, flattened, types_of
from ._changes import Change, Direction, Effect, severity_of

_MAX_BRANCHES: Final = 64
_MAX_DEPTH: Final = 60
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_OTHERS: Final = ("pattern", "format", "multipleOf", "contentEncoding", "contentMediaType")
_INNER: Final = ("items", "contains", "propertyNames")
_SILENT: Final = ("title", "description", "example", "examples", "$comment", "xml", "externalDocs")


@attrs.define
class SchemaDiff:
    """Compares schemas; the changes do not name an operation.

    Attributes:
        old: The targets of references in the old document.
        new: The targets of references in the new document.
    """

    old: Definitions
    new: Definitions
    _seen: set[tuple[str, str, str]] = attrs.field(factory=set)

    def compare(
        self, old: Any, new: Any, direction: Direction, pointer: str = "", depth: int = 0
    ) -> Iterator[Change]:
        """Yield the changes from one schema to the other.

        Args:
            old: A schema of the old document; ``True`` if there is none.
            new: A schema of the new document.
            direction: ``request`` if clients send the values, ``response`` if they receive them.
            pointer: The location of the schemas.
            depth: The depth of the schemas below those of the first call.
        """
        key = (_text(old), _text(new), direction)
        if key in self._seen or depth > _MAX_DEPTH:
            return
        self._seen.add(key)
        olds, news = self._branches(old, self.old), self._branches(new, self.new)
        pairs, removed, added = _paired(olds, news)
        comparison = _FlatComparison(self, direction, pointer, depth)
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
    olds, news = list(olds), list(news)
    for is_same in (_is_equal, _is_namesake, _is_of_type):
        for old in list(olds):
            new = next((each for each in news if is_same(old, each)), None)
            if new is not None:
                pairs.append((old, new))
                olds = [each for each in olds if each is not old]
                news = [each for each in news if each is not new]
    if len(olds) == len(news) == 1 and not pairs:
        return [(olds[0], news[0])], [], []
    return pairs, olds, news


def _is_equal(old: FlatSchema, new: FlatSchema) -> bool:
    return _text(old.schema) == _text(new.schema)


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
        depth: See `SchemaDiff.compare`.
    """

    diff: SchemaDiff
    direction: Direction
    pointer: str
    depth: int

    def change(self, effect: Effect, id_: str, message: str, location: str = "") -> Change:
        """Return a change."""
        severity = severity_of(effect, self.direction)
        return Change(id_, severity, "", self.pointer + location, message)

    def changes(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
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

    def _properties(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
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

    def _additional(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        key = "additionalProperties"
        before, after = old.get(key, True), new.get(key, True)
        if before == after:
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

    def _inner(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
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

    def _within(self, old: Any, new: Any, location: str) -> Iterator[Change]:
        yield from self.diff.compare(
            old, new, self.direction, self.pointer + location, self.depth + 1
        )

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


def _text(value: Any) -> str:
    return json.dumps(_bare(value), sort_keys=True, default=str)


def _bare(value: Any) -> Any:
    """Return a schema without the keywords that only describe."""
    if isinstance(value, Mapping):
        return {key: _bare(each) for key, each in value.items() if key not in _SILENT}
    return [_bare(each) for each in value] if isinstance(value, list) else value
