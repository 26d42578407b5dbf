from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from folders import put
from photon_openapi.errors import DocumentError
from photon_router import Application, StaticFiles
from photon_router.static import StaticSettings
from photon_runtime.errors import PhotonError
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server


def app_of(root: Path, section: str) -> Application:
    (root / "photon.toml").write_text(f"[static]\n{section}\n")
    app = Application()
    app.use_settings(load_settings(root, environment="production", environ={}))
    return app


def test_the_section_serves_a_folder_of_the_project(tmp_path: Path) -> None:
    put(tmp_path / "public" / "index.html", "home")
    put(tmp_path / "public" / "img" / "a.svg", "<svg/>")
    app = app_of(
        tmp_path,
        """
        folder = "public"
        url = "/"
        fallback = "index.html"
        max_age = 60
        cache_control = { "img/*" = "public, max-age=3600" }
        """,
    )
    with live_server(app) as server:
        assert server.request("GET", "/").body == b"home"
        answer = server.request("GET", "/img/a.svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert server.request("GET", "/route", headers={"Accept": "text/html"}).body == b"home"


def test_code_reaches_the_files_of_the_section(tmp_path: Path) -> None:
    put(tmp_path / "public" / "site.css", "body {}")
    app = app_of(tmp_path, 'folder = "public"\nurl = "/assets"\nprivate = true')
    address = app.static.url("site.css")  # also before the start
    assert re.fullmatch(r"/assets/site\.[0-9a-f]{16}\.css", address)

    @app.get("/page")
    def page() -> str:
        return app.static.url("site.css")

    with live_server(app) as server:
        assert server.request("GET", "/page").text == f'"{address}"'
        answer = server.request("GET", address)
        assert (answer.status, answer.body) == (200, b"body {}")
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"


def test_two_applications_have_files_of_their_own(tmp_path: Path) -> None:
    put(tmp_path / "one" / "x.txt", "1")
    put(tmp_path / "two" / "x.txt", "2")
    one = app_of(tmp_path, 'folder = "one"')
    two = app_of(tmp_path, 'folder = "two"\nbase_url = "https://cdn.example"')
    assert one.static.url("x.txt").startswith("/static/x.")
    assert two.static.url("x.txt").startswith("https://cdn.example/x.")
    one.use_settings(load_settings(tmp_path, environment="production", environ={}))
    assert one.static.folder == two.static.folder


def test_without_a_folder_the_code_says_what_is_missing(tmp_path: Path) -> None:
    for app in (Application(), app_of(tmp_path, "")):
        with pytest.raises(RuntimeError, match=r"have no folder of static files: see \[static\]"):
            _ = app.static


def test_a_folder_that_is_not_there_does_not_keep_the_settings_away(tmp_path: Path) -> None:
    app = app_of(tmp_path, 'folder = "none"')  # not built yet; commands that serve nothing go on
    with pytest.raises(PhotonError, match="the folder of static files does not exist"):
        _ = app.static


def test_without_a_folder_nothing_is_served(tmp_path: Path) -> None:
    with live_server(app_of(tmp_path, "")) as server:
        assert server.request("GET", "/static/").status == 404


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('folder = "none"', "the folder of static files does not exist: '.*none'"),
        ('folder = "."\nfallback = "none.html"', r"the file 'none\.html' does not exist"),
        ('folder = "."\nfallback = "/x"', r"\[static\].*`fallback` is a relative path"),
        ('folder = "."\nurl = "static"', "begins with a slash"),
        ('folder = "."\nmax_age = -1', "max_age"),
        ('foldr = "."', "did you mean `folder`"),
    ],
)
def test_what_is_wrong_is_told_at_the_start(tmp_path: Path, section: str, message: str) -> None:
    with (
        pytest.raises(PhotonError, match=message),
        app_of(tmp_path, section).start(),
    ):
        pass


def test_two_mounts_at_one_place_are_refused(tmp_path: Path) -> None:
    app = app_of(tmp_path, 'folder = "."')
    app.mount("/static", StaticFiles(tmp_path))
    with pytest.raises(DocumentError, match="move one of them"), app.start():
        pass


def test_the_command_line_knows_the_section() -> None:
    (found,) = entry_points(group="photon.settings", name="static")
    assert found.load() is StaticSettings
