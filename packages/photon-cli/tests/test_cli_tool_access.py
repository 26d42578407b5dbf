"""The tools of ``photon dev`` serve the pages of their own server, under its own names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from photon_cli._dev_settings import DevSettings
from photon_cli._development import DevelopmentHandler, FailedStart
from photon_cli._page_reload import PageReload
from photon_cli._tool_access import AllowedHosts
from photon_runtime.http import Request, Response
from photon_runtime.testing import in_hub

if TYPE_CHECKING:
    from photon_runtime.http import Handler

LOOPBACK = ("127.0.0.1", 50000)
TOOLS = ["events", "reload.js", "error.css", "error.js"]
NAMED = AllowedHosts.of([("192.168.1.5", 8000)], ["dev.example", "*.tunnel.example"])
EVERY = AllowedHosts.of([("0.0.0.0", 8000)])


def page(request: Request) -> Response:
    return Response(body="<!doctype html><p>x", content_type="text/html")


def respond(
    *fields: tuple[str, str],
    path: str = "/_photon/dev/events",
    hosts: AllowedHosts = AllowedHosts(),  # noqa: B008 - it is immutable
) -> Response:
    handler = DevelopmentHandler(page, Path(), pages=PageReload("v1"), hosts=hosts)
    return ask(handler, path, *fields)


def ask(handler: Handler, path: str, *fields: tuple[str, str]) -> Response:
    names = dict(fields)
    names.setdefault("host", "localhost:8000")
    raw = [(name.encode(), value.encode()) for name, value in names.items()]
    return handler(Request("GET", path, raw, None, LOOPBACK))


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    "fields",
    [
        [("host", "evil.example:8000")],
        [("host", "evil.example:8000"), ("origin", "http://evil.example:8000")],
        [("host", "evil.example:8000"), ("sec-fetch-site", "same-origin")],
        [("host", "localhost.evil.example")],
        [("host", "127.0.0.1.evil.example")],
        [("host", "localhost@evil.example")],
        [("host", "192.168.1.6:8000")],
        [("origin", "http://evil.example")],
        [("origin", "http://evil.example:8000")],
        [("origin", "http://localhost:3000")],
        [("origin", "http://localhost")],
        [("origin", "http://localhost:8000.evil.example")],
        [("origin", "localhost:8000")],
        [("origin", "null")],
        [("origin", "")],
        [("origin", "file://")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8000")],
        [("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")],
    ],
)
@in_hub
def test_other_sites_and_unknown_hosts_are_refused(
    tool: str, fields: list[tuple[str, str]]
) -> None:
    response = respond(*fields, path=f"/_photon/dev/{tool}")
    assert response.status == 403
    assert response.header("access-control-allow-origin") is None
    assert ask(FailedStart(None, PageReload()), f"/_photon/dev/{tool}", *fields).status == 403


@in_hub
def test_one_of_two_origins_is_enough_to_refuse() -> None:
    raw = [(b"host", b"localhost"), (b"origin", b"http://evil.example")]
    handler = DevelopmentHandler(page, Path(), pages=PageReload())
    for fields in ([*raw, (b"origin", b"http://localhost")], [*raw[:1], *raw[1:] * 2]):
        assert handler(Request("GET", "/_photon/dev/events", fields, None, LOOPBACK)).status == 403


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("host", "")],
        [("host", "LOCALHOST:8000")],
        [("host", "shop.localhost:8000")],
        [("host", "127.0.0.1:8000")],
        [("host", "[::1]:8000")],
        [("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "none")],
        [("origin", "http://localhost:8000")],
        [("origin", "https://localhost:8000")],
        [("host", "localhost"), ("origin", "http://localhost:80")],
        [("host", "localhost:443"), ("origin", "https://localhost")],
    ],
)
@in_hub
def test_the_own_pages_are_served(tool: str, fields: list[tuple[str, str]]) -> None:
    assert respond(*fields, path=f"/_photon/dev/{tool}").status == 200
    assert ask(FailedStart(None, PageReload()), f"/_photon/dev/{tool}", *fields).status == 200


@pytest.mark.parametrize(
    ("host", "hosts", "is_allowed"),
    [
        ("192.168.1.5:8000", NAMED, True),
        ("192.168.1.6:8000", NAMED, False),
        ("dev.example", NAMED, True),
        ("DEV.example.:8000", NAMED, True),
        ("x.dev.example", NAMED, False),
        ("a.tunnel.example", NAMED, True),
        ("tunnel.example", NAMED, False),
        ("eviltunnel.example", NAMED, False),
        ("192.168.1.6:8000", EVERY, True),
        ("[fe80::1]:8000", EVERY, True),
        ("evil.example", EVERY, False),
        ("1.2.3.4.evil.example", EVERY, False),
        ("[fd00::5]:1", AllowedHosts.of([("fd00::5", 1, 0, 0)]), True),
        ("evil.example", AllowedHosts.of(["/run/http.sock"]), False),
        ("localhost", AllowedHosts.of(["/run/http.sock"]), True),
    ],
)
@in_hub
def test_names_of_the_server_are_allowed(host: str, hosts: AllowedHosts, is_allowed: bool) -> None:
    assert respond(("host", host), hosts=hosts).status == (200 if is_allowed else 403)
    assert (b"reload.js" in bytes_of(respond(("host", host), path="/", hosts=hosts))) is is_allowed


def bytes_of(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


@in_hub
def test_the_application_itself_is_served_to_other_sites() -> None:
    fields = [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")]
    assert respond(*fields, path="/").status == 200
    assert respond(*fields, path="/_photon/dev/unknown").status == 200


def test_hosts_of_the_settings_are_checked() -> None:
    names = ("a.example", "*.b.example", "[::1]")
    assert DevSettings(allowed_hosts=names).allowed_hosts == names
    for wrong in ("http://a.example", "a.example:80", "*", "A.example"):
        with pytest.raises(ValueError, match="a host has the form"):
            DevSettings(allowed_hosts=(wrong,))
