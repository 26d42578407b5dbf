"""Properties of schemas that depend on the components which they refer to.

Theory of operation. Both properties are computed for all components at once, in one pass each over
the graph of their references, and stored with the definitions: classes that refer to each other
have exponentially many paths, so that following the references from each schema would not end.

A schema *exceeds msgspec* if it, or one that it refers to, has a keyword that msgspec does not
enforce: found from these backwards. It is *shallow* if it limits the nesting of its values: if all
of its parts are, and all that it refers to. What refers to itself is never found to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ..document import Definitions

_KEY: Final = "schema traits"
_BEYOND_MSGSPEC: Final = ("pattern", "uniqueItems")
_DATA: Final = ("properties", "default", "examples", "enum", "propertyNames")


class _Own(NamedTuple):
    """What a schema is by itself, and the names of the components that it refers to."""

    references: frozenset[str]
    is_true: bool


class SchemaTraits:
    """The properties of the schemas of a document.

    Args:
        definitions: The schemas.
    """

    def __init__(self, definitions: Definitions) -> None:
        """Compute the properties of all components."""
        self._exceeding = _reaching({name: _exceeding(definitions[name]) for name in definitions})
        self._shallow = _bounded({name: _shallow(definitions[name]) for name in definitions})

    @classmethod
    def of(cls, definitions: Definitions) -> SchemaTraits:
        """Return the properties of the schemas of a document, computed once."""
        known: SchemaTraits | None = definitions.memo.get(_KEY)
        if known is None:
            known = definitions.memo[_KEY] = cls(definitions)
        return known

    def exceeds_msgspec(self, schema: Any) -> bool:
        """Return true if msgspec does not fully enforce the keywords of a schema."""
        own = _exceeding(schema)
        return own.is_true or not self._exceeding.isdisjoint(own.references)

    def is_shallow(self, schema: Any) -> bool:
        """Return true if the schema limits the nesting depth of a value."""
        own = _shallow(schema)
        return own.is_true and self._shallow.issuperset(own.references)


def _reaching(owns: Mapping[str, _Own]) -> frozenset[str]:
    """Return the names for which the property is true, and those that refer to them."""
    users: dict[str, list[str]] = {}
    for name, own in owns.items():
        for reference in own.references:
            users.setdefault(reference, []).append(name)
    pending = [name for name, own in owns.items() if own.is_true]
    reaching = set(pending)
    while pending:
        new = [user for user in users.get(pending.pop(), ()) if user not in reaching]
        reaching.update(new)
        pending += new
    return frozenset(reaching)


def _bounded(owns: Mapping[str, _Own]) -> frozenset[str]:
    """Return the names for which the property is true, as for all that they refer to."""
    users: dict[str, list[str]] = {}
    missing = Counter({name: len(own.references) for name, own in owns.items()})
    for name, own in owns.items():
        for reference in own.references:
            users.setdefault(reference, []).append(name)
    pending = [name for name, own in owns.items() if own.is_true and not own.references]
    bounded = set(pending)
    while pending:
        for user in users.get(pending.pop(), ()):
            missing[user] -= 1
            if missing[user] == 0 and owns[user].is_true:
                bounded.add(user)
                pending.append(user)
    return frozenset(bounded)


def _exceeding(schema: Any) -> _Own:
    references: set[str] = set()
    is_true = False
    pending = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            references |= _referred(value)
            is_true |= value.get("additionalProperties") is False
            is_true |= any(keyword in value for keyword in _BEYOND_MSGSPEC)
            pending += value.get("properties", {}).values()
            pending += (inner for keyword, inner in value.items() if keyword not in _DATA)
    return _Own(frozenset(references), is_true)


def _shallow(schema: Any) -> _Own:
    references: set[str] = set()
    is_true = True
    pending = [schema]
    while pending:
        part = pending.pop()
        if not isinstance(part, dict):
            is_true = False
            continue
        referred = _referred(part)
        if referred:
            references |= referred
            continue
        inner = [
            *part.get("anyOf", ()),
            *part.get("prefixItems", ()),
            *part.get("properties", {}).values(),
            *(part[keyword] for keyword in ("items", "additionalProperties") if keyword in part),
        ]
        is_true = is_true and (bool(inner) or _is_scalar(part))
        pending += inner
    return _Own(frozenset(references), is_true)


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    names = schema.get("type", ())
    containers = {"array", "object"}.intersection([names] if isinstance(names, str) else names)
    return "properties" in schema or bool(names and not containers)


def _referred(schema: Mapping[str, Any]) -> set[str]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return {name} if name else set()
