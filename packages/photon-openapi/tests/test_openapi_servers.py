from typing import Any

import pytest

from photon_openapi.document._servers import MAX_BASE_PATHS, base_paths, undeclared_variables


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
