"""Classes generated for a document accept its valid values, and send them unchanged."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from photon_openapi.document import Document, load_document
from photon_openapi.sampling import NoValue, sample
from photon_openapi.schema import SchemaCheck
from photon_router import Application, Json
from photon_router.generators import HandlersGenerator
from photon_runtime.generators import Arguments, UpdateFile
from photon_runtime.project import Project
from photon_runtime.testing import make_request

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENTS = [
    ROOT / "demo" / "board" / "openapi.yaml",
    HERE / "varied.yaml",
    HERE / "difficult" / "openapi.yaml",
]
SEEDS = (None, 1, 2, 3, 4, 5)
TAGGED = {"Number", "Binary"}
"""Schemas that a discriminator selects: their classes have the literal tags only."""


def echo_document(path: Path) -> dict[str, Any]:
    """Return a document whose operations return what they are sent, one for each schema."""
    data = load_document(path)
    paths = {}
    for name in data["components"]["schemas"]:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        paths[f"/{name}"] = {
            "post": {
                "operationId": f"echo{name}",
                "tags": ["echo"],
                "requestBody": {"required": True, "content": content},
                "responses": {"200": {"description": "The same.", "content": content}},
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Echo", "version": "1"},
        "paths": paths,
        "components": {"schemas": data["components"]["schemas"]},
    }


def generated(folder: Path, document: dict[str, Any]) -> ModuleType:
    """Generate the handlers of a document, and import its classes."""
    (folder / "photon.toml").write_text('[project]\napp = "main:app"\n')
    (folder / "main.py").write_text("from photon import Photon\n\napp = Photon()\n")
    (folder / "openapi.json").write_text(json.dumps(document))
    project = Project(folder, folder)
    edits = HandlersGenerator().plan(project, Arguments("openapi.json"))
    texts = {each.path: each.content for each in edits if isinstance(each, UpdateFile)}
    (folder / "schemas.py").write_text(texts["handlers/schemas.py"])
    spec = importlib.util.spec_from_file_location("generated_schemas", folder / "schemas.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.handlers = next(text for path, text in texts.items() if path == "handlers/echo.py")  # type: ignore[attr-defined]
    return module


def annotations_of(module: ModuleType) -> dict[str, Any]:
    """Return the annotation of the body of each handler, by operation."""
    namespace: dict[str, Any] = {}
    source = module.handlers.replace("from .schemas import", "from generated_schemas import")
    exec(compile(source, "handlers.py", "exec"), namespace)
    return {
        entry.operation_id: entry.signature.arguments[0].annotation.annotated
        for entry in namespace["router"]._entries
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_generated_classes_take_and_send_every_valid_value(path: Path, tmp_path: Path) -> None:
    document = echo_document(path)
    module = generated(tmp_path, document)
    annotations = annotations_of(module)
    app = Application(spec=document, validate_responses=True)
    for name, annotation in annotations.items():
        add_echo(app, name, annotation)
    definitions = Document(document).definitions
    failures: list[tuple[str, object, object, object]] = []
    with app.start() as handle:
        for name, schema in document["components"]["schemas"].items():
            for seed in SEEDS:
                try:
                    value = sample(schema, definitions, direction="request", seed=seed)
                except NoValue:
                    continue
                if name in TAGGED:
                    value = value if isinstance(value, dict) else {}
                    value["kind"] = "number" if name == "Number" else "plus"
                response = handle(make_request("POST", f"/{name}", json=value))
                assert isinstance(response.body, bytes)
                body = json.loads(response.body)
                if response.status != 200 or not SchemaCheck(
                    schema, components=definitions
                ).is_valid(body):
                    failures.append((name, value, response.status, body))
                elif not keeps(value, body):
                    failures.append((name, value, "another value", body))
    assert not failures, failures[:3]


def add_echo(app: Application, name: str, annotation: Any) -> None:
    """Add a handler that returns its body."""

    def echo(body: Any) -> Any:
        return body

    echo.__annotations__ = {
        "body": Json[annotation],  # type: ignore[misc]  # computed
        "return": annotation,
    }
    app.operation(name)(echo)


def keeps(sent: Any, received: Any) -> bool:
    """Whether a value has all members of another one, but for those that are null."""
    if isinstance(sent, dict):
        present = {key: value for key, value in sent.items() if value is not None}
        return isinstance(received, dict) and all(
            key in received and keeps(value, received[key]) for key, value in present.items()
        )
    if isinstance(sent, list):
        return len(sent) == len(received) and all(map(keeps, sent, received))
    return bool(sent == received) or is_same_time(sent, received)


def is_same_time(one: Any, other: Any) -> bool:
    """Whether two texts are the same moment, with another precision."""
    return isinstance(one, str) and ":" in one and str(other)[:19] == one[:19]
