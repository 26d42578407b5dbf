from typing import Any

import pytest

from photon_router import DocumentError, Router
from photon_router.document._servers import MAX_BASE_PATHS, base_paths, undeclared_variables
from photon_runtime.http import Request


@pytest.mark.parametrize(
    ("servers", "paths"),
    [
        (None, ("",)),
        ([], ("",)),
        ([{"url": "/"}], ("",)),
        ([{"url": "https://example.com"}], ("",)),
        ([{"url": "https://example.com:8443/api/v1/"}], ("/api/v1",)),
        ([{"url": "//example.com/v1"}], ("/v1",)),
        ([{"url": "v1"}], ("/v1",)),
        ([{"url": "https://example.com/a//b"}], ("/a//b",)),
        ([{"url": "/a//b"}], ("/a//b",)),
        ([{"url": "./v1"}], ("/v1",)),
        ([{"url": "/v1?x=1#y"}], ("/v1",)),
        ([{"url": "/v1"}, {"url": "https://example.com/v2"}, {"url": "/v1"}], ("/v1", "/v2")),
        (
            [{"url": "https://{host}/{base}", "variables": {"host": {"default": "a/b"}}}],
            ("/b/{base}",),
        ),
        (
            [{"url": "/{v}/x", "variables": {"v": {"default": "v2", "enum": ["v1", "v2"]}}}],
            ("/v2/x", "/v1/x"),
        ),
    ],
    ids=str,
)
def test_the_paths_of_servers_are_read_with_their_variables(servers: Any, paths: Any) -> None:
    assert base_paths(servers) == paths


def test_the_number_of_base_paths_is_bounded() -> None:
    values = [str(number) for number in range(1000)]
    variables = {name: {"default": "0", "enum": values} for name in "abc"}
    assert len(base_paths([{"url": "/{a}/{b}/{c}", "variables": variables}])) == MAX_BASE_PATHS


def test_variables_that_are_not_declared_are_found() -> None:
    server = {"url": "https://{host}/{base}", "variables": {"host": {"default": "a"}}}
    assert undeclared_variables(server) == ["base"]


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
    router = Router(spec=spec)
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
    with pytest.raises(DocumentError, match="declared twice") as raised, served(spec, "a", "b"):
        pass
    assert len(raised.value.problems) == 1


def test_a_variable_that_is_not_declared_is_a_problem() -> None:
    spec = document(a={"get": answer() | {"operationId": "a"}})
    spec["servers"] = [{"url": "/{base}"}]
    with pytest.raises(DocumentError, match="'base' is not declared"), served(spec, "a"):
        pass
