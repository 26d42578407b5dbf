from typing import Any

from photon_router import Application
from photon_runtime.testing import send_request


def document(**schemas: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {},
        "components": {"schemas": schemas},
    }


def test_a_parameter_may_refer_to_a_schema_by_any_means() -> None:
    data = document(Named={"$anchor": "named", "type": "integer", "minimum": 3, "default": 5})
    parameter = {"name": "n", "in": "query", "schema": {"$ref": "#named"}}
    responses = {"200": {"description": "Fine."}}
    read = {"operationId": "read", "parameters": [parameter], "responses": responses}
    data["paths"] = {"/x": {"get": read}}
    router = Application(spec=data)
    router.operation("read")(lambda n: n)
    with router.start() as handler:
        assert send_request(handler, "GET", "/x?n=7").body == b"7"
        assert send_request(handler, "GET", "/x?n=2").status == 422
        assert send_request(handler, "GET", "/x").body == b"5"
