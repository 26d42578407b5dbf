"""The schemas that a schema is composed of: they describe the same value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..document import Definitions


class ComposedSchema(NamedTuple):
    """A schema of a composition.

    Attributes:
        schema: The schema.
        is_alternative: Whether a value may match another branch instead.
    """

    schema: dict[str, Any]
    is_alternative: bool


def _all_of(branches: Sequence[Any]) -> Sequence[Any]:
    return branches


def composed_of(
    schemas: Iterable[tuple[Any, bool]],
    definitions: Definitions,
    *,
    choose: Callable[[Sequence[Any]], Sequence[Any]] = _all_of,
) -> Iterator[ComposedSchema]:
    """Yield schemas and the targets of their references, ``allOf``, ``anyOf`` and ``oneOf``.

    Each schema is yielded once, outer before inner, in order.

    Args:
        schemas: The schemas, each with a flag for alternatives.
        definitions: The targets of their references.
        choose: A function that returns the branches of a union that apply.
    """
    waiting = list(schemas)[::-1]
    seen: set[int] = set()
    while waiting:
        schema, is_alternative = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        yield ComposedSchema(schema, is_alternative)
        inner = [(definitions.find(schema["$ref"]), is_alternative)] if "$ref" in schema else []
        inner += [(each, is_alternative) for each in schema.get("allOf", ())]
        for keyword in ("anyOf", "oneOf"):
            branches = choose(schema.get(keyword, ()))
            inner += [(each, is_alternative or len(branches) > 1) for each in branches]
        waiting += reversed(inner)
