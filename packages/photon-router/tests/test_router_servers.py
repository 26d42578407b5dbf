from typing import Any

import pytest

from photon_router import Application, DocumentError
from photon_runtime.http import Request


def answer() -> dict[str, Any]:
    return {"responses": {"204": {"description": "Done."}}}


def document(**paths: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://example.com/v1"}, {"url": "http://localhost:8000/"}],
        "paths": {f"/{name}": item for name, item in paths.items()},
    }


def served(spec: dict[str, Any], *names: str) -> Any:
    router = Application(spec=spec)
    for name in names:
        router.operation(name)(lambda: None)
    return router.start()


def test_operations_are_served_below_every_server_and_the_nearest_ones_count() -> None:
    spec = document(
        a={"get": answer() | {"operationId": "a"}},
        b={"servers": [{"url": "/v2"}], "get": answer() | {"operationId": "b"}},
        c={
            "servers": [{"url": "/v2"}],
            "get": answer() | {"operationId": "c", "servers": [{"url": "/v3"}]},
        },
    )
    with served(spec, "a", "b", "c") as handler:
        found = {
            target: handler(Request("GET", target, [])).status
            for target in ("/v1/a", "/a", "/v2/a", "/v2/b", "/b", "/v3/c", "/v2/c")
        }
    assert [target for target, status in found.items() if status == 204] == [
        "/v1/a",
        "/a",
        "/v2/b",
        "/v3/c",
    ]


def test_the_first_server_names_the_route() -> None:
    with served(document(a={"get": answer() | {"operationId": "a"}}), "a") as handler:
        request = Request("GET", "/a", [])
        handler(request)
    assert request.route is not None
    assert request.route.template == "/v1/a"


def test_operations_that_meet_below_two_servers_are_a_problem() -> None:
    spec = document(**{"v1/a": {"get": answer() | {"operationId": "b"}}})
    spec["paths"]["/a"] = {"get": answer() | {"operationId": "a"}}
    with pytest.raises(DocumentError, match="is ambiguous with") as raised, served(spec, "a", "b"):
        pass
    assert len(raised.value.problems) == 1


def test_a_variable_that_is_not_declared_is_a_problem() -> None:
    spec = document(a={"get": answer() | {"operationId": "a"}})
    spec["servers"] = [{"url": "/{base}"}]
    with pytest.raises(DocumentError, match="'base' is not declared"), served(spec, "a"):
        pass
