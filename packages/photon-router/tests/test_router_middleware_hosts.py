from __future__ import annotations

import pytest

from photon_router import Application, HttpError, Request, Response
from photon_router.middleware import TrustedHosts
from photon_router.middleware._hosts import name_of_host
from photon_runtime.http import ServerSettings
from photon_runtime.testing import live_server

OURS = TrustedHosts(hosts=["shop.example", "*.api.example", "[::1]"])


@pytest.mark.parametrize(
    "host",
    [
        "shop.example",
        "SHOP.example",
        "shop.example.",
        "shop.example:8000",
        "shop.example:",
        "a.api.example",
        "a.b.api.example",
        "[::1]:80",
    ],
)
def test_our_own_names_are_served_whatever_the_port(host: str) -> None:
    assert OURS.trusts(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "api.example",
        "evilapi.example",
        "shop.example.evil.example",
        "shop.example/",
        "shop.example:80:80",
        "shop.example:x",
        "evil.example#.api.example",
        "evil.example/.api.example",
        "user@shop.example",
        "shop.example, evil.example",
        "shop.example\n",
        "::1",
        ".",
    ],
)
def test_other_names_and_garbage_are_not(host: str) -> None:
    assert not OURS.trusts(host)


def test_a_star_is_every_name_but_no_garbage() -> None:
    anything = TrustedHosts(hosts=["*"])
    assert anything.trusts("whatever.example:1")
    assert not anything.trusts("a b")


def test_health_is_told_under_every_name() -> None:
    request = Request("GET", "/health", [(b"host", b"10.0.0.7:8000")])
    assert OURS(request, lambda request: Response()).status == 200
    request = Request("GET", "/%68ealth", [(b"host", b"10.0.0.7:8000")])
    with pytest.raises(HttpError):
        OURS(request, lambda request: Response())


def test_a_request_for_another_host_is_400_whatever_the_path() -> None:
    with live_server(Application(middleware=[OURS])) as server:
        for path in (b"/", b"/docs"):
            told = server.exchange(
                b"GET %b HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n" % path
            )
            assert told.startswith(b"HTTP/1.1 400 ")
            assert b"application/problem+json" in told
        told = server.exchange(b"GET /docs HTTP/1.0\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 400 ")
        told = server.exchange(
            b"GET /docs HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
        )
        assert told.startswith(b"HTTP/1.1 200 ")


def test_of_an_absolute_target_its_own_host_counts() -> None:
    head = b"GET http://%b/docs HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
    with live_server(Application(middleware=[OURS])) as server:
        told = server.exchange(head % (b"evil.example", b"shop.example"))
        assert told.startswith(b"HTTP/1.1 400 ")
        told = server.exchange(head % (b"shop.example", b"evil.example"))
        assert told.startswith(b"HTTP/1.1 200 ")


def test_the_host_that_counts_is_the_one_that_trusted_proxies_tell() -> None:
    head = b"GET /docs HTTP/1.1\r\nHost: inner\r\nX-Forwarded-Host: shop.example\r\n"
    app = Application(middleware=[OURS])
    trusting = ServerSettings(trusted_proxies=("127.0.0.1",), shutdown_timeout=5.0)
    with live_server(app, settings=trusting) as server:
        assert server.exchange(head + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    with live_server(app) as server:
        assert server.exchange(head + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "name", ["https://shop.example", "shop.example:80", "*shop.example", "Shop.example", "", "a/b"]
)
def test_names_that_cannot_be_meant_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a host has the form"):
        TrustedHosts(hosts=[name])


def test_at_least_one_host_is_named() -> None:
    with pytest.raises(ValueError, match="at least one"):
        TrustedHosts(hosts=[])
    with pytest.raises(TypeError, match="hosts is a list of strings"):
        TrustedHosts(hosts="shop.example")


def test_a_name_has_no_port_and_no_final_dot() -> None:
    assert name_of_host("Shop.Example.:80") == "shop.example"
    assert name_of_host("a b") is None
