"""Rules for schemas: each must compile."""

from __future__ import annotations

from collections.abc import Iterator

from ..document import Document, Problem, schemas_in
from ..schema import SchemaCheck


def invalid_schemas(document: Document) -> Iterator[Problem]:
    """Yield the schemas that do not compile, only the outermost of each."""
    yield from document.unsound_schemas
    for location in schemas_in(document.data, outermost=True):
        if "$ref" in location.schema:
            continue
        if document.is_well_formed(location.schema, location.pointer):
            try:
                SchemaCheck(location.schema, components=document.definitions)
            except ValueError as error:
                yield Problem(location.pointer, f"the schema cannot be compiled: {error}")
