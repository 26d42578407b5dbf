"""Schemas without applicators: the constraints of a schema, written as one flat object.

``$ref``, ``allOf``, ``anyOf``, ``oneOf`` and ``if`` are merged with the adjacent keywords. A schema
with alternatives has several flat schemas, to be tried in turn. A reference that leads back to
itself has none: every value is finite, and the smallest values do not recur.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from ..document import Definitions, OpenApi
from ._schema_types import types_of

TAG: Final = "x-photon-tag"
"""The member of a flat schema with the value that the discriminator of its branch requires."""
EXAMPLES: Final = ("example", "examples", "default")
_APPLICATORS: Final = frozenset(
    ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "then", "else", "discriminator")
)
_ANNOTATIONS: Final = frozenset(
    (*EXAMPLES, TAG, "title", "description", "deprecated", "readOnly", "writeOnly", "$comment")
)
_Combine: TypeAlias = Callable[[Any, Any], Any]


class FlatSchema(NamedTuple):
    """A flat schema.

    Attributes:
        schema: The keywords.
        within: The references that led to the schema.
    """

    schema: OpenApi
    within: frozenset[str]


class Contradiction(Exception):
    """Two schemas have no value in common."""


def flattened(
    schema: Any, definitions: Definitions, within: frozenset[str] = frozenset()
) -> Iterator[FlatSchema]:
    """Yield the flat schemas of which a value must satisfy one; the first is the plainest.

    Args:
        schema: A JSON Schema.
        definitions: The targets of its references.
        within: The references that led to the schema, which may not recur.
    """
    if schema is False:
        return
    if not isinstance(schema, dict):
        yield FlatSchema({}, within)
        return
    own = {key: value for key, value in schema.items() if key not in _APPLICATORS}
    examples = {key: own[key] for key in (*EXAMPLES, TAG) if key in own}
    for result in _combined(FlatSchema(own, within), _choices(schema), definitions, within):
        yield FlatSchema(result.schema | examples, result.within)


def _choices(schema: OpenApi) -> list[Sequence[Any]]:
    """Return the applied subschemas, each as a list of alternatives."""
    choices: list[Sequence[Any]] = [
        [_Reference(schema[key])] for key in ("$ref", "$dynamicRef") if key in schema
    ]
    choices += [[part] for part in schema.get("allOf", ())]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            choices.append(_tagged(schema[key], schema.get("discriminator")))
    if "if" in schema:
        met = {"allOf": [schema["if"], schema.get("then", True)]}
        choices.append([met, schema.get("else", True)])
    return choices


class _Reference(NamedTuple):
    target: str


def _combined(
    base: FlatSchema, choices: list[Sequence[Any]], definitions: Definitions, within: frozenset[str]
) -> Iterator[FlatSchema]:
    """Yield ``base`` merged with one alternative of each choice.

    Each alternative may use the same references; only deeper levels may not.
    """
    if not choices:
        yield base
        return
    for option in choices[0]:
        for part in _option(option, definitions, within):
            try:
                merged = FlatSchema(merge(base.schema, part.schema), base.within | part.within)
            except Contradiction:
                continue
            yield from _combined(merged, choices[1:], definitions, within)


def _option(option: Any, definitions: Definitions, within: frozenset[str]) -> Iterator[FlatSchema]:
    if not isinstance(option, _Reference):
        yield from flattened(option, definitions, within)
    elif option.target not in within:
        result = definitions.find(option.target)
        target = True if result is None else result  # in a resource with its own URI
        yield from flattened(target, definitions, within | {option.target})


def _tagged(branches: Sequence[Any], discriminator: Any) -> Sequence[Any]:
    """Return the branches of a union, each with the tag that its discriminator requires."""
    if not isinstance(discriminator, dict):
        return branches
    name = discriminator.get("propertyName")
    names = {target: value for value, target in (discriminator.get("mapping") or {}).items()}
    tagged = []
    for branch in branches:
        reference = branch.get("$ref") if isinstance(branch, dict) else None
        if not isinstance(name, str) or not isinstance(reference, str):
            tagged.append(branch)
            continue
        last = reference.rpartition("/")[2]
        tag = {TAG: names.get(reference, names.get(last, last))}
        tagged.append({"properties": {name: tag}, "required": [name], "$ref": reference})
    return tagged


# -- merging ------------------------------------------------------------------------------------


def merge(first: OpenApi, second: OpenApi) -> OpenApi:
    """Return a flat schema of the values that satisfy both.

    Raises:
        Contradiction: No value satisfies both.
    """
    if not _is_restricting(first):
        return second | first
    merged = dict(first)
    if _is_restricting(second):  # an example of one schema need not satisfy both
        merged = {key: value for key, value in first.items() if key not in EXAMPLES}
        second = {key: value for key, value in second.items() if key not in EXAMPLES}
    for key, value in second.items():
        if key not in merged:
            merged[key] = value
        elif key in _COMBINE and merged[key] != value:
            merged[key] = _COMBINE[key](merged[key], value)
    return merged


def _is_restricting(schema: Mapping[str, Any]) -> bool:
    return not schema.keys() <= _ANNOTATIONS


def _types(first: Any, second: Any) -> list[str]:
    ones, others = types_of({"type": first}), types_of({"type": second})
    both = [each for each in ones if each in others or (each == "integer" and "number" in others)]
    both += [each for each in others if each == "integer" and "number" in ones]
    if not both:
        raise Contradiction
    return list(dict.fromkeys(both))


def _common(first: list[Any], second: list[Any]) -> list[Any]:
    both = [value for value in first if value in second]
    if not both:
        raise Contradiction
    return both


def _same(first: Any, second: Any) -> Any:
    raise Contradiction  # they are not equal


def _union(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(each for each in second if each not in first)]


def _both(first: Any, second: Any) -> Any:
    return {"allOf": [first, second]}


def _members(first: OpenApi, second: OpenApi) -> OpenApi:
    return {
        name: _both(first[name], second[name])
        if name in first and name in second
        else first.get(name, second.get(name))
        for name in {**first, **second}
    }


def _multiple(first: Any, second: Any) -> Any:
    if isinstance(first, int) and isinstance(second, int):
        return math.lcm(first, second)
    return first


_COMBINE: Final[Mapping[str, _Combine]] = {
    "type": _types,
    "enum": _common,
    "const": _same,
    "required": _union,
    "properties": _members,
    "patternProperties": _members,
    "items": _both,
    "additionalProperties": _both,
    "propertyNames": _both,
    "contains": _both,
    "multipleOf": _multiple,
    **dict.fromkeys(
        ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"),
        max,
    ),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}
