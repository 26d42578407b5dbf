"""The error page: details for the person at this machine, and no secrets."""

from __future__ import annotations

import contextvars
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import photon_runtime as rt
from photon_cli._bounded_repr import ValueFormatter
from photon_cli._development import DevelopmentHandler, FailedStart
from photon_cli._error_report import ErrorReport
from photon_cli._page_reload import PageReload
from photon_runtime.http import HttpError, Request, Response, enter_root_path
from photon_runtime.testing import in_hub, make_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from photon_runtime.http import Handler

ROOT = Path(__file__).parent
LOOPBACK = ("127.0.0.1", 50000)


def text_of(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def ask(
    handler: Handler,
    *fields: tuple[str, str],
    accept: str = "text/html",
    peer: object = LOOPBACK,
    path: str = "/",
    method: str = "GET",
    secrets: Iterable[str] = (),
    pages: PageReload | None = None,
) -> Response:
    headers = [("host", "localhost:8000"), ("accept", accept), *fields]
    names = dict(headers)  # a later field replaces that of the same name
    raw = [(name.encode(), value.encode()) for name, value in names.items()]
    request = Request(method, path, raw, None, peer)
    return DevelopmentHandler(handler, ROOT, frozenset(secrets), pages)(request)


def fail(request: Request) -> Response:
    password = "hunter2hunter2"
    settings = {"api_key": "sk-1234567", "url": "postgresql://u:topsecret@h/db", "plain": [1, 2]}
    text = f"refused {password} at {settings['url']}"
    try:
        inner(settings)
    except ZeroDivisionError as error:
        raise KeyError(text) from error
    raise AssertionError


def inner(settings: object) -> None:
    1 / 0  # noqa: B018 - it fails


@in_hub
def test_the_page_shows_source_variables_and_causes() -> None:
    page = text_of(ask(fail))
    assert "KeyError" in page
    assert "caused by" in page
    assert "ZeroDivisionError" in page
    assert "test_cli_development.py:" in page
    assert "raise KeyError(text) from error" in page
    assert "&#x27;plain&#x27;: [1, 2]" in page
    assert "photon_cli/_development.py" not in page


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain", "*/*"])
@in_hub
def test_no_form_of_the_error_has_a_secret(accept: str) -> None:
    response = ask(
        fail_with_request,
        ("authorization", "Bearer abcdefgh.ijkl"),
        ("cookie", "session=0123456789; theme=dark"),
        ("x-api-key", "key-of-the-client"),
        path="/x?token=of-the-query",
        accept=accept,
        secrets=["of-the-settings"],
    )
    body = text_of(response)
    assert response.status == 500
    assert "KeyError" in body
    for secret in (
        "hunter2hunter2",
        "sk-1234567",
        "topsecret",
        "abcdefgh.ijkl",
        "0123456789",
        "key-of-the-client",
        "of-the-query",
        "of-the-settings",
        "bound-value",
    ):
        assert secret not in body, secret


@attrs.define
class Account:
    name: str
    password: str


def fail_with_request(request: Request) -> Response:
    headers = dict(request.headers.items())
    fields = list(request.headers.items())
    account = _account()
    note = _note()
    _shown(headers, fields, account, note)
    return fail(request)


def _shown(*variables: object) -> None:
    """Use variables, which the page shows."""


CROSS_SITE_NAVIGATION = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]


@pytest.mark.parametrize(
    ("fields", "peer"),
    [
        ([("host", "evil.example")], LOOPBACK),
        ([("host", "evil.example:8000")], LOOPBACK),
        ([("host", "localhost.evil.example")], LOOPBACK),
        ([("host", "127.0.0.1.evil.example")], LOOPBACK),
        ([("host", "localhost@evil.example")], LOOPBACK),
        ([("host", "192.168.1.5:8000")], LOOPBACK),
        ([], ("192.168.1.5", 50000)),
        ([], ("::ffff:192.168.1.5", 50000)),
        ([("x-forwarded-for", "127.0.0.1")], LOOPBACK),
        ([("forwarded", "for=127.0.0.1")], LOOPBACK),
        ([("x-forwarded-host", "localhost")], LOOPBACK),
        ([("via", "1.1 tunnel")], LOOPBACK),
        ([("origin", "http://evil.example")], LOOPBACK),
        ([("origin", "http://localhost.evil.example:8000")], LOOPBACK),
        ([("origin", "null")], LOOPBACK),
        ([("sec-fetch-site", "cross-site")], LOOPBACK),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], LOOPBACK),
        ([*CROSS_SITE_NAVIGATION, ("sec-fetch-dest", "iframe")], LOOPBACK),
    ],
)
@in_hub
def test_a_request_from_elsewhere_gets_the_response_of_production(
    fields: list[tuple[str, str]], peer: object
) -> None:
    with pytest.raises(KeyError):
        ask(fail, *fields, peer=peer)
    response = ask(answered, *fields, peer=peer)
    assert text_of(response) == "Internal Server Error"
    page = FailedStart(ErrorReport("ValueError in main.py"))
    raw = [(b"accept", b"text/html"), *((n.encode(), v.encode()) for n, v in fields)]
    assert "ValueError" not in text_of(page(Request("GET", "/", raw, None, peer)))


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("localhost", LOOPBACK),
        ("LOCALHOST:8000", LOOPBACK),
        ("shop.localhost:8000", LOOPBACK),
        ("127.0.0.1:8000", LOOPBACK),
        ("127.1.2.3", LOOPBACK),
        ("[::1]:8000", ("::1", 5)),
        ("localhost.", ("::ffff:127.0.0.1", 5)),
        ("", None),
    ],
)
@in_hub
def test_a_request_of_this_machine_gets_the_details(host: str, peer: object) -> None:
    assert "KeyError" in text_of(ask(answered, ("host", host), peer=peer))


@pytest.mark.parametrize(
    "fields",
    [
        [("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8000")],
        [("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")],
        [("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:3000")],
        [("sec-fetch-site", "none")],
        [*CROSS_SITE_NAVIGATION, ("sec-fetch-dest", "document")],
        [*CROSS_SITE_NAVIGATION, ("sec-fetch-dest", "document"), ("origin", "http://a.example")],
    ],
)
@in_hub
def test_pages_of_this_machine_and_links_get_the_details(fields: list[tuple[str, str]]) -> None:
    assert "KeyError" in text_of(ask(answered, *fields))


def answered(request: Request) -> Response:
    """Respond as an application does whose handler has failed."""
    request.failure = KeyError("what was looked for")
    return Response(
        500,
        body="Internal Server Error",
        headers={"x-request-id": "7", "content-security-policy": "default-src *"},
    )


@in_hub
def test_header_fields_of_middleware_are_kept_and_the_policy_is_strict(
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = ask(answered)
    assert response.header("x-request-id") == "7"
    assert str(response.header("content-security-policy")).startswith("default-src 'none'")
    assert caplog.records == []


@in_hub
def test_a_failure_that_the_application_has_dealt_with_is_not_shown() -> None:
    def handler(request: Request) -> Response:
        answered(request)
        return Response(body="the cached page")

    assert text_of(ask(handler)) == "the cached page"


@in_hub
def test_an_error_that_is_a_response_is_not_a_failure() -> None:
    def refuse(request: Request) -> Response:
        raise HttpError(404)

    with pytest.raises(HttpError):
        ask(refuse)


@in_hub
def test_clients_get_the_form_that_they_prefer() -> None:
    problem = ask(answered, accept="application/json;q=0.9, text/html;q=0.1")
    assert problem.content_type == "application/problem+json"
    assert json.loads(text_of(problem))["title"] == "The request failed"
    assert ask(answered, accept="image/png").content_type == "text/plain; charset=utf-8"


@in_hub
def test_what_the_page_shows_is_text() -> None:
    def handler(request: Request) -> Response:
        raise ValueError("<script>alert(1)</script> \ud800")

    page = text_of(ask(handler, path="/<img>"))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<img>" not in page


@in_hub
def test_groups_notes_cycles_and_syntax_errors_are_shown() -> None:
    def handler(request: Request) -> Response:
        first = ValueError("first of the group")
        first.add_note("a note of it")
        group = ExceptionGroup("two", [first, ExceptionGroup("deep", [KeyError("second")])])
        cause = RuntimeError("a cause")
        cause.__cause__ = group
        group.__cause__ = cause
        raise group

    page = text_of(ask(handler))
    for text in ("first of the group", "a note of it", "deep", "second", "a cause"):
        assert text in page, text


# -- the values of variables ------------------------------------------------------------------


class Hostile:
    def __init__(self, act: Any) -> None:
        self.act = act

    def __repr__(self) -> str:
        return str(self.act())


def forever() -> None:
    while True:
        pass


def deep() -> str:
    return deep()


@pytest.mark.parametrize(
    ("act", "shown"),
    [
        (forever, "takes too long"),
        (lambda: rt.sleep(60), "waits"),
        (lambda: 1 / 0, "failed with ZeroDivisionError"),
        (lambda: exec("raise SystemExit"), "failed with SystemExit"),
        (deep, "failed with RecursionError"),
    ],
)
@in_hub
def test_a_hostile_repr_is_named_and_does_no_harm(act: Any, shown: str) -> None:
    assert ValueFormatter().format(Hostile(act)) == f"<Hostile: its repr() {shown}>"


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000_000, b"x" * 10_000_000, list(range(1_000_000)), {n: n for n in range(100_000)},
     Hostile(lambda: "x" * 10_000_000), (10**5000,), [[[[[[[[[[1]]]]]]]]]]],
    ids=range(7),
)  # fmt: skip
@in_hub
def test_a_large_value_is_short(value: object) -> None:
    assert len(ValueFormatter().format(value)) < 1200


@in_hub
def test_many_slow_values_share_one_budget() -> None:
    formatter = ValueFormatter(budget=0.05)
    assert formatter.format(Hostile(forever)).startswith("<Hostile: ")
    assert formatter.format(Hostile(forever)) == "<Hostile>"


@in_hub
def test_a_secret_at_the_end_of_a_long_text_is_not_cut_in_half() -> None:
    text = "x" * 990 + " hunter2hunter2"
    assert "hunter" not in ValueFormatter(["hunter2hunter2"]).format(text)
    assert ValueFormatter().format("abc", name="password") == "********"


# -- pages that reload ------------------------------------------------------------------------


def html(body: object, **headers: str) -> Handler:
    def handler(request: Request) -> Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(body=body, headers=fields, content_type="text/html; charset=utf-8")  # type: ignore[arg-type]

    return handler


PAGE = b"<!DOCTYPE html><html><body><p>x</p></body></html>"


@in_hub
def test_a_page_gets_the_script_and_is_not_stored() -> None:
    response = ask(html(PAGE, etag='"1"', cache_control="max-age=60"), pages=PageReload("v1"))
    tag = '<script src="/_photon/dev/reload.js" data-version="v1"></script>'
    assert text_of(response) == PAGE.decode().replace("</body>", f"{tag}</body>")
    assert response.header("etag") is None
    assert response.header("cache-control") == "no-store"


@in_hub
def test_the_script_has_the_nonce_of_the_policy() -> None:
    policy = "default-src 'self'; script-src 'nonce-abc123' 'strict-dynamic'"
    response = ask(html(PAGE, content_security_policy=policy), pages=PageReload("v1"))
    assert 'data-version="v1" nonce="abc123"' in text_of(response)


@in_hub
def test_a_streamed_page_gets_the_script_at_its_end() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"<!doctype html>"
        yield b"<p>x"

    response = ask(html(chunks()), pages=PageReload("v1"))
    assert not isinstance(response.body, bytes)
    assert b"".join(response.body).endswith(b"<p>x" + PageReload("v1").tag())


@pytest.mark.parametrize(
    ("handler", "fields"),
    [
        (html(b"<li>a fragment</li>"), ()),
        (html(PAGE), (("hx-request", "true"),)),
        (html(PAGE, content_encoding="gzip"), ()),
        (lambda request: Response(body="{}", content_type="application/json"), ()),
    ],
)
@in_hub
def test_other_responses_stay_as_they_are(
    handler: Handler, fields: tuple[tuple[str, str], ...]
) -> None:
    assert "script" not in text_of(ask(handler, *fields, pages=PageReload()))


@in_hub
def test_pages_are_asked_for_without_compression_and_data_with_it() -> None:
    def handler(request: Request) -> Response:
        return Response(body=repr(request.raw_header(b"accept-encoding")))

    gzip = ("accept-encoding", "gzip")
    assert text_of(ask(handler, gzip, pages=PageReload())) == "None"
    assert text_of(ask(handler, gzip, pages=PageReload(), accept="*/*")) == "b'gzip'"


@in_hub
def test_an_effect_is_not_repeated_by_a_reload() -> None:
    assert "reload.js" in text_of(ask(answered, pages=PageReload()))
    assert "reload.js" not in text_of(ask(answered, pages=PageReload(), method="POST"))


@in_hub
def test_the_log_has_an_error_that_nothing_else_has_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        ask(fail)
    assert "GET / failed" in caplog.text


def _account() -> Account:
    return Account("ada", "bound-value")


def _note() -> str:
    return "the value of-the-settings is used"


def test_the_script_is_below_the_root_path_and_finds_its_events_from_there() -> None:
    def tag() -> bytes:
        enter_root_path(make_request("GET", "/"), "/shop")
        return PageReload("v1").tag()

    assert b'src="/shop/_photon/dev/reload.js"' in contextvars.copy_context().run(tag)
    script = PageReload("v1").respond("/_photon/dev/reload.js")
    assert script is not None
    assert isinstance(script.body, bytes)
    assert b'new URL("events", script.src)' in script.body
