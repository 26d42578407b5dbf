from __future__ import annotations

import json

import attrs
from click.testing import CliRunner, Result

from photon_router import Request, Response, Router
from photon_router._cli import middleware
from photon_router.middleware import Cors, RateLimit, RequestId, Sessions
from photon_runtime.http import Handler


@attrs.define
class Project:
    application: object

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


APP = Router(
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
    assert [line.split()[:3] for line in lines] == [
        ["1", "RequestId", "code"],
        ["2", "Cors", "code"],
        ["3", "RateLimit", "code"],
        ["4", "Sessions", "code"],
        ["5", "own", "code"],
    ]
    assert lines[0].endswith("code")
    assert lines[1].endswith('allow_origins=["https://a.example"] max_age=5')
    assert "requests=7 key=by_user store=MemoryStore(max_keys=10000)" in lines[2]
    assert lines[3].endswith('secret="…"')
    assert __file__ in lines[4]


def test_the_chain_is_listed_as_json() -> None:
    found = json.loads(photon_middleware(APP, "--json").stdout)
    assert found[1] == {
        "name": "Cors",
        "origin": "code",
        "options": {"allow_origins": ["https://a.example"], "max_age": 5},
    }
    assert found[4]["place"].startswith(__file__)


def test_an_application_without_layers_lists_nothing() -> None:
    assert photon_middleware(Router()).stdout == ""
    assert photon_middleware(Router(), "--json").stdout == "[]\n"


def test_what_has_no_chain_is_refused() -> None:
    result = photon_middleware(lambda request: None)
    assert result.exit_code == 1
    assert "`main:app` has no middleware that could be listed" in result.stderr
