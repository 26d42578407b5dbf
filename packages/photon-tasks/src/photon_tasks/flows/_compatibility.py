"""Whether the result of one task can be an argument of the next one.

What is known of both is compared: the kinds of JSON values that their annotations admit. A pair
that never fits is refused where the flow is written; all others are decoded, and so checked, when
the job of the next task begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from photon_openapi.schema import SchemaBuilder

_REFERENCE = "#/components/schemas/"


def can_be_passed(result: Any, parameter: Any) -> bool:
    """Return whether a value of one annotation may fit another one.

    Args:
        result: Annotation of a result.
        parameter: Annotation of a parameter.
    """
    given, accepted = json_kinds(result), json_kinds(parameter)
    if given is None or accepted is None:
        return True
    if "number" in accepted:
        accepted |= {"integer"}
    return bool(given & accepted)


def json_kinds(annotation: Any) -> frozenset[str] | None:
    """Return the kinds of JSON values of a type, such as ``string``; ``None`` for any."""
    builder = SchemaBuilder()
    return _kinds(builder.schema(annotation), builder.components, frozenset())


def _kinds(
    schema: Mapping[str, Any], components: Mapping[str, Any], seen: frozenset[str]
) -> frozenset[str] | None:
    if reference := schema.get("$ref"):
        name = reference.removeprefix(_REFERENCE)
        if name in seen or name not in components:
            return None
        return _kinds(components[name], components, seen | {name})
    for union in ("anyOf", "oneOf"):
        if choices := schema.get(union):
            kinds = [_kinds(each, components, seen) for each in choices]
            return frozenset().union(*[each or () for each in kinds]) if all(kinds) else None
    kind = schema.get("type")
    if kind is None:
        return None
    return frozenset([kind] if isinstance(kind, str) else kind)
