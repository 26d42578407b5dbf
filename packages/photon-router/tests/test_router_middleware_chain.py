from __future__ import annotations

from photon_router import Application, Request, Response
from photon_router.middleware import ChainEntry, Cors, RateLimit, RequestId, Sessions
from photon_router.middleware._chain import chain
from photon_runtime.http import Handler
from photon_runtime.testing import live_server


def plain(request: Request, call_next: Handler) -> Response:
    return call_next(request)


class Own:
    def __call__(self, request: Request, call_next: Handler) -> Response:
        return call_next(request)


def test_layers_are_named_by_function_or_class() -> None:
    placed = chain(None, [plain, Own(), RequestId()])
    assert [each.name for each in placed] == ["plain", "Own", "RequestId"]
    assert {each.origin for each in placed} == {"code"}


def test_layers_of_the_code_say_where_they_are_written() -> None:
    place = ChainEntry(plain, "code").place
    assert place is not None
    assert place.rpartition(":")[0] == __file__
    assert (ChainEntry(Own(), "code").place or "").startswith(__file__)
    assert ChainEntry(RequestId(), "code").place is None


def test_options_that_differ_are_shown_and_secrets_are_not() -> None:
    assert ChainEntry(Cors(allow_origins=["https://a.example"]), "code").options == {
        "allow_origins": ["https://a.example"]
    }
    assert ChainEntry(RequestId(), "code").options == {}
    assert ChainEntry(Sessions(secret="s" * 40, max_age=5), "code").options == {
        "secret": "…",
        "max_age": 5,
    }
    assert ChainEntry(plain, "code").options == {}
    limited = ChainEntry(RateLimit(requests=7), "code").options
    assert limited["requests"] == 7
    assert "key" not in limited


def test_what_is_switched_off_is_left_out() -> None:
    assert chain(None, [RequestId(enabled=False), plain]) == [ChainEntry(plain, "code")]


def test_what_is_switched_off_is_left_out_of_routers_too() -> None:
    part = Application(middleware=[RequestId(enabled=False), RequestId(header="X-On")])

    @part.get("/a")
    def a() -> str:
        return ""

    app = Application()
    app.include(part)
    with live_server(app) as server:
        told = server.exchange(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"X-On: " in told
    assert b"X-Request-ID: " not in told
