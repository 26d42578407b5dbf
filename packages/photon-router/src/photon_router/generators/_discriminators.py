"""The tags by which discriminators select schemas.

A member that a discriminator reads is often any string in the schemas that it selects. In the
classes it is the literal tag, so that a value is converted to the class that its tag names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from photon_openapi.document import Definitions, OpenApi


def discriminator_tags(definitions: Definitions) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the tags of each schema: by its reference, then by the name of the member."""
    tags: dict[str, dict[str, list[str]]] = {}
    for part in definitions.parts:
        for reference, name, values in _selected(part.value):
            known = tags.setdefault(reference, {}).setdefault(name, [])
            known += [value for value in values if value not in known]
    return tags


def _selected(schema: OpenApi) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the schemas that a discriminator selects: reference, member and tags."""
    discriminator: Any = schema.get("discriminator")
    branches = schema.get("oneOf") or schema.get("anyOf")
    if not isinstance(discriminator, dict) or not isinstance(branches, list):
        return
    name = discriminator.get("propertyName")
    mapping = discriminator.get("mapping")
    targets = mapping if isinstance(mapping, dict) else {}
    for branch in branches:
        reference = branch.get("$ref") if isinstance(branch, dict) else None
        if isinstance(reference, str) and isinstance(name, str):
            last = reference.rpartition("/")[2]
            values = [tag for tag, target in targets.items() if target in (reference, last)]
            yield reference, name, values or [last]
