from __future__ import annotations

import pytest

from photon_router import Application, HttpError, Request, Response
from photon_router.middleware import HttpsRedirect
from photon_runtime.http import ServerSettings
from photon_runtime.testing import live_server

BEHIND_PROXY = ServerSettings(trusted_proxies=("127.0.0.1",), shutdown_timeout=5.0)


def place_of(layer: HttpsRedirect, target: str, host: bytes = b"shop.example:8000") -> str | None:
    request = Request("POST", target, [(b"host", host)])
    response = layer(request, lambda request: Response())
    assert response.status == 308
    return response.header("location")


def test_the_place_is_the_same_by_https() -> None:
    assert place_of(HttpsRedirect(), "/a%2Fb?c=d&e") == "https://shop.example/a%2Fb?c=d&e"
    assert place_of(HttpsRedirect(port=8443), "/") == "https://shop.example:8443/"
    assert place_of(HttpsRedirect(), "//evil.example/") == "https://shop.example//evil.example/"
    assert place_of(HttpsRedirect(), "/", b"[::1]:80") == "https://[::1]/"


def test_without_a_host_there_is_no_place() -> None:
    with pytest.raises(HttpError, match="400"):
        place_of(HttpsRedirect(), "/", b"a b")


def test_what_came_by_https_passes_and_so_does_health() -> None:
    app = Application(middleware=[HttpsRedirect()])

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    with live_server(app, settings=BEHIND_PROXY) as server:

        def ask(path: bytes, scheme: bytes) -> bytes:
            head = b"GET %b HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-Proto: %b\r\n"
            return server.exchange(head % (path, scheme) + b"Connection: close\r\n\r\n")

        assert ask(b"/hello", b"https").startswith(b"HTTP/1.1 200 ")
        told = ask(b"/hello", b"http")
        assert told.startswith(b"HTTP/1.1 308 ")
        assert b"location: https://shop.example/hello\r\n" in told
        assert ask(b"/none", b"http").startswith(b"HTTP/1.1 308 ")
        assert not ask(b"/health", b"http").startswith(b"HTTP/1.1 308 ")


def test_nobody_but_a_trusted_proxy_says_that_it_was_https() -> None:
    with live_server(Application(middleware=[HttpsRedirect()])) as server:
        told = server.exchange(
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
        )
    assert told.startswith(b"HTTP/1.1 308 ")


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="port"):
        HttpsRedirect(port=0)
    with pytest.raises(ValueError, match="a path has the form"):
        HttpsRedirect(exempt_paths=["health"])
    with pytest.raises(ValueError, match="a path has the form"):
        HttpsRedirect(exempt_paths=["/*/health"])
    with pytest.raises(TypeError, match="list of paths"):
        HttpsRedirect(exempt_paths="/health")
