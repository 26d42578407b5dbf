"""Names in the spelling of documents, and in that of Python: ``tagList`` and ``tag_list``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable


def python_name(wire: str) -> str:
    """Return ``petId``, ``pet-id`` or ``Pet-ID`` as ``pet_id``."""
    separated = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wire)
    return re.sub(r"\W", "_", separated).lower()


def match_spelling(names: Iterable[str], properties: Collection[str]) -> dict[str, str]:
    """Return the property of each name that is spelled otherwise.

    A name that is a property itself has that one, and a property that is a name belongs to it. Of
    several with one spelling the first is taken.

    Args:
        names: The names in code.
        properties: The names of properties in a document.
    """
    names = list(names)
    taken = set(names)
    spelled: dict[str, str] = {}
    for wire in properties:
        if wire not in taken:
            spelled.setdefault(python_name(wire), wire)
    matches: dict[str, str] = {}
    for name in names:
        if name not in properties:
            wire_name = spelled.pop(python_name(name), None)
            if wire_name is not None:
                matches[name] = wire_name
    return matches
