import logging

import pytest

from photon_runtime.http import HttpError, Peer, Request
from photon_runtime.testing import make_request
from photon_ws.protocol import Origins


def request(*origins: str, host: str = "shop.example", scheme: str = "http") -> Request:
    fields = [("host", host), *(("origin", origin) for origin in origins)]
    return make_request("GET", "/", headers=fields, scheme=scheme)


def is_allowed(request: Request, *allowed: str) -> bool:
    try:
        Origins(allowed).check(request)
    except HttpError as error:
        return (error.status, error.detail) != (403, "origin not allowed")
    return True


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("http", "shop.example", "http://shop.example"),
        ("http", "SHOP.example", "http://shop.example"),
        ("http", "shop.example:80", "http://shop.example"),
        ("http", "shop.example", "http://shop.example:80"),
        ("https", "shop.example:443", "https://shop.example"),
        ("http", "shop.example:8000", "http://shop.example:8000"),
        ("http", "shop.example:443", "http://shop.example:443"),
        ("http", "[::1]:8000", "http://[::1]:8000"),
        ("http", "[2001:DB8::1]", "http://[2001:db8::1]"),
        ("http", "127.0.0.1", "http://127.0.0.1"),
        ("http", "under_score.example", "http://under_score.example"),
    ],
)
def test_pages_of_the_application_may_connect(scheme: str, host: str, origin: str) -> None:
    assert is_allowed(request(origin, host=host, scheme=scheme))


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://shop.example",
        "http://shop.example:8000",
        "http://shop.example:443",
        "http://shop.example.evil.example",
        "http://evilshop.example",
        "http://sub.shop.example",
        "http://shop.example.",
        "http://shop.example/",
        "http://shop.example/path",
        "http://user@shop.example",
        "http://shop.example@evil.example",
        "http://shop.example#",
        "http://shop.example http://shop.example",
        "http://shop.example, http://shop.example",
        "//shop.example",
        "shop.example",
        "null",
        "NULL",
        "",
        "*",
        "file://",
        "http://",
    ],
)
def test_other_origins_are_refused(origin: str) -> None:
    assert not is_allowed(request(origin))
    assert not is_allowed(request(origin), "https://other.example")


def test_clients_that_are_not_browsers_may_connect() -> None:
    assert is_allowed(request())


def test_several_origins_are_refused() -> None:
    assert not is_allowed(request("http://shop.example", "http://shop.example"))


def test_listed_origins_may_connect() -> None:
    allowed = ("https://Shop.example:443", "http://localhost:3000", "capacitor://localhost")
    for origin in ("https://shop.example", "http://localhost:3000", "capacitor://localhost"):
        assert is_allowed(request(origin, host="api.example"), *allowed)
    for origin in ("http://shop.example", "http://localhost", "https://localhost:3000", "null"):
        assert not is_allowed(request(origin, host="api.example"), *allowed)
    assert is_allowed(request("http://api.example", host="api.example"), *allowed)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "anything"])
def test_all_origins_may_be_allowed(origin: str) -> None:
    assert is_allowed(request(origin), "*")


@pytest.mark.parametrize("value", ["null", "shop.example", "https://shop.example/", "https://*.a"])
def test_values_that_browsers_never_send_cannot_be_listed(value: str) -> None:
    with pytest.raises(ValueError, match="an origin has the form"):
        Origins([value])


def test_single_string_cannot_be_listed() -> None:
    with pytest.raises(TypeError, match="a list of strings"):
        Origins("https://shop.example")


def test_scheme_and_host_are_those_that_a_trusted_proxy_states() -> None:
    forwarded = request("https://shop.example", host="10.0.0.7:8000")
    assert not is_allowed(forwarded)
    forwarded._peer = Peer(("10.0.0.1", 1234), scheme="https", host="shop.example")
    assert is_allowed(forwarded)


def test_log_says_what_to_set_behind_a_proxy(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "photon.websocket"):
        assert not is_allowed(request("https://shop.example"))
    assert "https://shop.example" in caplog.text
    assert "trusted_proxies" in caplog.text
