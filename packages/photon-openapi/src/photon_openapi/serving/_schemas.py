"""Rules for schemas: each must compile."""

from __future__ import annotations

from collections.abc import Iterator

from ..document import Document, Problem, SchemaLocation, schemas_in
from ..schema import SchemaCheck


def invalid_schemas(document: Document) -> Iterator[Problem]:
    """Yield the schemas that do not compile, only the outermost of each."""
    yield from document.unsound_schemas
    locations = [
        location
        for location in schemas_in(document.data, outermost=True)
        if "$ref" not in location.schema
        and document.is_well_formed(location.schema, location.pointer)
    ]
    if _compile_together(document, locations):
        return
    for location in locations:
        try:
            _ = SchemaCheck(location.schema, components=document.definitions).is_valid
        except ValueError as error:
            yield Problem(location.pointer, f"the schema cannot be compiled: {error}")


def _compile_together(document: Document, locations: list[SchemaLocation]) -> bool:
    """Return whether all schemas compile, as parts of one: each of them is compiled once."""
    together = {location.pointer: location.schema for location in locations}
    try:
        _ = SchemaCheck({"properties": together}, components=document.definitions).is_valid
    except ValueError:
        return False
    return True
