"""Random documents become handlers that can be imported, and an application that starts."""

from __future__ import annotations

import json
import random
import sys
import types
from pathlib import Path, PurePosixPath
from typing import Any

import attrs
import pytest

from photon_openapi.document import Document
from photon_router import Application
from photon_router.generators import HandlersGenerator
from photon_runtime.generators import Arguments, UpdateFile
from photon_runtime.project import Project

NAMES = [
    *("id", "name", "petId", "class", "first-name", "date", "str", "list", "type", "@id", "2fa"),
    *("None", "items", "Status", "status", "datetime", "_x", "ä", "from", "user", "body", "router"),
    *("int", "self", "cls", "object", "attrs", "Param"),
]
COMPONENTS = ["Pet", "pet", "Error", "Status", "List", "Any", "date", "Node", "Tree-Item", "Json"]
SCALARS: list[Any] = [
    *({"type": "string", "format": each} for each in ("date", "date-time", "uuid", "binary")),
    *({"type": each} for each in ("string", "integer", "number", "boolean", "null")),
    {"type": "string", "enum": ["a", "it's", 'q"']},
    {"enum": [1, 2, None]},
    {"const": "k"},
    {"type": ["string", "null"], "minLength": 1},
    {"type": ["integer", "string"]},
    {"type": "string", "pattern": "^[a-z]+\\d*$"},
    {"type": "string", "contentEncoding": "base64"},
    {},
    True,
]
MEDIA = [
    *["application/json"] * 4,
    *("text/plain", "image/png", "application/problem+json", "text/html", "*/*"),
    "application/jsonl",
]
BODIES = [
    *["application/json"] * 3,
    *("multipart/form-data", "application/x-www-form-urlencoded", "text/plain", "image/png"),
]


@attrs.frozen
class Documents:
    """Makes random documents."""

    random: random.Random

    def schema(self, depth: int = 0) -> Any:
        kind = self.random.random()
        if depth > 3 or kind < 0.4:
            return self.random.choice(SCALARS)
        if kind < 0.55:
            return {"$ref": f"#/components/schemas/{self.random.choice(COMPONENTS)}"}
        if kind < 0.65:
            return {"type": "array", "items": self.schema(depth + 1)}
        if kind < 0.85:
            return self.object(depth)
        if kind < 0.92:
            branches = [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]
            return {self.random.choice(["oneOf", "anyOf"]): branches}
        return {"allOf": [self.schema(depth + 1) for _ in range(self.random.randint(1, 2))]}

    def object(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.randint(0, 4))
        required = self.random.sample(names, self.random.randint(0, len(names)))
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: self.schema(depth + 1) for name in names},
            "description": self.random.choice(['a "b"', "x\\y", "l\n\n* p\n* q", "é\u2019s"]),
        }
        if required:
            schema["required"] = required
        if self.random.random() < 0.2:
            schema["additionalProperties"] = self.random.choice([True, False, self.schema(depth)])
        return schema

    def parameter(self) -> dict[str, Any]:
        """A schema, or a content where no style may represent the values: lists of lists."""
        schema = self.schema()
        if not isinstance(schema, dict) or schema.get("type") == "array":
            return {"schema": {"type": "array", "items": self.random.choice(SCALARS)}}
        if schema.keys() & {"$ref", "allOf", "anyOf", "oneOf"}:
            return {"content": {"application/json": {"schema": schema}}}
        return {"schema": schema}

    def operation(self, number: int, names: list[str], *, has_body: bool) -> dict[str, Any]:
        parameters = [
            {"name": name, "in": "path", "required": True, **self.parameter()} for name in names
        ]
        for name in self.random.sample([name for name in NAMES if name.isascii()], 3):
            place = self.random.choice(["query", "header", "cookie"])
            is_required = self.random.random() < 0.4
            parameters.append(
                {"name": name, "in": place, "required": is_required, **self.parameter()}
            )
        operation: dict[str, Any] = {"parameters": parameters, "responses": {}}
        if self.random.random() < 0.8:
            operation["operationId"] = f"{self.random.choice([*NAMES, 'get-it'])}{number}"
        if self.random.random() < 0.7:
            operation["tags"] = [self.random.choice(["pets", "class", "Über", "schemas", "a b"])]
        for code in self.random.sample(["200", "201", "204", "400", "default", "4XX", "303"], 3):
            response: dict[str, Any] = {"description": "d"}
            operation["responses"][code] = response
            if code != "204" and self.random.random() < 0.8:
                response["content"] = {self.random.choice(MEDIA): {"schema": self.schema()}}
        if has_body:
            content = {self.random.choice(BODIES): {"schema": self.schema()}}
            operation["requestBody"] = {
                "required": self.random.random() < 0.7,
                "content": content,
            }
        return operation

    def document(self) -> dict[str, Any]:
        paths = {}
        for number in range(3):
            names = self.random.sample(["id", "petId", "class", "a-b"], 2)
            path = f"/p{number}" + "".join(f"/{{{name}}}" for name in names)
            paths[path] = {
                "get": self.operation(number, names, has_body=False),
                "post": self.operation(number + 10, names, has_body=True),
            }
        schemas = {name: self.schema() for name in COMPONENTS}
        info = {"title": "Random", "version": "1"}
        components = {"schemas": schemas}
        return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def imported(texts: dict[str, str], package: str) -> types.ModuleType:
    """Import generated modules without writing them."""
    parent = sys.modules[package] = types.ModuleType(package)
    parent.__path__ = []
    names = sorted(texts, key=lambda path: (path.endswith("__init__.py"), "schemas.py" not in path))
    for path in names:
        stem = PurePosixPath(path).stem
        module = parent if stem == "__init__" else types.ModuleType(f"{package}.{stem}")
        module.__package__ = package
        sys.modules[module.__name__] = module
        setattr(parent, stem, module)
        exec(compile(texts[path], path, "exec"), module.__dict__)
    return parent


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_random_documents_become_handlers_that_start(seed: int, tmp_path: Path) -> None:
    document = Documents(random.Random(seed)).document()
    if Document(document).problems():
        return  # contradictory: the same reference in a circle, for example
    (tmp_path / "photon.toml").write_text('[project]\napp = "main:app"\n')
    (tmp_path / "main.py").write_text("from photon import Photon\n\napp = Photon()\n")
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    edits = HandlersGenerator().plan(Project(tmp_path, tmp_path), Arguments("openapi.json"))
    texts = {
        each.path: each.content
        for each in edits
        if isinstance(each, UpdateFile) and each.path.startswith("handlers/")
    }
    module = imported(texts, f"generated_{seed}")
    app = Application(spec=document)
    app.include(module.router)
    with app.start():
        pass
