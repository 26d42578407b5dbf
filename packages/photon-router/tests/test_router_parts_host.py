import logging
from pathlib import Path
from typing import Any

import attrs
import pytest

from photon_router import Application, HttpError, Request, Response, Router
from photon_router.middleware import Csrf, RateLimit, Sessions
from photon_runtime.forms import CsrfProtection
from photon_runtime.http import Handler
from photon_runtime.parts import Host, ProblemPage
from photon_runtime.settings import load_settings, section
from photon_runtime.testing import send_request

SECRET = "s" * 32


@section("pages")
@attrs.frozen
class Settings:
    pass


class PagePart:
    """A part that replaces problem documents, and keeps its host for the test."""

    settings: type[Any] = Settings

    def __init__(self, *pages: ProblemPage) -> None:
        self.pages = pages
        self.hosts: list[Host] = []

    def install(self, host: Host, settings: Any) -> None:
        self.hosts.append(host)
        for page in self.pages:
            host.problem_page(page)


def application(*pages: ProblemPage) -> tuple[Application, PagePart]:
    app, part = Application(), PagePart(*pages)
    app.add(part)
    return app, part


def as_text(request: Request, document: Response) -> Response:
    return Response(document.status, body=f"page {document.status}")


def test_a_problem_page_replaces_the_documents_of_all_errors() -> None:
    app, _ = application(as_text)

    @app.get("/fails/{number}")
    def fails(number: int) -> str:
        raise RuntimeError

    @app.error_handler(KeyError)
    def own(request: Request, error: BaseException) -> Response:
        return Response(400, body="own")

    @app.get("/own")
    def has_own() -> str:
        raise KeyError

    @app.middleware
    def refuse(request: Request, call_next: Handler) -> Response:
        if request.path == "/refused":
            raise HttpError(403)
        return call_next(request)

    targets = ("/lost", "/fails/x", "/fails/1", "/refused", "/own")
    assert [send_request(app, "GET", target).body for target in targets] == [
        b"page 404", b"page 422", b"page 500", b"page 403", b"own",
    ]  # fmt: skip
    assert send_request(app, "DELETE", "/own").body == b"page 405"


def test_a_problem_page_may_keep_the_document_and_later_ones_see_it() -> None:
    app, _ = application(lambda request, document: document, as_text, lambda *_: Response(200))
    assert send_request(app, "GET", "/lost").body == b"page 404"


def test_an_error_in_a_problem_page_is_logged_and_the_document_is_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(request: Request, document: Response) -> Response:
        raise RuntimeError("in the page")

    app, _ = application(fails, lambda request, document: None)  # type: ignore[arg-type,return-value]
    with caplog.at_level(logging.ERROR):
        response = send_request(app, "GET", "/lost")
    assert (response.status, response.json()["status"]) == (404, 404)
    assert [each.getMessage() for each in caplog.records] == ["the page of an error 404 failed"] * 2


def test_middleware_is_found_by_its_class_wherever_it_is() -> None:
    app, part = application()
    router = Router(middleware=[Csrf(field="proof")])

    @router.get("/inside")
    def inside() -> None: ...

    app.include(router)
    app.middleware(Sessions(secret=SECRET, enabled=False))
    with app.start():
        (host,) = part.hosts
        sessions = host.find_middleware(Sessions)
        assert sessions is not None
        assert not sessions.enabled
        protection = host.find_middleware(CsrfProtection)  # type: ignore[type-abstract]
        assert protection is not None
        assert protection.field == "proof"
        assert host.find_middleware(RateLimit) is None


def test_middleware_of_the_settings_is_found_if_it_is_disabled(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text(
        "[middleware.rate_limit]\nrequests = 1\nenabled = false\n"
    )
    app, part = application()
    app.use_settings(load_settings(tmp_path, environment="test"))
    with app.start():
        assert part.hosts[0].find_middleware(RateLimit) is not None


def test_a_part_serves_pages_that_know_the_document() -> None:
    app, part = application()

    @app.get("/users/{name}")
    def read(name: str) -> str:
        return name

    class Documented(PagePart):
        def install(self, host: Host, settings: Any) -> None:
            super().install(host, settings)
            assert host.docs_url == "/docs"
            host.page(
                f"{host.docs_url}/paths",
                lambda _: Response(body=" ".join(host.document()["paths"])),
            )
            host.page("/users/{name}", lambda _: Response(body="of the part"))

    app.add(Documented())
    assert send_request(app, "GET", "/docs/paths").body == b"/users/{name}"
    assert send_request(app, "GET", "/users/ada").body == b'"ada"'
    assert send_request(app, "POST", "/docs/paths").status == 405
    assert part.hosts[0].openapi_url == "/openapi"


@pytest.mark.parametrize("development", [True, False])
@pytest.mark.parametrize("stated", [True, False, None])
def test_a_part_knows_whether_responses_are_checked(development: bool, stated: bool | None) -> None:
    app = Application(validate_responses=stated, docs_url=None, openapi_url=None)
    part = PagePart()
    app.add(part)
    with app.start(development=development):
        [host] = part.hosts
    assert host.validates_responses is (development if stated is None else stated)
    assert host.docs_url is host.openapi_url is None
