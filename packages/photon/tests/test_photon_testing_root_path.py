"""Every address that an application makes is below the root path that clients see it at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from photon import Photon, PhotonWebSocket, Redirect, Request, StaticFiles
from photon.testing import Client, LiveClient, live_client
from photon_router import Html
from photon_router.middleware import HttpsRedirect, Sessions, session_of
from photon_runtime.http import ServerSettings
from photon_runtime.settings import load_settings
from photon_templates import TemplatesPart, render_template

SECRET = "0123456789012345678901234567890123456789"
TRUSTING = ServerSettings(trusted_proxies=("127.0.0.1",))
PAGE = "{{ url_for('about') }} {{ absolute_url(url_for('about')) }}"


def site(folder: Path, environ: dict[str, str] | None = None, **options: Any) -> Photon:
    (folder / "static" / "sub").mkdir(parents=True)
    (folder / "static" / "site.css").write_text("body {}")
    (folder / "static" / "sub" / "index.html").write_text("<p>")
    (folder / "templates").mkdir()
    (folder / "templates" / "page.html").write_text(PAGE)
    (folder / "photon.toml").write_text('[templates]\nbase_url = "https://a.example/shop"\n')
    files = StaticFiles(folder / "static")
    app = Photon(title="Site", version="1", **options)
    app.add(TemplatesPart())
    app.middleware(Sessions(secret=SECRET, cookie="session", secure=False))
    app.mount("/static", files)
    app.use_settings(load_settings(folder, environment="production", environ=environ or {}))

    @app.get("/about")
    def about(request: Request) -> dict[str, str]:
        return {"url": request.url, "css": files.url("site.css")}

    @app.get("/go")
    def go() -> Redirect:
        return Redirect(app.url_for("about"))

    @app.get("/login")
    def login(request: Request) -> dict[str, int]:
        session = session_of(request)
        session["count"] = session.get("count", 0) + 1
        return {"count": session["count"]}

    @app.get("/page")
    def page() -> Html:
        return render_template("page.html")

    @app.websocket("/sockets/{room}")
    def chat(socket: PhotonWebSocket, room: str) -> None:
        socket.send_text(socket.request.root_path + socket.request.path)

    return app


STATIC = {"PHOTON__SERVER__ROOT_PATH": "/shop"}


def check_addresses(client: Client | LiveClient, prefix: str, headers: dict[str, str]) -> None:
    """Check every kind of address; ``prefix`` is what the proxy keeps of the root path."""

    def get(path: str) -> Any:
        return client.get(prefix + path, headers=headers)

    about = get("/about?x=1").json()
    assert about["url"].endswith("/shop/about?x=1")
    assert re.fullmatch(r"/shop/static/site\.[0-9a-f]+\.css", about["css"])
    assert get(about["css"].removeprefix("/shop")).text == "body {}"
    assert get("/go").headers["location"] == "/shop/about"
    assert get("/static/sub?x").headers["location"] == "/shop/static/sub/?x"
    assert "Path=/shop;" in get("/login").headers["set-cookie"]
    assert get("/page").text == "/shop/about https://a.example/shop/about"
    assert get("/nowhere").status_code == 404

    page = get("/docs").text
    addresses = re.findall(r'(?:src|href|data-document)="([^"]+)"', page)
    assert addresses
    assert all(each.startswith("/shop/docs/") for each in addresses)
    assert all(get(each.removeprefix("/shop")).status_code == 200 for each in addresses)
    own = {"url": "/shop", "description": "This server"}
    assert get("/docs/openapi.json").json()["servers"][0] == own
    assert get("/openapi.json").json()["servers"][0] == own
    [channel] = get("/asyncapi.json").json()["channels"].values()
    assert channel["address"] == "/shop/sockets/{room}"
    assert 'href="/shop/docs/sockets.css"' in get("/docs/sockets").text

    with client.websocket(f"{prefix}/sockets/a", headers=headers) as socket:
        assert socket.receive_text() == "/shop/sockets/a"


def test_a_client_in_process_sees_the_root_path_of_the_settings(tmp_path: Path) -> None:
    with Client(site(tmp_path, STATIC), follow_redirects=False) as client:
        check_addresses(client, "", {})
        check_addresses(client, "/shop", {})
        assert [client.get("/login").json()["count"] for _ in range(2)] == [3, 4]


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "/shop"])
def test_a_trusted_proxy_may_strip_or_keep_the_root_path(tmp_path: Path, prefix: str) -> None:
    with live_client(site(tmp_path), settings=TRUSTING) as client:
        check_addresses(client, prefix, {"x-forwarded-prefix": "/shop"})
        assert client.get("/about").json()["url"].endswith("/about")
        assert client.get("/docs/openapi.json").json()["servers"][0]["url"] == "/"


def test_addresses_outside_of_requests_are_below_that_of_the_settings(tmp_path: Path) -> None:
    app = site(tmp_path, STATIC)
    assert (app.root_path, app.url_for("about")) == ("/shop", "/shop/about")


def test_servers_may_name_the_path_that_the_proxy_strips(tmp_path: Path) -> None:
    app = site(tmp_path, STATIC, servers=["https://a.example/shop"])
    with Client(app) as client:
        assert client.get("/about").json()["url"] == "http://testserver/shop/about"
        assert client.get("/go").headers["location"] == "/shop/about"
        css = client.get("/about").json()["css"]
        assert css.startswith("/shop/static/")
        assert client.get(css).text == "body {}"
        servers = client.get("/docs/openapi.json").json()["servers"]
        assert [each["url"] for each in servers] == ["/shop", "https://a.example/shop"]


def test_https_redirects_to_the_public_path(tmp_path: Path) -> None:
    app = site(tmp_path, STATIC, middleware=[HttpsRedirect()])
    with Client(app) as client:
        assert client.get("/about?a").headers["location"] == "https://testserver/shop/about?a"
