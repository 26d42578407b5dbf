"""Options of handlers: on decorators, on routers, and where a document was there first."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import attrs
import pytest

from photon_router import Application, HttpError, SignatureError, photon_route
from photon_router.responses import Text
from photon_runtime.http import Request, Response
from photon_runtime.testing import send_request


@attrs.frozen
class Note:
    name: str
    text: str | None = None


WHOLE, SHORT = b'{"name":"a","text":null}', b'{"name":"a"}'


def note() -> Note:
    return Note("a")


def spec() -> dict[str, Any]:
    """Return a document whose response has a nullable member that is not required."""
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "text": {"type": ["string", "null"]}},
        "required": ["name"],
    }
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"description": "A note.", "content": content}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "A", "version": "1"},
        "paths": {"/note": {"get": {"operationId": "note", "responses": responses}}},
    }


# -- omit_none of a router ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_router", "of_decorator", "body"),
    [
        (None, None, WHOLE),
        (True, None, SHORT),
        (False, None, WHOLE),
        (True, False, WHOLE),
        (False, True, SHORT),
    ],
)
def test_a_router_leaves_out_none_where_the_decorator_does_not_say_it(
    of_router: bool | None, of_decorator: bool | None, body: bytes
) -> None:
    router = Application(omit_none=of_router)
    if of_decorator is None:
        router.get("/note")(note)
    else:
        router.get("/note", omit_none=of_decorator)(note)
    assert send_request(router, "GET", "/note").body == body


@pytest.mark.parametrize(
    ("outer", "at_include", "inner", "body"),
    [
        (True, None, None, SHORT),
        (None, True, None, SHORT),
        (None, None, True, SHORT),
        (True, False, None, WHOLE),
        (True, True, False, WHOLE),
        (None, None, None, WHOLE),
    ],
)
@pytest.mark.parametrize("is_spec_first", [False, True])
def test_of_routers_within_each_other_the_innermost_that_says_it_counts(
    outer: bool | None,
    at_include: bool | None,
    inner: bool | None,
    body: bytes,
    is_spec_first: bool,
) -> None:
    router = Application(omit_none=outer, spec=spec() if is_spec_first else None)
    included = Application(omit_none=inner)
    declare = included.operation("note") if is_spec_first else included.get("/note")
    declare(note)
    router.include(included, omit_none=at_include)
    assert send_request(router, "GET", "/note").body == body


def test_the_methods_of_a_view_and_marked_functions_go_by_their_router() -> None:
    router = Application(omit_none=True)

    @router.view("/view")
    class NoteView:
        def get(self) -> Note:
            return Note("a")

    @photon_route(method="GET", path="/marked")
    def marked() -> Note:
        return Note("a")

    module = ModuleType("notes")
    module.marked = marked  # type: ignore[attr-defined]
    router.include(module)
    router.include(module, prefix="/whole", omit_none=False)
    assert send_request(router, "GET", "/view").body == SHORT
    assert send_request(router, "GET", "/marked").body == SHORT
    assert send_request(router, "GET", "/whole/marked").body == WHOLE


# -- operations of a document ---------------------------------------------------------------------


@pytest.mark.parametrize(("said", "body"), [({}, WHOLE), ({"omit_none": True}, SHORT)])
def test_a_handler_of_an_operation_leaves_out_none_if_it_says_so(
    said: dict[str, Any], body: bytes
) -> None:
    router = Application(spec=spec())
    router.operation("note", **said)(note)
    assert send_request(router, "GET", "/note").body == body


def test_what_the_document_requires_is_sent_as_null_all_the_same() -> None:
    document = spec()
    response = document["paths"]["/note"]["get"]["responses"]["200"]
    response["content"]["application/json"]["schema"]["required"] = ["name", "text"]
    router = Application(spec=document)
    router.operation("note", omit_none=True)(note)
    assert send_request(router, "GET", "/note").body == WHOLE


def test_a_handler_of_an_operation_has_dependencies_middleware_and_error_handlers_of_its_own() -> (
    None
):
    seen: list[str] = []

    def dependency() -> None:
        seen.append("dependency")

    def layer(request: Request, call_next: Callable[[Request], Response]) -> Response:
        seen.append("layer")
        return call_next(request)

    router = Application(spec=spec())

    @router.middleware
    def outer(request: Request, call_next: Callable[[Request], Response]) -> Response:
        seen.append("outer")
        return call_next(request)

    @router.operation(
        "note",
        dependencies=[dependency],
        middleware=[layer],
        error_handlers={LookupError: lambda request, error: Text("lost", status=404)},
    )
    def handler() -> Note:
        raise LookupError

    response = send_request(router, "GET", "/note")
    assert (response.status, response.body) == (404, b"lost")
    assert seen == ["outer", "layer", "dependency"]


@pytest.mark.parametrize("name", ["status", "tags", "openapi_extra"])
def test_what_the_document_says_cannot_be_said_by_the_handler(name: str) -> None:
    with pytest.raises(SignatureError, match=rf"'{name}' belongs in the document; .*omit_none"):
        Application(spec=spec()).operation("note", **{name: []})  # type: ignore[arg-type]


def test_an_unknown_option_of_an_operation_names_the_nearest() -> None:
    with pytest.raises(SignatureError, match="did you mean 'omit_none'"):
        Application(spec=spec()).operation("note", omit_nones=True)  # type: ignore[call-arg]


# -- names of other frameworks --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("response_model", "annotate the return type"),
        ("response_model_exclude_none", "`omit_none`"),
        ("response_model_exclude_unset", "`omit_none`"),
        ("status_code", "`status`"),
        ("callbacks", "`openapi_extra`"),
    ],
)
def test_the_name_of_an_option_elsewhere_leads_to_the_one_here(name: str, advice: str) -> None:
    with pytest.raises(SignatureError, match=f"'{name}' is not an option of a handler: .*{advice}"):
        Application().get("/", **{name: True})  # type: ignore[arg-type]


def test_middleware_is_declared_without_brackets() -> None:
    with pytest.raises(
        SignatureError, match=r"not 'http': write @app\.middleware without brackets"
    ):
        Application().middleware("http")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [404, "ValueError", note])
def test_errors_are_responded_to_by_class_and_not_by_status(wrong: Any) -> None:
    with pytest.raises(SignatureError, match=r"write @app\.error_handler\(HttpError\)"):
        Application().error_handler(HttpError, wrong)
    with pytest.raises(SignatureError, match=r"write @app\.error_handler\(HttpError\)"):
        Application().get("/", error_handlers={wrong: note})(note)  # type: ignore[dict-item]
