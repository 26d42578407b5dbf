import contextvars

import pytest

from photon_runtime.http import Request, Response
from photon_runtime.testing import make_request
from photon_templates import is_htmx, negotiated, wants_fragment, wants_html
from photon_templates.part import bind_request

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
HTMX = {"hx-request": "true"}


def request_with(**fields: str) -> Request:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return make_request("GET", "/", headers=headers)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"accept": BROWSER}, True),
        ({"accept": "text/html"}, True),
        ({"accept": "text/*"}, True),
        ({"accept": "*/*", "hx_request": "true"}, True),
        ({}, False),
        ({"accept": "*/*"}, False),
        ({"accept": "application/json"}, False),
        ({"accept": "application/json, text/html;q=0.9"}, False),
        ({"accept": "text/html;q=0.5, application/json;q=0.4"}, True),
        ({"accept": "text/html;q=0, */*"}, False),
        ({"accept": "image/png"}, False),
        ({"accept": "*/*", "hx_request": "false"}, False),
    ],
)
def test_browsers_and_htmx_get_pages(fields: dict[str, str], expected: bool) -> None:
    assert wants_html(request_with(**fields)) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hx_request": "true"}, True),
        ({"hx_request": "true", "hx_target": "rows"}, True),
        ({"hx_request": "true", "hx_boosted": "true"}, False),
        ({"hx_request": "true", "hx_history_restore_request": "true"}, False),
        ({"hx_request": "false"}, False),
        ({}, False),
    ],
)
def test_fragments_are_for_requests_that_replace_a_part(
    fields: dict[str, str], expected: bool
) -> None:
    assert wants_fragment(request_with(**fields)) is expected


def test_boosted_navigations_are_sent_by_htmx() -> None:
    assert is_htmx(request_with(hx_request="true", hx_boosted="true"))
    assert not is_htmx(request_with())


def test_a_router_names_the_fields_in_all_responses() -> None:
    response = negotiated(request_with(), lambda request: Response(404))

    assert response.header("vary") == "Accept, HX-Request"


@pytest.mark.parametrize(
    ("calls", "vary"),
    [
        ((), None),
        ((wants_html,), "Accept, HX-Request"),
        ((is_htmx,), "HX-Request"),
        ((wants_html, wants_html), "Accept, HX-Request"),
        (
            (wants_html, wants_fragment),
            "Accept, HX-Request, HX-Boosted, HX-History-Restore-Request",
        ),
        ((wants_fragment,), "HX-Request, HX-Boosted, HX-History-Restore-Request"),
    ],
)
def test_a_response_names_the_fields_that_were_read(
    calls: tuple[object, ...], vary: str | None
) -> None:
    def respond(request: Request) -> Response:
        for call in calls:
            call(request)  # type: ignore[operator]
        return Response(200)

    response = contextvars.copy_context().run(bind_request, request_with(), respond)

    assert response.header("vary") == vary
