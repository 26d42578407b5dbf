"""The root path of requests: from the settings, or from a proxy that is trusted."""

from __future__ import annotations

import json

import pytest

from photon_runtime.http import (
    Request,
    Response,
    ServerSettings,
    SetCookie,
    current_root_path,
    parse_root_path,
)
from photon_runtime.testing import live_server

TRUSTING = ServerSettings(trusted_proxies=("127.0.0.1",))


def handle(request: Request) -> Response:
    seen = {
        "root_path": request.root_path,
        "raw_path": request.raw_path,
        "target": request.target,
        "url": request.url,
        "current": current_root_path(),
    }
    return Response(body=json.dumps(seen), content_type="application/json")


def seen(
    target: str,
    *prefixes: str,
    settings: ServerSettings = TRUSTING,
    name: str = "X-Forwarded-Prefix",
) -> tuple[str, str, str]:
    """Return root path, path and URL of a request with these prefixes."""
    fields = "".join(f"X-Forwarded-Prefix: {prefix}\r\n" for prefix in prefixes)
    head = f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"
    with live_server(handle, settings=settings) as server:
        wire = server.exchange(head.encode("latin-1"), timeout=5)
    values = json.loads(wire.partition(b"\r\n\r\n")[2])
    assert values["current"] == (values["root_path"] or values["current"])
    assert values["target"].partition("?")[0] == values["raw_path"]
    return values["root_path"], values["raw_path"], values["url"]


@pytest.mark.parametrize("target", ["/items?x=1", "/shop/items?x=1"])
def test_a_prefix_that_was_stripped_and_one_that_was_kept_are_the_same(target: str) -> None:
    assert seen(target, "/shop") == ("/shop", "/items", "http://a/shop/items?x=1")
    settings = ServerSettings(root_path="/shop/")
    assert seen(target, settings=settings) == ("/shop", "/items", "http://a/shop/items?x=1")


def test_only_whole_segments_are_the_root_path() -> None:
    assert seen("/shopping", "/shop")[:2] == ("/shop", "/shopping")
    assert seen("/shop", "/shop")[:2] == ("/shop", "/")
    assert seen("/shop?x", "/shop") == ("/shop", "/", "http://a/shop/?x")


def test_a_proxy_that_is_not_trusted_states_nothing() -> None:
    assert seen("/a", "/shop", settings=ServerSettings())[0] == ""
    settings = ServerSettings(trusted_proxies=("10.0.0.1",))
    assert seen("/a", "/shop", settings=settings)[0] == ""
    settings = ServerSettings(trusted_proxies=("127.0.0.1",), proxy_fields="forwarded")
    assert seen("/a", "/shop", settings=settings)[0] == ""


def test_what_a_proxy_states_overrides_the_settings() -> None:
    settings = ServerSettings(trusted_proxies=("127.0.0.1",), root_path="/own")
    assert seen("/a", settings=settings)[0] == "/own"
    assert seen("/a", "/shop", settings=settings)[0] == "/shop"
    assert seen("/a", "//evil.example", settings=settings)[0] == "/own"
    assert seen("/a", "/", settings=settings)[0] == ""


def test_the_rightmost_value_is_the_one_of_the_trusted_proxy() -> None:
    assert seen("/a", "/evil, /shop")[0] == "/shop"
    assert seen("/a", "/evil", "/shop")[0] == "/shop"


INVALID = [
    *("//evil.example", "/a//b", "shop", "http://evil.example/a", "https:/evil", "javascript:x"),
    *("/a/../b", "/..", "/.", "/./a", "/a/%2e%2e/b", "/a%2fb", "/a%5cb", "/\\evil", "/a\\b"),
    *("/a?b", "/a#b", "/a b", "/a;b", '/a"b', "/a<b>", "/a'b", "/a%", "/a%0d%0aX: y", "/\xe9"),
    *("/a\tb", "/a%00", "/a&b", "/a(b)"),
]


@pytest.mark.parametrize("text", INVALID)
def test_what_is_not_a_plain_path_is_no_root_path(text: str) -> None:
    assert parse_root_path(text) is None
    with pytest.raises(ValueError, match="a root path is a path such as /shop"):
        ServerSettings(root_path=text)


@pytest.mark.parametrize("text", ["//evil.example", "/a/../b", "/a b", "https://evil.example", "a"])
def test_an_invalid_prefix_is_ignored(text: str) -> None:
    assert seen("/a", text)[:2] == ("", "/a")


@pytest.mark.parametrize(
    ("text", "root_path"),
    [
        ("", ""),
        ("/", ""),
        ("/shop", "/shop"),
        ("/shop/", "/shop"),
        ("/a/b-c/d.e/~f_g", "/a/b-c/d.e/~f_g"),
        ("/caf%C3%A9", "/caf%C3%A9"),
        ("/...", "/..."),
        ("/a:b@c", "/a:b@c"),
    ],
)
def test_plain_paths_are_root_paths(text: str, root_path: str) -> None:
    assert parse_root_path(text) == root_path


def test_cookies_are_below_the_root_path() -> None:
    assert SetCookie("a").below("/shop").path == "/shop"
    assert SetCookie("a", path="/admin").below("/shop").path == "/shop/admin"
    assert SetCookie("a", path="/shop/admin").below("/shop").path == "/shop/admin"
    assert SetCookie("__Host-a").below("/shop").path == "/"
    assert SetCookie("a").below("").path == "/"
