from __future__ import annotations

import http.client

import pytest

from photon_router import Application, Request, Response
from photon_router.middleware import SecurityHeaders
from photon_router.middleware._security_headers import PRESETS
from photon_runtime.http import ServerSettings
from photon_runtime.testing import live_server

HSTS = "strict-transport-security"


def fields(layer: SecurityHeaders, response: Response | None = None) -> dict[str, str]:
    answer = layer(Request("GET", "/", []), lambda request: response or Response())
    return {name.lower(): value for name, value in answer.headers}


@pytest.mark.parametrize("preset", ["strict", "html", "api"])
def test_every_preset_forbids_sniffing_and_framing_by_others(preset: str) -> None:
    found = fields(SecurityHeaders(preset=preset))  # type: ignore[arg-type]  # one of them
    assert found == dict(PRESETS[preset])
    assert found["x-content-type-options"] == "nosniff"
    assert found["x-frame-options"] in ("DENY", "SAMEORIGIN")
    assert "frame-ancestors" in found["content-security-policy"]
    assert {"cross-origin-opener-policy", "referrer-policy"} <= found.keys()


def test_what_a_handler_says_stays() -> None:
    own = Response(headers={"Content-Security-Policy": "default-src *"})
    assert fields(SecurityHeaders(), own)["content-security-policy"] == "default-src *"


def test_single_fields_are_replaced_added_and_left_out() -> None:
    layer = SecurityHeaders(
        preset="api", headers={"Referrer-Policy": "origin", "x-own": "1", "X-Frame-Options": ""}
    )
    found = fields(layer)
    assert found["referrer-policy"] == "origin"
    assert found["x-own"] == "1"
    assert "x-frame-options" not in found


def test_https_alone_gets_transport_security() -> None:
    app = Application(middleware=[SecurityHeaders(hsts_max_age=60, hsts_include_subdomains=True)])
    settings = ServerSettings(trusted_proxies=("127.0.0.1",), shutdown_timeout=5.0)
    with live_server(app, settings=settings) as server:
        for scheme, expected in (("http", None), ("https", "max-age=60; includeSubDomains")):
            connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
            connection.request("GET", "/none", headers={"X-Forwarded-Proto": scheme})
            answer = connection.getresponse()
            assert answer.status == 404
            assert answer.headers[HSTS] == expected
            assert answer.headers["x-content-type-options"] == "nosniff"
            connection.close()


def test_the_documentation_page_keeps_its_own_policy() -> None:
    app = Application(middleware=[SecurityHeaders()])
    with live_server(app) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/docs")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers.get_all("content-security-policy") != [
            PRESETS["strict"]["content-security-policy"]
        ]
        assert len(answer.headers.get_all("content-security-policy") or ()) == 1
        connection.close()


def test_options_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="preset"):
        SecurityHeaders(preset="none")  # type: ignore[arg-type]  # as a settings file may say
    with pytest.raises(ValueError, match="not a valid header field"):
        SecurityHeaders(headers={"x": "a\nb"})
    with pytest.raises(ValueError, match="hsts_preload requires"):
        SecurityHeaders(hsts_preload=True)
