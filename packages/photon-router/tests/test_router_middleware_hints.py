from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from photon_router import Application, Form, Header, Json, Request, Response, Router
from photon_router.middleware import Cors, Csrf, HttpsRedirect, Sessions, TrustedHosts
from photon_router.security import AcceptAnyCredential
from photon_runtime.http import Handler
from photon_runtime.settings import load_settings

SHOP = ["https://shop.example"]
KEY = "k" * 32


def notes(**options: Any) -> Application:
    app = Application(**options)

    @app.get("/notes")
    def read() -> list[str]:
        return []

    @app.post("/notes")
    def write(note: Json[dict[str, str]]) -> None: ...

    @app.delete("/notes")
    def delete() -> None: ...

    return app


def hints(app: Application, caplog: pytest.LogCaptureFixture, *middleware: Any) -> list[str]:
    for each in middleware:
        app.middleware(each)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "photon.middleware"), app.start():
        return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [Cors(allow_origins=SHOP)],
        [Cors(allow_origins=["*"])],
        [Cors(allow_origins=SHOP, allow_headers=["content-TYPE"])],
        [Cors(allow_origins=["*"], allow_headers=["*"], allow_methods=["*"])],
        [Cors(allow_origin_regex=r"https://.*\.example", allow_credentials=True)],
        [Sessions(secret=KEY), Csrf()],
        [TrustedHosts(hosts=["a.example"])],
        [HttpsRedirect()],
    ],
    ids=str,
)
def test_usual_settings_are_not_mentioned(
    layers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert hints(notes(), caplog, *layers) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"allow_headers": ["X-Own"]},
            ["allow_headers lacks Content-Type", "POST /notes", "add it"],
        ),
        ({"allow_headers": []}, ["allow_headers lacks Content-Type"]),
        ({"allow_methods": ["GET", "POST"]}, ["allow_methods lacks DELETE", "DELETE /notes"]),
        ({"allow_origins": []}, ["no origin is allowed"]),
    ],
)
def test_cors_that_refuses_what_operations_need_says_so(
    options: dict[str, Any], words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    [hint] = hints(notes(), caplog, Cors(**{"allow_origins": SHOP, **options}))
    assert hint.startswith("Cors: ")
    assert all(word in hint for word in words), hint


def test_operations_with_rules_of_their_own_and_forms_are_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Application()

    @app.post("/json", openapi_extra={"x-cors": False})
    def of_json(note: Json[dict[str, str]]) -> None: ...

    @app.post("/form")
    def of_form(name: Form[str]) -> None: ...

    assert hints(app, caplog, Cors(allow_origins=SHOP, allow_headers=[])) == []


def test_cors_of_a_router_does_not_get_preflights(caplog: pytest.LogCaptureFixture) -> None:
    router = Router(middleware=[Cors(allow_origins=SHOP)])

    @router.get("/notes")
    def read() -> list[str]:
        return []

    app = Application()
    app.include(router)
    [hint] = hints(app, caplog)
    assert "does not get preflights" in hint


def test_required_header_fields_must_be_allowed(caplog: pytest.LogCaptureFixture) -> None:
    app = Application()

    @app.get("/notes")
    def read(x_tenant: Header[str], x_other: Header[str] = "") -> None: ...

    [hint] = hints(app, caplog, Cors(allow_origins=SHOP))
    assert "allow_headers lacks x-tenant, which GET /notes needs" in hint


def secured(scheme: dict[str, Any]) -> Application:
    responses = {"200": {"description": "d"}}
    operation = {"operationId": "read", "security": [{"own": []}], "responses": responses}
    app = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "servers": [{"url": "https://api.example/v1"}],
            "paths": {"/notes": {"get": operation}},
            "components": {"securitySchemes": {"own": scheme}},
        }
    )
    app.security("own", AcceptAnyCredential())
    app.operation("read")(lambda: None)
    return app


@pytest.mark.parametrize(
    ("scheme", "options", "words"),
    [
        ({"type": "http", "scheme": "bearer"}, {"allow_headers": ["*"]}, "lacks Authorization"),
        ({"type": "http", "scheme": "bearer"}, {}, None),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, {}, "lacks X-Key"),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, {"allow_headers": ["*"]}, None),
        ({"type": "apiKey", "in": "cookie", "name": "key"}, {}, "set allow_credentials"),
        ({"type": "apiKey", "in": "cookie", "name": "key"}, {"allow_credentials": True}, None),
    ],
)
def test_credentials_must_be_allowed(
    scheme: dict[str, Any],
    options: dict[str, Any],
    words: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = hints(secured(scheme), caplog, Cors(allow_origins=SHOP, **options))
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_csrf_without_a_session_is_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    [hint] = hints(notes(), caplog, Csrf(), Sessions(secret=KEY))
    assert "outside of every session" in hint
    assert len(hints(notes(), caplog, Csrf())) == 1

    def own_sessions(request: Request, call_next: Handler) -> Response:
        return call_next(request)

    assert hints(notes(), caplog, own_sessions, Csrf()) == []


def test_the_hosts_of_the_document_are_trusted(caplog: pytest.LogCaptureFixture) -> None:
    scheme = {"type": "http", "scheme": "bearer"}
    [hint] = hints(secured(scheme), caplog, TrustedHosts(hosts=["shop.example"]))
    assert "https://api.example/v1" in hint
    assert hints(secured(scheme), caplog, TrustedHosts(hosts=["*.example"])) == []


@pytest.mark.parametrize(
    ("server", "count"), [("", 1), ('trusted_proxies = ["127.0.0.1"]', 0), ("host = '::1'", 1)]
)
def test_a_redirect_to_https_needs_https(
    tmp_path: Path, server: str, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "photon.toml").write_text(f"[server]\n{server}\n")
    app = notes()
    app.use_settings(load_settings(tmp_path, environment="production", environ={}))
    assert len(hints(app, caplog, HttpsRedirect())) == count
