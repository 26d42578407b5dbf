from __future__ import annotations

import http.client
import os
from importlib.metadata import entry_points
from pathlib import Path

import attrs
import pytest

from photon_router import Router, StaticFiles
from photon_router.errors import DocumentError
from photon_router.static import StaticSettings
from photon_runtime.errors import PhotonError
from photon_runtime.settings import load_settings
from photon_runtime.testing import LiveServer, live_server

CHANGED = 1_700_000_000


@attrs.frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def shown(self) -> tuple[int, bytes]:
        return self.status, self.body


def ask(server: LiveServer, target: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, headers=fields)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, answer.read())
    finally:
        connection.close()


def put(path: Path, content: bytes | str, *, changed: int = CHANGED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (changed, changed))
    return path


def app_of(root: Path, section: str) -> Router:
    (root / "photon.toml").write_text(f"[static]\n{section}\n")
    app = Router()
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
        assert ask(server, "/").body == b"home"
        answer = ask(server, "/img/a.svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert ask(server, "/route", Accept="text/html").body == b"home"


def test_without_a_folder_nothing_is_served(tmp_path: Path) -> None:
    with live_server(app_of(tmp_path, "")) as server:
        assert ask(server, "/static/").status == 404


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('folder = "none"', "there is no folder '.*none'"),
        ('folder = "."\nfallback = "none.html"', r"there is no file 'none\.html'"),
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
