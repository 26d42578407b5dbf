import json
from pathlib import Path

from photon_router import Application
from photon_runtime.http import Request

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


def test_what_other_files_say_is_kept(tmp_path: Path) -> None:
    router = Application(spec=write(tmp_path, FILES))
    router.operation("getPet")(lambda id: {"id": id})
    router.operation("addDog")(lambda dog: None)

    def status(method: str, target: str, body: bytes = b"") -> int:
        request = Request(method, target, [(b"content-type", b"application/json")])
        request._parts.append(body)
        return handler(request).status

    with router.start() as handler:
        assert status("GET", "/pets/1") == 200
        assert status("GET", "/pets/0") == 422
        assert status("POST", "/dogs", b'{"name":"Rex","friends":[{"name":"Bo"}]}') == 204
        assert status("POST", "/dogs", b'{"name":"Rex","friends":[{"name":"B"}]}') == 422
