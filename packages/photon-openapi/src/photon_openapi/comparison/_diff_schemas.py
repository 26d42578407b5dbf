"""How a schema has changed: what it allows no longer, and what it allows now.

Theory of operation. Both schemas are made flat (`_flat`), so that it does not matter how they are
cut into references and ``allOf``. A keyword that is new or stricter *narrows* what is allowed, one
that is gone or looser *widens* it; which of both breaks clients depends on the direction. Where
there are several flat schemas (``oneOf``, ``anyOf``, ``null`` among the types), those of both sides
that belong together are compared, and what remains is a branch that has gone or is new.

References may lead in circles. A pair of schemas is compared once, at the first place where it is
met.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ..document import Definitions, OpenApi
from ..messages import choices, pointer_of
from ..schema import Flat, flattened, types_of
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
    """Compares schemas; the changes name no operation.

    Attributes:
        old: What references of the old document lead to.
        new: What those of the new one lead to.
    """

    old: Definitions
    new: Definitions
    _seen: set[tuple[str, str, str]] = attrs.field(factory=set)

    def compare(
        self, old: Any, new: Any, direction: Direction, pointer: str = "", depth: int = 0
    ) -> Iterator[Change]:
        """Yield the changes from one schema to the other.

        Args:
            old: A schema of the old document; ``True`` where there is none.
            new: One of the new document.
            direction: Whether clients send values of it, or are sent them.
            pointer: Where they stand.
            depth: How deep they lie in those that were given first.
        """
        key = (_text(old), _text(new), direction)
        if key in self._seen or depth > _MAX_DEPTH:
            return
        self._seen.add(key)
        olds, news = self._branches(old, self.old), self._branches(new, self.new)
        pairs, gone, added = _paired(olds, news)
        at = _At(self, direction, pointer, depth)
        for first, second in pairs:
            yield from at.changes(first.schema, second.schema)
        for flat in gone:
            yield at.told("narrowed", "schema-branch-removed", f"no longer allows {_shown(flat)}")
        for flat in added:
            yield at.told("widened", "schema-branch-added", f"also allows {_shown(flat)}")

    def _branches(self, schema: Any, definitions: Definitions) -> list[Flat]:
        found = itertools.islice(flattened(schema, definitions), _MAX_BRANCHES)
        return [branch for flat in found for branch in _without_null(flat)]


def _without_null(flat: Flat) -> Iterator[Flat]:
    """Yield a flat schema with ``null`` as a branch of its own."""
    types = types_of(flat.schema)
    if "null" not in types or len(types) < 2:
        yield flat
        return
    others = [each for each in types if each != "null"]
    schema = {**flat.schema, "type": others[0] if len(others) == 1 else others}
    if None in schema.get("enum", ()):
        schema["enum"] = [each for each in schema["enum"] if each is not None]
    yield Flat(schema, flat.within)
    yield Flat({"type": "null"}, flat.within)


def _paired(
    olds: list[Flat], news: list[Flat]
) -> tuple[list[tuple[Flat, Flat]], list[Flat], list[Flat]]:
    """Return the branches that belong together, those that have gone, and those that are new."""
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


def _is_equal(old: Flat, new: Flat) -> bool:
    return _text(old.schema) == _text(new.schema)


def _is_namesake(old: Flat, new: Flat) -> bool:
    return bool(old.within) and old.within == new.within


def _is_of_type(old: Flat, new: Flat) -> bool:
    types, others = set(types_of(old.schema)), set(types_of(new.schema))
    return types == others or bool(types & others)


@attrs.frozen
class _At:
    """Compares two flat schemas at one place.

    Attributes:
        diff: What compares those within.
        direction: See `SchemaDiff.compare`.
        pointer: The place.
        depth: How deep it lies.
    """

    diff: SchemaDiff
    direction: Direction
    pointer: str
    depth: int

    def told(self, effect: Effect, id_: str, message: str, place: str = "") -> Change:
        """Return a change."""
        severity = severity_of(effect, self.direction)
        return Change(id_, severity, "", self.pointer + place, message)

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
        yield from self._notes(old, new)

    def _types(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        before, after = types_of(old), types_of(new)
        gone = [each for each in before if not _allows(after, each)]
        added = [each for each in after if not _allows(before, each)]
        if before and not after:
            gone, added = [], ["any type"]
        if after and not before:
            gone, added = ["any type"], []
        if gone and added:
            message = f"the type was {' or '.join(before)} and is {' or '.join(after)}"
            yield self.told("changed", "type-changed", message)
        elif gone:
            yield self.told(
                "narrowed",
                "type-narrowed",
                f"no longer allows {' or '.join(gone)}"
                + (f", only {' or '.join(after)}" if after else ""),
            )
        elif added:
            yield self.told("widened", "type-widened", f"also allows {' or '.join(added)}")

    def _values(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        before, after = _enum(old), _enum(new)
        if before is None or after is None:
            if before is not None:
                yield self.told("widened", "enum-removed", "is no longer one of certain values")
            elif after is not None:
                yield self.told("narrowed", "enum-added", f"must be one of {choices(after)}")
            return
        gone = [each for each in before if each not in after]
        added = [each for each in after if each not in before]
        if gone:
            message = f"no longer allows {choices(gone)}"
            yield self.told("narrowed", "enum-value-removed", message)
        if added:
            yield self.told("widened", "enum-value-added", f"also allows {choices(added)}")

    def _limits(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        for key in (*_LOWER, *_UPPER):
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            if before is None or after is None:
                effect: Effect = "narrowed" if before is None else "widened"
            else:
                effect = "narrowed" if (after > before) == (key in _LOWER) else "widened"
            yield self.told(effect, f"limit-{effect}", f"{key} was {before} and is {after}"
                            if before is not None and after is not None
                            else f"{key} {after} is new" if before is None
                            else f"{key} {before} is gone")  # fmt: skip
        if bool(old.get("uniqueItems")) != bool(new.get("uniqueItems")):
            effect = "narrowed" if new.get("uniqueItems") else "widened"
            yield self.told(effect, f"limit-{effect}", "uniqueItems has changed")

    def _others(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        for key in _OTHERS:
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            message = f"{key} was {before!r} and is {after!r}"
            if before is None:
                yield self.told("narrowed", f"{_kebab(key)}-added", f"{key} {after!r} is new")
            elif after is None:
                yield self.told("widened", f"{_kebab(key)}-removed", f"{key} {before!r} is gone")
            else:
                yield self.told("changed", f"{_kebab(key)}-changed", message)
        if old.get("not") != new.get("not"):
            yield self.told("changed", "not-changed", "what it must not be has changed")

    def _required(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        before, after = old.get("required", []), new.get("required", [])
        for name in after:
            if name not in before:
                is_new = name not in old.get("properties", {})
                kind = "required-property-added" if is_new else "property-required"
                message = f"{name!r} is new and required" if is_new else f"{name!r} is now required"
                yield self.told("narrowed", kind, message, _property(name))
        for name in before:
            is_gone = name in old.get("properties", {}) and name not in new.get("properties", {})
            if name not in after and not is_gone:
                message = f"{name!r} is no longer required"
                yield self.told("widened", "property-optional", message, _property(name))

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
                    f"{name!r} is new",
                )

    def _gone(self, name: str, new: OpenApi) -> Change:
        # A request may still have it, unless the object is closed.
        is_breaking = self.direction == "response" or new.get("additionalProperties") is False
        return Change(
            "property-removed",
            "breaking" if is_breaking else "non-breaking",
            "",
            self.pointer + _property(name),
            f"{name!r} is gone",
        )

    def _additional(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        key = "additionalProperties"
        before, after = old.get(key, True), new.get(key, True)
        if before == after:
            return
        if after is False:
            yield self.told("narrowed", "object-closed", "no longer allows members of other names")
        elif before is False:
            # Clients are to pass over what they do not know.
            severity = severity_of("widened", "request")
            message = "also allows members of other names"
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
            place = pointer_of(["patternProperties", name])
            yield from self._within(before.get(name, True), after.get(name, True), place)

    def _within(self, old: Any, new: Any, place: str) -> Iterator[Change]:
        yield from self.diff.compare(old, new, self.direction, self.pointer + place, self.depth + 1)

    def _notes(self, old: OpenApi, new: OpenApi) -> Iterator[Change]:
        if "default" in new and old.get("default", new) != new["default"]:
            yield self._note("default-changed", f"the default is {choices([new['default']])}")
        if new.get("deprecated") and not old.get("deprecated"):
            yield self._note("deprecated", "is deprecated")
        for key in ("readOnly", "writeOnly"):
            if bool(old.get(key)) != bool(new.get(key)):
                yield self._note(f"{_kebab(key)}-changed", f"{key} is {bool(new.get(key))}")

    def _note(self, id_: str, message: str) -> Change:
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


def _shown(flat: Flat) -> str:
    """Return what people call a branch."""
    if flat.schema.get("type") == "null":
        return "null"
    named = sorted(each.rpartition("/")[2] for each in flat.within)
    types = " or ".join(types_of(flat.schema))
    return ", ".join(named) or str(flat.schema.get("title", "")) or types or "another form"


def _text(value: Any) -> str:
    return json.dumps(_bare(value), sort_keys=True, default=str)


def _bare(value: Any) -> Any:
    """Return a schema without what only describes."""
    if isinstance(value, Mapping):
        return {key: _bare(each) for key, each in value.items() if key not in _SILENT}
    return [_bare(each) for each in value] if isinstance(value, list) else value
