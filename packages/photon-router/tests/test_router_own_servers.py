from __future__ import annotations

from typing import Any

import pytest

from photon_router._own_servers import put_own_servers_first


def urls(servers: list[dict[str, Any]], root_path: str) -> list[str]:
    data = put_own_servers_first({"servers": servers}, root_path)
    return [each["url"] for each in data["servers"]]


@pytest.mark.parametrize(
    ("servers", "root_path", "expected"),
    [
        ([], "", ["/"]),
        ([], "/shop", ["/shop"]),
        (["/"], "", ["/"]),
        (["https://api.example/v1"], "", ["/v1", "https://api.example/v1"]),
        (["https://api.example/v1"], "/shop", ["/shop/v1", "https://api.example/v1"]),
        (["https://api.example/shop"], "/shop", ["/shop", "https://api.example/shop"]),
        (
            ["https://a.example", "https://b.example/"],
            "",
            ["/", "https://a.example", "https://b.example/"],
        ),
        (["https://a.example/x", "/y"], "", ["/x", "/y", "https://a.example/x"]),
    ],
)
def test_the_own_server_is_first(servers: list[str], root_path: str, expected: list[str]) -> None:
    assert urls([{"url": url} for url in servers], root_path) == expected


def test_a_path_and_an_operation_with_servers_get_their_own_too() -> None:
    other = [{"url": "https://other.example/z"}]
    operation: dict[str, Any] = {"servers": list(other)}
    item: dict[str, Any] = {"servers": list(other), "get": operation, "post": {}}
    put_own_servers_first({"paths": {"/a": item}}, "/shop")
    for each in (item, operation):
        assert [server["url"] for server in each["servers"]] == [
            "/shop/z",
            "https://other.example/z",
        ]
    assert item["post"] == {}
