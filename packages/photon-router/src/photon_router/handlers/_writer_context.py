"""The state that the operations of one document share while they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from photon_openapi.document import OpenApi, shape_of
from photon_openapi.schema import COMPONENT_PREFIX, SchemaBuilder

from ..dependencies import Providers

_PROBLEM: Final = "application/problem+json"
_PROBLEM_SCHEMA: Final[OpenApi] = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Every error of the request.",
            "items": {
                "type": "object",
                "properties": {
                    "in": {"enum": ["path", "query", "header", "cookie", "body"]},
                    "name": {"type": "string", "description": "Name of the parameter."},
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "message": {"type": "string"},
                },
                "required": ["in", "message"],
            },
        },
    },
    "required": ["type", "title", "status"],
}


@attrs.define
class WriterContext:
    """The state that the operations of one document share while they are written.

    Attributes:
        validation_status: Status of the response to requests with invalid values.
        is_published: True to leave out hidden parameters.
        providers: The providers of values that do not come from requests.
        builder: The builder, which collects the schemas of classes.
        problems: References to the schema of problem documents; its name is chosen at the end.
        shapes: The first path of each shape, after `paths_by_shape`.
    """

    validation_status: int
    is_published: bool = False
    providers: Providers = attrs.field(factory=Providers)
    builder: SchemaBuilder = attrs.field(factory=SchemaBuilder)
    problems: list[OpenApi] = attrs.field(factory=list)
    shapes: dict[str, str] | None = None

    def paths_by_shape(self, paths: Mapping[str, object]) -> dict[str, str]:
        """Return the first path of each shape; the writer of a further path adds it.

        Args:
            paths: The paths of the document before the first operation is written.
        """
        if self.shapes is None:
            self.shapes = {}
            for path in paths:
                self.shapes.setdefault(shape_of(path), path)
        return self.shapes

    def problem(self, description: str) -> OpenApi:
        """Return the response object of a problem document."""
        reference: OpenApi = {}
        self.problems.append(reference)
        return {"description": description, "content": {_PROBLEM: {"schema": reference}}}

    def schemas(self, present: Mapping[str, object]) -> dict[str, OpenApi]:
        """Return the components that the operations refer to; called at the end.

        Args:
            present: Other components of the document.
        """
        schemas = dict(self.builder.components)
        if self.problems:
            name, number = "ProblemDocument", 2
            while name in schemas or present.get(name, _PROBLEM_SCHEMA) != _PROBLEM_SCHEMA:
                name, number = f"ProblemDocument_{number}", number + 1
            schemas[name] = _PROBLEM_SCHEMA
            for reference in self.problems:
                reference["$ref"] = COMPONENT_PREFIX + name
        return schemas
