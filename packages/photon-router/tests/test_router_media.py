from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import attrs
import pytest

from photon_router import (
    Application,
    Body,
    Depends,
    DocumentError,
    Json,
    Request,
    SignatureError,
)
from photon_router.arguments._media import media_rank
from photon_runtime.http import ServerSettings
from photon_runtime.testing import LiveServer, live_server, send_request

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@attrs.frozen
class Item:
    name: str
    price: float = 1


OPTIONAL: Any = [Json[Item] | None, Body[bytes] | None, Body[str] | None]


def taking(annotation: Any, *default: Any) -> Application:
    router = Application()

    def handler(data: Any) -> object:
        return list(map(bytes.decode, data)) if hasattr(data, "__next__") else repr(data)

    handler.__annotations__["data"] = annotation
    handler.__defaults__ = default or None
    router.post("/")(handler)
    return router


def described(
    content: dict[str, Any], annotation: Any = Any, *, required: bool = True
) -> Application:
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/": {
                "post": {
                    "operationId": "take",
                    "requestBody": {"content": content, "required": required},
                    "responses": {"200": {"description": "ok", "content": {JSON: {}}}},
                }
            }
        },
    }
    router = Application(spec=spec)

    def handler(data: Any = None) -> object:
        return repr(data)

    handler.__annotations__["data"] = annotation
    router.operation("take")(handler)
    return router


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
    "required": ["name"],
}
MANY: dict[str, Any] = {
    JSON: {"schema": SCHEMA},
    FORM: {"schema": SCHEMA},
    "multipart/form-data": {"schema": SCHEMA},
}


# Which reader


@pytest.mark.parametrize(
    ("sent", "declared", "rank"),
    [
        ("application/json", "application/json", 4),
        ("application/json", "Application/JSON; charset=utf-8", 4),
        ("application/vnd.api+json", "application/json", 3),
        ("text/csv", "text/*", 2),
        ("text/csv", "*/*", 1),
        ("image/png", "application/octet-stream", 1),
        ("text/csv", "application/json", 0),
        ("textual/csv", "text/*", 0),
    ],
)
def test_the_most_specific_declared_type_fits_best(sent: str, declared: str, rank: int) -> None:
    assert media_rank(sent, declared) == rank


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"name":"a","price":2}', JSON),
        (b'{"name":"a","price":2}', "application/problem+json; charset=UTF-8"),
        (b"name=a&price=2", FORM),
        (b"name=a&price=2", "Application/X-WWW-Form-Urlencoded; charset=utf-8"),
        (
            b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\na\r\n'
            b'--B\r\nContent-Disposition: form-data; name="price"\r\n\r\n2\r\n--B--',
            "multipart/form-data; boundary=B",
        ),
    ],
)
@pytest.mark.parametrize("annotation", [Item, Any, dict], ids=str)
def test_one_body_may_come_in_several_types(body: bytes, kind: str, annotation: Any) -> None:
    response = send_request(
        described(MANY, annotation), "POST", "/", body=body, headers={"content-type": kind}
    )
    assert response.status == 200
    value = response.json()
    assert value in (
        "Item(name='a', price=2.0)",
        "{'name': 'a', 'price': 2}",
        "{'name': 'a', 'price': 2.0}",
    )


def test_every_type_is_validated_by_its_schema() -> None:
    for body, kind in ((b'{"price":"x"}', JSON), (b"price=x", FORM)):
        response = send_request(
            described(MANY, Item), "POST", "/", body=body, headers={"content-type": kind}
        )
        assert response.status == 422
        assert [each["pointer"] for each in response.json()["errors"]] == ["/price", "/name"]


def test_a_type_that_is_not_declared_is_refused_and_the_others_named() -> None:
    response = send_request(
        described(MANY), "POST", "/", body=b"<a/>", headers={"content-type": "application/xml"}
    )
    assert response.status == 415
    assert response.headers.get("accept-post") == ", ".join(MANY)


def test_bytes_are_taken_whatever_the_document_declares() -> None:
    content = {JSON: {"schema": SCHEMA}, "application/xml": {}}
    for kind in content:
        response = send_request(
            described(content, bytes), "POST", "/", body=b"<a/>", headers={"content-type": kind}
        )
        assert response.json() == "b'<a/>'"


def test_what_cannot_be_read_as_the_argument_wants_is_not_accepted() -> None:
    content = {JSON: {"schema": SCHEMA}, "application/xml": {}}
    router = described(content, Item)
    assert (
        send_request(
            router, "POST", "/", body=b"<a/>", headers={"content-type": "application/xml"}
        ).status
        == 415
    )
    assert (
        send_request(
            router, "POST", "/", body=b'{"name":"a"}', headers={"content-type": JSON}
        ).status
        == 200
    )
    with pytest.raises(DocumentError, match="application/xml cannot be read as"):
        send_request(described({"application/xml": {}}, Item), "POST", "/", body=b"")


def test_a_body_of_any_type_is_json_where_a_class_is_required() -> None:
    router = described({"*/*": {"schema": SCHEMA}}, Item)
    assert (
        send_request(
            router, "POST", "/", body=b'{"name":"a"}', headers={"content-type": "x/y"}
        ).status
        == 200
    )


def test_text_and_bytes_are_given_where_nothing_is_said() -> None:
    content: dict[str, Any] = {"text/csv": {}, "image/*": {}}
    assert (
        send_request(
            described(content), "POST", "/", body=b"a,b", headers={"content-type": "text/csv"}
        ).json()
        == "'a,b'"
    )
    assert (
        send_request(
            described(content), "POST", "/", body=b"\xff", headers={"content-type": "image/png"}
        ).json()
        == "b'\\xff'"
    )


# Charsets and codings


def test_a_text_is_read_in_its_charset() -> None:
    router = taking(Body[str])
    latin = {"content-type": "text/plain; charset=ISO-8859-1"}
    assert (
        send_request(router, "POST", "/", body="ä".encode("latin-1"), headers=latin).json() == "'ä'"
    )
    assert (
        send_request(
            router,
            "POST",
            "/",
            body="ä".encode(),
            headers={"content-type": 'text/plain;charset="utf-8"'},
        ).json()
        == "'ä'"
    )
    assert (
        send_request(
            router, "POST", "/", body=b"\xff", headers={"content-type": "text/plain"}
        ).status
        == 400
    )
    assert (
        send_request(
            router,
            "POST",
            "/",
            body=b"\xff",
            headers={"content-type": "text/plain; charset=us-ascii"},
        ).status
        == 400
    )


@pytest.mark.parametrize("charset", ["utf-16", "rot13", "zip", "", "x" * 500])
def test_a_charset_that_is_not_known_is_refused(charset: str) -> None:
    router = taking(Body[str])
    kind = f"text/plain; charset={charset}"
    assert (
        send_request(router, "POST", "/", body=b"a", headers={"content-type": kind}).status == 415
    )


def test_json_and_forms_are_utf_8() -> None:
    for router, body, kind in (
        (taking(Json[Item]), b'{"name":"a"}', JSON),
        (described(MANY), b"name=a", FORM),
    ):
        assert (
            send_request(
                router, "POST", "/", body=body, headers={"content-type": f"{kind}; charset=utf-8"}
            ).status
            == 200
        )
        assert (
            send_request(
                router, "POST", "/", body=body, headers={"content-type": f"{kind}; charset=latin1"}
            ).status
            == 415
        )


@pytest.mark.parametrize(
    "annotation", [Json[Item], Body[bytes], Body[str], Body[Iterator[bytes]]], ids=str
)
def test_a_body_that_is_compressed_is_refused(annotation: Any) -> None:
    router = taking(annotation)
    json = {"content-type": "application/json"}
    response = send_request(
        router, "POST", "/", body=b'{"name":"a"}', headers=json | {"content-encoding": "gzip"}
    )
    assert response.status == 415
    assert response.headers.get("accept-encoding") == "identity"
    assert (
        send_request(
            router,
            "POST",
            "/",
            body=b'{"name":"a"}',
            headers=json | {"content-encoding": "Identity"},
        ).status
        == 200
    )


# Empty bodies


@pytest.mark.parametrize("annotation", [Json[Item], Body[bytes], Body[str]], ids=str)
def test_a_missing_body_is_refused_where_one_is_required(annotation: Any) -> None:
    response = send_request(taking(annotation), "POST", "/", body=b"")
    assert response.status == 422
    assert response.json()["errors"][0]["message"] == "a body is required"


def test_an_empty_body_with_a_type_is_an_empty_text() -> None:
    assert (
        send_request(
            taking(Body[str]), "POST", "/", body=b"", headers={"content-type": "text/plain"}
        ).json()
        == "''"
    )
    assert (
        send_request(
            taking(Body[bytes]), "POST", "/", body=b"", headers={"content-type": "x/y"}
        ).json()
        == "b''"
    )
    assert (
        send_request(
            taking(Json[Item]), "POST", "/", body=b"", headers={"content-type": JSON}
        ).status
        == 422
    )


@pytest.mark.parametrize("annotation", OPTIONAL, ids=str)
def test_an_optional_body_may_be_missing(annotation: Any) -> None:
    assert send_request(taking(annotation, None), "POST", "/", body=b"").json() == "None"


def test_an_optional_form_may_be_missing() -> None:
    router = described(MANY, dict, required=False)
    assert send_request(router, "POST", "/", body=b"").json() == "None"
    assert send_request(described(MANY, dict), "POST", "/", body=b"").status == 422


# Streams


@pytest.mark.parametrize(
    "annotation", [Body[Iterator[bytes]], Body[Iterable[bytes]], Iterator[bytes]], ids=str
)
def test_a_stream_gives_the_parts_as_they_come(annotation: Any) -> None:
    router = taking(annotation)
    assert send_request(
        router, "POST", "/", body=b"abc", headers={"content-type": "x/y"}
    ).json() == ["abc"]
    content = router.document()["paths"]["/"]["post"]["requestBody"]["content"]
    assert content == {"application/octet-stream": {}}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    router = Application()

    @router.post("/count")
    def count(parts: Body[Iterator[bytes]]) -> int:
        return sum(map(len, parts))

    with live_server(router, settings=ServerSettings(max_body_size=1_000_000)) as server:
        yield server


def test_a_stream_is_bounded_by_the_limit_of_the_body(server: LiveServer) -> None:
    head = b"POST /count HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
    chunked = head + b"transfer-encoding: chunked\r\n\r\n"
    chunk = b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
    assert server.exchange(chunked + chunk * 5 + b"0\r\n\r\n").endswith(b"\r\n\r\n500000")
    response = server.exchange(chunked + chunk * 11 + b"0\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in response


def test_a_raw_body_of_another_type_is_a_mistake() -> None:
    router = taking(Body[Item])
    with pytest.raises(SignatureError, match=r"bytes, str or Iterator\[bytes\].*Json or Form"):
        router.document()


# -- bodies that no argument takes ---------------------------------------------------------------

UNTAKEN: dict[str, Any] = {
    JSON: {"schema": SCHEMA},
    FORM: {"schema": SCHEMA},
    "text/csv": {"schema": {"type": "string", "maxLength": 3}},
    "image/png": {},
}


def untaken(*, required: bool = True, content: dict[str, Any] = UNTAKEN) -> Application:
    return Application(spec=described(content, required=required).document())


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"name":"tea"}', JSON, 200),
        (b'{"price":"1"}', JSON, 422),
        (b"{", JSON, 400),
        (b"name=tea", FORM, 200),
        (b"price=1", FORM, 422),
        (b"abc", "text/csv", 200),
        (b"abcd", "text/csv", 422),
        (b"\x89", "image/png", 200),
        (b"<a/>", "text/xml", 415),
        (b"", None, 422),
    ],
)
def test_a_body_that_no_argument_takes_is_validated_as_the_document_says(
    body: bytes, kind: str | None, status: int
) -> None:
    router = untaken()

    @router.operation("take")
    def take() -> str:
        return "taken"

    assert (
        send_request(
            router, "POST", "/", body=body, headers={} if kind is None else {"content-type": kind}
        ).status
        == status
    )


def test_every_error_of_such_a_body_is_reported_beside_those_of_the_parameters() -> None:
    document = untaken().document()
    document["paths"]["/"]["post"]["parameters"] = [
        {"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}}
    ]
    router = Application(spec=document)

    @router.operation("take")
    def take() -> str:
        return "taken"

    errors = send_request(
        router, "POST", "/", body=b'{"price":"1"}', headers={"content-type": JSON}
    ).json()["errors"]
    assert [detail.get("name", detail.get("pointer")) for detail in errors] == [
        "n",
        "/price",
        "/name",
    ]


def test_an_optional_body_that_no_argument_takes_may_be_missing() -> None:
    router = untaken(required=False)

    @router.operation("take")
    def take() -> str:
        return "taken"

    assert send_request(router, "POST", "/", body=b"").status == 200
    assert (
        send_request(router, "POST", "/", body=b"{}", headers={"content-type": JSON}).status == 422
    )


def test_a_handler_that_takes_the_request_reads_the_body_by_itself() -> None:
    router = untaken()

    @router.operation("take")
    def take(request: Request) -> str:
        return b"".join(request.stream()).decode()

    assert (
        send_request(
            router, "POST", "/", body=b'{"price":1}', headers={"content-type": JSON}
        ).json()
        == '{"price":1}'
    )
    assert (
        send_request(router, "POST", "/", body=b"<a/>", headers={"content-type": "text/xml"}).json()
        == "<a/>"
    )


def test_a_handler_that_takes_the_stream_reads_the_body_by_itself() -> None:
    router = untaken()

    @router.operation("take")
    def take(parts: Iterator[bytes]) -> str:
        return b"".join(parts).decode()

    assert (
        send_request(
            router, "POST", "/", body=b'{"price":1}', headers={"content-type": JSON}
        ).json()
        == '{"price":1}'
    )


def test_a_dependency_that_looks_at_the_request_does_not_keep_the_body_from_being_validated() -> (
    None
):
    router = untaken()

    def method(request: Request) -> str:
        return request.method + request.body.decode()

    @router.operation("take")
    def take(of: Annotated[str, Depends(method)]) -> str:
        return of

    assert (
        send_request(router, "POST", "/", body=b"{}", headers={"content-type": JSON}).status == 422
    )
    assert (
        send_request(
            router, "POST", "/", body=b'{"name":""}', headers={"content-type": JSON}
        ).json()
        == 'POST{"name":""}'
    )


def test_a_body_without_media_types_is_not_validated() -> None:
    router = untaken(content={})

    @router.operation("take")
    def take() -> str:
        return "taken"

    assert (
        send_request(router, "POST", "/", body=b"{", headers={"content-type": JSON}).status == 200
    )


def test_a_wrong_schema_of_a_body_that_no_argument_takes_is_reported_at_start() -> None:
    router = untaken(content={JSON: {"schema": {"pattern": "("}}})

    @router.operation("take")
    def take() -> str:
        return "taken"

    with pytest.raises(DocumentError, match=r"the regular expression .* cannot be compiled"):
        send_request(router, "POST", "/", body=b"")
