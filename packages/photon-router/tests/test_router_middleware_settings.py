from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import attrs
import pytest

from photon_router import Application, DocumentError, Request, Response
from photon_router.middleware import (
    Compression,
    Cors,
    MiddlewareSettings,
    RateLimit,
    RequestId,
    SecurityHeaders,
    Sessions,
)
from photon_runtime.errors import SettingsError
from photon_runtime.http import Handler
from photon_runtime.settings import Settings, load_settings
from photon_runtime.testing import live_server

ALL = """
[middleware.csrf]
[middleware.sessions]
secret = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
[middleware.conditional]
[middleware.compression]
minimum_size = 500
[middleware.deadline]
seconds = 10
[middleware.body_limit]
[middleware.rate_limit]
requests = 10
window = 1.5
key = "client"
[middleware.cors]
allow_origins = ["https://shop.example"]
[middleware.https_redirect]
[middleware.trusted_hosts]
hosts = ["shop.example"]
[middleware.security_headers]
preset = "api"
headers = { "x-own" = "1" }
[middleware.request_id]
"""
ORDER = [
    "RequestId",
    "SecurityHeaders",
    "TrustedHosts",
    "HttpsRedirect",
    "Cors",
    "RateLimit",
    "BodyLimit",
    "Deadline",
    "Compression",
    "Conditional",
    "Sessions",
    "Csrf",
]


def settings_of(tmp_path: Path, text: str, **environ: str) -> Settings:
    (tmp_path / "photon.toml").write_text(text)
    return load_settings(tmp_path, environment="production", environ=environ)


def read(tmp_path: Path, text: str, **environ: str) -> MiddlewareSettings:
    return settings_of(tmp_path, text, **environ).section("middleware", MiddlewareSettings)


def test_nothing_is_switched_on_unless_it_is_said(tmp_path: Path) -> None:
    assert read(tmp_path, "").layers() == []


def test_the_layers_lie_in_a_fixed_order_however_they_are_written(tmp_path: Path) -> None:
    found = read(tmp_path, ALL)
    assert [type(layer).__name__ for layer in found.layers()] == ORDER
    assert isinstance(found.rate_limit, RateLimit)
    assert (found.rate_limit.requests, found.rate_limit.window) == (10, 1.5)
    assert isinstance(found.compression, Compression)
    assert found.compression.minimum_size == 500
    assert isinstance(found.security_headers, SecurityHeaders)
    assert found.security_headers.headers == {"x-own": "1"}


def test_an_environment_switches_off_and_on_again(tmp_path: Path) -> None:
    text = ALL + "enabled = false\n"
    assert read(tmp_path, text).request_id is not None
    assert "RequestId" not in [type(layer).__name__ for layer in read(tmp_path, text).layers()]
    on = read(tmp_path, text, PHOTON__MIDDLEWARE__REQUEST_ID__ENABLED="true")
    assert isinstance(on.layers()[0], RequestId)


def test_variables_of_the_environment_give_secrets_and_lists(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "",
        PHOTON__MIDDLEWARE__SESSIONS__SECRET="s" * 40,
        PHOTON__MIDDLEWARE__CORS__ALLOW_ORIGINS='["https://a.example"]',
    )
    assert isinstance(found.sessions, Sessions)
    assert found.sessions.secret == "s" * 40
    assert isinstance(found.cors, Cors)
    assert found.cors.allows("https://a.example")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[middleware.cors]\nallow_origin = []", "did you mean `allow_origins`"),
        ("[middleware.cors]\nallow_origins = 'a'", "expected `array`"),
        ("[middleware.cors]\nallow_origins = ['a']", "an origin has the form"),
        (
            "[middleware.cors]\nallow_origins = ['*']\nallow_credentials = true",
            "allow_origins must not contain `\\*`",
        ),
        ("[middleware]\ncors = true", "middleware.cors"),
        ("[middleware]\nrate_limit = true", "middleware.rate_limit"),
        ("[middleware.rate_limit]\nkey = 'user'", "key is `client`"),
        ("[middleware.rate_limit]\nstore = 'redis'", "a store is passed in code"),
        ("[middleware.rate_limit]\nrequests = 0", "middleware.rate_limit"),
        ("[middleware.sessions]", r"needs the key `secret`"),
        ("[middleware.sessions]\nsecret = 'hush'", "at least 32 characters"),
        ("[middleware.csrf]", r"add \[middleware.sessions\]"),
        ("[middleware.compression]\ngzip_level = 10", "gzip_level"),
        ("[middleware.compression]\ncodings = ['lzma']", "unknown coding 'lzma'"),
        ("[middleware.security_headers]\npreset = 'none'", "preset"),
        ("[middleware.trusted_hosts]", "needs the key `hosts`"),
        ("[middleware.https_redirect]\nexempt_paths = [1]", "expected `str`"),
        ("[middleware.deadline]\nseconds = '5'", "deadline.seconds"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        read(tmp_path, text)
    assert "photon.toml:" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_layers_of_the_settings_lie_around_those_of_the_code(tmp_path: Path) -> None:
    app = Application()
    seen = []

    @app.middleware
    def note(request: Request, call_next: Handler) -> Response:
        seen.append(request.state.get("request_id"))
        return call_next(request)

    app.use_settings(settings_of(tmp_path, "[middleware.request_id]"))
    placed = app.layers()
    assert [(each.name.rpartition(".")[2], each.origin) for each in placed] == [
        ("RequestId", "settings"),
        ("note", "code"),
    ]
    with live_server(app) as server:
        told = server.exchange(
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: abc\r\nConnection: close\r\n\r\n"
        )
    assert b"X-Request-ID: abc\r\n" in told
    assert seen == ["abc"]


def test_wrong_settings_keep_the_application_from_starting(tmp_path: Path) -> None:
    app = Application()
    app.use_settings(settings_of(tmp_path, "[middleware.cors]\nallow_origins = ['a']"))
    with pytest.raises(SettingsError, match="an origin has the form"), app.start():
        pass


def test_two_applications_with_one_layer_do_not_meet() -> None:
    cors = Cors(allow_origins=["https://a.example"])

    def handle() -> str:
        return ""

    opened = Application(middleware=[cors])
    opened.get("/x", operation_id="x")(handle)
    spec = opened.document()
    spec["paths"]["/x"]["get"]["x-cors"] = False
    closed = Application(spec=spec, middleware=[cors])
    closed.operation("x")(handle)
    request = (
        b"GET /x HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\nConnection: close\r\n\r\n"
    )
    with live_server(opened) as first, live_server(closed) as second:
        assert b"access-control-allow-origin" not in second.exchange(request)
        assert b"access-control-allow-origin" in first.exchange(request)


def test_all_wrong_rules_are_told_at_once() -> None:
    app = Application()
    app.get("/x", operation_id="x")(lambda: "")
    spec = app.document()
    spec["paths"]["/x"]["get"] |= {"x-cors": 1, "x-photon-rate-limit": 1}
    wrong = Application(spec=spec, middleware=[Cors(), RateLimit()])
    wrong.operation("x")(lambda: "")
    with pytest.raises(DocumentError) as caught, wrong.start():
        pass
    assert len(caught.value.problems) == 2


PAGE = Path(__file__).parents[3] / "docs" / "middleware.md"


def documented_options() -> dict[str, list[tuple[str, str]]]:
    """Return the options in the tables of the documentation, each with its default."""
    tables: dict[str, list[tuple[str, str]]] = {}
    for line in PAGE.read_text().partition("## Every option and its default")[2].splitlines():
        if line.startswith("### "):
            rows = tables[line.strip("# `")] = []
        elif line.startswith("| `"):
            name, default, meaning = (cell.strip() for cell in line.strip("|").split(" | ", 2))
            assert meaning
            rows.append((name.strip("`"), default))
    return tables


def shown_default(field: attrs.Attribute[Any]) -> str:
    """Return the default of an option as the documentation shows it."""
    default: Any = field.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class in all but its stub
        return "`{}`" if default.factory is dict else "all that are installed"
    if callable(default):
        return '`"client"`'
    plain = list(default) if isinstance(default, tuple) else default
    return f"`{plain!r}`".replace("'", '"')


def test_every_option_and_its_default_is_in_the_documentation() -> None:
    hints = typing.get_type_hints(MiddlewareSettings)
    classes = [typing.get_args(hints[each.name])[0] for each in attrs.fields(MiddlewareSettings)]
    assert documented_options() == {
        cls.__name__: [
            (field.name, shown_default(field))
            for field in attrs.fields(cls)
            if field.init and field.name != "enabled"
        ]
        for cls in classes
    }
