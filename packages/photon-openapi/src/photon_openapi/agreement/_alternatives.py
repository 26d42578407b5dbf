"""A schema as alternatives without references and ``allOf``, where that is certain.

`flattened` omits alternatives that contradict each other, as samples need it. Here a contradiction
ends the comparison: the author of such a schema has something in mind that it does not say, and a
class for it is not refused. The same holds for conditions, for references that depend on the path
to them, and for more alternatives than `_MOST`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..document import Definitions
from ..schema import Contradiction, FlatSchema, merge

_MOST: Final = 32
_APPLICATORS: Final = frozenset(("$ref", "allOf", "anyOf", "oneOf", "discriminator"))
_UNKNOWN: Final = frozenset(("if", "then", "else", "$dynamicRef", "dependentSchemas"))
_FORMATS: Final = ("format", "contentEncoding")
_OTHERS: Final = frozenset(("additionalProperties", "patternProperties"))
_MEMBERS: Final = _OTHERS | {"properties"}


class Undecided(Exception):
    """The composition of a schema is not compared."""


def alternatives_of(schema: Any, definitions: Definitions) -> list[FlatSchema]:
    """Return the alternatives of a schema, of which a value satisfies one.

    Raises:
        Undecided: They cannot be listed with certainty.
    """
    return _alternatives(schema, definitions, frozenset())


def _alternatives(
    schema: Any, definitions: Definitions, within: frozenset[str]
) -> list[FlatSchema]:
    if schema is False:
        raise Undecided
    if not isinstance(schema, dict):
        return [FlatSchema({}, within)]
    if not _UNKNOWN.isdisjoint(schema):
        raise Undecided
    own = {key: value for key, value in schema.items() if key not in _APPLICATORS}
    found = [FlatSchema(own, within)]
    for options in _choices(schema, definitions, within):
        found = [_merged(one, other) for one in found for other in options]
        if len(found) > _MOST:
            raise Undecided
    return found


def _choices(
    schema: dict[str, Any], definitions: Definitions, within: frozenset[str]
) -> Iterator[Sequence[FlatSchema]]:
    """Yield the alternatives of each applied schema."""
    if "$ref" in schema:
        reference = str(schema["$ref"])
        target = definitions.find(reference)
        if reference in within or target is None:
            raise Undecided
        yield _alternatives(target, definitions, within | {reference})
    for part in schema.get("allOf", ()):
        yield _alternatives(part, definitions, within)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            parts = [_alternatives(each, definitions, within) for each in schema[keyword]]
            options = [each for part in parts for each in part]
            if not all(each.schema for each in options):  # one of them is any value
                raise Undecided
            yield options


def _merged(one: FlatSchema, other: FlatSchema) -> FlatSchema:
    """Return two schemas that apply to one value as one.

    What one of them says about other members than its own does not hold for both.

    Raises:
        Undecided: They contradict each other.
    """
    formats = {each.schema[key] for each in (one, other) for key in _FORMATS if key in each.schema}
    if len(formats) > 1:
        raise Undecided
    try:
        merged = merge(one.schema, other.schema)
    except Contradiction:
        raise Undecided from None
    for first, second in ((one.schema, other.schema), (other.schema, one.schema)):
        if not _OTHERS.isdisjoint(first) and not _MEMBERS.isdisjoint(second):
            merged = {key: value for key, value in merged.items() if key not in _OTHERS}
    return FlatSchema(merged, one.within | other.within)
