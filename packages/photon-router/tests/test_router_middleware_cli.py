from __future__ import annotations

import inspect
import json
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from photon_router import Application, Request, Response
from photon_router._cli import middleware
from photon_router.middleware import Cors, RateLimit, RequestId, Sessions
from photon_runtime import speedups
from photon_runtime.http import Handler
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server


@attrs.define
class Project:
    application: object
    environment: str = "production"

    @property
    def is_development(self) -> bool:
        return self.environment == "development"

    def target(self, named: str | None = None) -> str:
        return named or "main:app"

    def load_app(self, target: str | None = None) -> object:
        print("noise")
        return self.application


def photon_middleware(application: object, *arguments: str) -> Result:
    return CliRunner().invoke(middleware, arguments, obj=Project(application))


def own(request: Request, call_next: Handler) -> Response:
    return call_next(request)


def by_user(request: Request) -> str | None:
    return None


APP = Application(
    middleware=[
        RequestId(),
        Cors(allow_origins=["https://a.example"], max_age=5),
        RateLimit(requests=7, key=by_user),
        Sessions(secret="s" * 40),
        own,
    ]
)


def test_the_chain_is_listed_from_the_outside() -> None:
    result = photon_middleware(APP)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[:4]] == [
        ["1", "RequestId", "code"],
        ["2", "Cors", "code"],
        ["3", "RateLimit", "code"],
        ["4", "Sessions", "code"],
    ]
    assert lines[0].endswith("code")
    assert lines[1].endswith('allow_origins=["https://a.example"] max_age=5')
    assert "requests=7 key=by_user store=MemoryStore(max_keys=10000)" in lines[2]
    assert lines[3].endswith('secret="…"')
    assert lines[4].split() == ["5", "own", f"{__file__}:{own.__code__.co_firstlineno}"]


def test_the_chain_is_listed_as_json() -> None:
    found = json.loads(photon_middleware(APP, "--json").stdout)
    assert found[1] == {
        "name": "Cors",
        "origin": "code",
        "options": {"allow_origins": ["https://a.example"], "max_age": 5},
    }
    assert found[4]["place"].startswith(__file__)


EVERYTHING = """
[observability]
metrics = "/metrics"
tracing = true
[middleware.deadline]
seconds = 3
[middleware.request_id]
"""


def test_what_observes_requests_is_listed_around_the_rest(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text(EVERYTHING)
    app = Application(middleware=[own])
    app.use_settings(load_settings(tmp_path, environment="development", environ={}))
    result = CliRunner().invoke(middleware, [], obj=Project(app, "development"))
    assert [line.split()[1:] for line in result.stdout.splitlines()] == [
        ["Metrics", "[observability]", "metrics"],
        ["Tracing", "[observability]", "tracing"],
        ["AccessLog", "[observability]", "access_log"],
        ["RequestId", "[middleware.request_id]"],
        ["Deadline", "[middleware.deadline]", "seconds=3.0"],
        ["own", f"{__file__}:{own.__code__.co_firstlineno}"],
    ]


def test_the_listing_is_that_of_the_environment(tmp_path: Path) -> None:
    listed = CliRunner().invoke(middleware, ["--json"], obj=Project(Application(), "development"))
    assert json.loads(listed.stdout) == [
        {
            "name": "AccessLog",
            "origin": "settings",
            "place": "[observability] access_log",
            "options": {},
        }
    ]
    assert photon_middleware(Application(), "--json").stdout == "[]\n"


def test_the_layers_that_are_listed_are_those_that_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speedups._module, "step", None)  # functions in C have no frames
    (tmp_path / "photon.toml").write_text(EVERYTHING)
    app = Application(middleware=[own])
    app.use_settings(load_settings(tmp_path, environment="production", environ={}))
    entered: list[str] = []

    @app.get("/")
    def names(request: Request) -> None:
        frame = inspect.currentframe()
        while frame is not None:
            layer = frame.f_locals.get("self")
            entered.append(type(layer).__name__)
            made_by = frame.f_code.co_qualname.partition(".")[0]
            if made_by in ("Metrics", "RequestId"):  # a function of the middleware
                entered.append(made_by)
            frame = frame.f_back

    with live_server(app) as server:
        assert server.request("GET", "/").status == 204
    told = [layer.name for layer in app.layers() if layer.name != "own"]
    assert [name for name in reversed(entered) if name in told] == told


def test_an_application_without_layers_lists_nothing() -> None:
    assert photon_middleware(Application()).stdout == ""
    assert photon_middleware(Application(), "--json").stdout == "[]\n"


def test_what_has_no_chain_is_refused() -> None:
    result = photon_middleware(lambda request: None)
    assert result.exit_code == 1
    assert "`main:app` does not list its middleware" in result.stderr
