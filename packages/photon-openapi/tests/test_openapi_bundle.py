import json
from pathlib import Path
from typing import Any

import pytest

from photon_openapi.document._document import Document
from photon_openapi.document._export import encode_document
from photon_openapi.document._load import load_document
from photon_openapi.errors import DocumentError

MAIN = """
openapi: 3.1.0
info: {title: Pets, version: "1"}
paths:
  /pets/{id}: {$ref: paths/pet.yaml}
  /dogs: {$ref: "paths/all.yaml#/dogs"}
components:
  schemas:
    Name: {type: string, minLength: 2}
"""
FILES = {
    "openapi.yaml": MAIN,
    "paths/pet.yaml": """
parameters:
  - {$ref: "../shared.yaml#/parameters/Id"}
get:
  operationId: getPet
  responses:
    "200": {$ref: "../shared.yaml#/responses/Pet"}
    default: {$ref: "../shared.yaml#/responses/Problem"}
""",
    "paths/all.yaml": """
dogs:
  post:
    operationId: addDog
    requestBody: {$ref: "../shared.yaml#/bodies/Dog"}
    responses: {"204": {description: Done.}}
""",
    "shared.yaml": """
parameters:
  Id: {name: id, in: path, required: true, schema: {$ref: "schemas.json#/Id"}}
bodies:
  Dog:
    required: true
    content: {application/json: {schema: {$ref: "schemas.json#/Dog"}}}
responses:
  Pet:
    description: A pet.
    headers: {X-Id: {$ref: "#/headers/Id"}}
    content: {application/json: {schema: {$ref: "schemas.json#/Pet"}}}
  Problem: {description: A problem.}
headers:
  Id: {schema: {$ref: "schemas.json#/Id"}}
""",
    "schemas.json": json.dumps(
        {
            "Id": {"type": "integer", "minimum": 1},
            "Pet": {
                "oneOf": [{"$ref": "#/Dog"}, {"$ref": "cat.json"}],
                "discriminator": {
                    "propertyName": "kind",
                    "mapping": {"dog": "#/Dog", "cat": "cat.json"},
                },
            },
            "Dog": {
                "type": "object",
                "properties": {
                    "name": {"$ref": "openapi.yaml#/components/schemas/Name"},
                    "friends": {"type": "array", "items": {"$ref": "#/Dog"}},
                },
                "required": ["name"],
            },
        }
    ),
    "cat.json": json.dumps({"type": "object", "properties": {"enemy": {"$ref": "#"}}}),
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "openapi.yaml"


def references_in(value: Any) -> list[str]:
    if isinstance(value, list):
        return [each for item in value for each in references_in(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [each for item in value.values() for each in references_in(item)]


def test_a_document_of_several_files_becomes_one_that_is_self_contained(tmp_path: Path) -> None:
    data = load_document(write(tmp_path, FILES))
    assert Document(data).problems() == []
    assert all(reference.startswith("#/components/") for reference in references_in(data))
    components = data["components"]
    assert set(components["schemas"]) == {"Name", "Id", "Pet", "Dog", "cat"}
    assert set(components["parameters"]) == {"Id"}
    assert set(components["requestBodies"]) == {"Dog"}
    assert set(components["responses"]) == {"Pet", "Problem"}
    assert set(components["headers"]) == {"Id"}
    assert components["schemas"]["Pet"]["discriminator"]["mapping"] == {
        "dog": "#/components/schemas/Dog",
        "cat": "#/components/schemas/cat",
    }
    again = tmp_path / "elsewhere" / "exported.yaml"
    again.parent.mkdir()
    again.write_bytes(encode_document(data, form="yaml"))
    assert load_document(again) == data


@pytest.mark.parametrize(
    "reference",
    [
        "../secret.yaml#/A",
        "inner/../../secret.yaml#/A",
        "%2e%2e/secret.yaml#/A",
        "/etc/hostname",
        "file:///etc/hostname",
        "https://example.com/a.yaml#/A",
        "//example.com/a.yaml",
        "link.yaml#/A",
        "missing.yaml#/A",
        "inner",
        "a\\0b.yaml",
        "other.yaml#/Nothing",
    ],
)
def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, reference: str) -> None:
    (tmp_path / "secret.yaml").write_text("A: {const: secret}")
    folder = tmp_path / "api"
    (folder / "inner").mkdir(parents=True)
    (folder / "other.yaml").write_text("A: {}")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {},
        "components": {"schemas": {"A": {"$ref": reference.replace("\\0", "\0")}}},
    }
    path = folder / "openapi.json"
    path.write_text(json.dumps(spec))
    data = load_document(path)
    assert data == spec
    [problem] = Document(data).problems()
    assert problem.startswith("/components/schemas/A/$ref: ")


def test_a_file_in_the_folder_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    broken = {"openapi.yaml": MAIN, "paths/pet.yaml": "{", "paths/all.yaml": "dogs: {}"}
    with pytest.raises(DocumentError, match=r"paths/pet\.yaml: cannot be read"):
        load_document(write(tmp_path, broken))


def test_references_in_circular_files_end(tmp_path: Path) -> None:
    files = {
        "openapi.yaml": MAIN.replace("paths/pet.yaml", "loop.yaml"),
        "paths/all.yaml": FILES["paths/all.yaml"].replace("../shared.yaml", "../shared.yaml"),
        "shared.yaml": FILES["shared.yaml"],
        "schemas.json": FILES["schemas.json"],
        "cat.json": FILES["cat.json"],
        "loop.yaml": "$ref: loop.yaml",
    }
    data = load_document(write(tmp_path, files))
    assert any("is circular" in problem for problem in Document(data).problems())


def test_names_that_are_in_use_get_a_number(tmp_path: Path) -> None:
    schemas = "{A: {$ref: 'a.yaml#/A'}, B: {$ref: 'b.yaml#/A'}}"
    files = {
        "openapi.yaml": "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths: {}\n"
        f"components: {{schemas: {schemas}}}",
        "a.yaml": "A: {type: string}",
        "b.yaml": "A: {type: integer}",
    }
    found = load_document(write(tmp_path, files))["components"]["schemas"]
    assert found == {
        "A": {"$ref": "#/components/schemas/A_2"},
        "B": {"$ref": "#/components/schemas/A_3"},
        "A_2": {"type": "string"},
        "A_3": {"type": "integer"},
    }


def test_references_by_uri_are_left_to_json_schema(tmp_path: Path) -> None:
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {},
        "components": {
            "schemas": {
                "A": {"$id": "https://example.com/a", "type": "string"},
                "B": {"$ref": "https://example.com/a"},
                "C": {"$id": "c.json", "$ref": "a"},
                "D": {"$ref": "c.json"},
            }
        },
    }
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(spec))
    assert load_document(path) == spec
    assert Document(load_document(path)).problems() == []


def test_the_schema_of_an_item_may_be_in_another_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("A: {type: object}")
    content = {"application/jsonl": {"x-item-schema": {"$ref": "s.yaml#/A"}}}
    answer = {"description": "All.", "content": content}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/x": {"get": {"responses": {"200": answer}}}},
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    loaded = load_document(tmp_path / "a.json")
    media = loaded["paths"]["/x"]["get"]["responses"]["200"]["content"]["application/jsonl"]
    assert media == {"x-item-schema": {"$ref": "#/components/schemas/A"}}
    assert loaded["components"]["schemas"] == {"A": {"type": "object"}}
