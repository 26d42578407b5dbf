from typing import Any

import attrs
import pytest

from photon_router import Application, Form, UploadFile
from photon_runtime.testing import send_request

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def part(name: str, content: bytes | str, *, more: str = "", kind: str = "") -> bytes:
    data = content.encode() if isinstance(content, str) else content
    head = f"\r\nContent-Type: {kind}" if kind else ""
    return (
        f'--B\r\nContent-Disposition: form-data; name="{name}"{more}{head}\r\n\r\n'.encode()
        + data
        + b"\r\n"
    )


def router_of(
    properties: dict[str, Any],
    *,
    media: str = FORM,
    encoding: dict[str, Any] | None = None,
    components: dict[str, Any] | None = None,
    **more: Any,
) -> Application:
    schema = {"type": "object", "properties": properties, **more}
    content: dict[str, Any] = {"schema": schema}
    if encoding is not None:
        content["encoding"] = encoding
    return Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {
                "/": {
                    "post": {
                        "operationId": "take",
                        "requestBody": {"content": {media: content}, "required": True},
                        "responses": {
                            "200": {"description": "ok", "content": {"application/json": {}}}
                        },
                    }
                }
            },
            "components": {"schemas": components or {}},
        }
    )


def ask(router: Application, body: bytes, kind: str = FORM) -> Any:
    kind = f"{MULTIPART}; boundary=B" if kind == MULTIPART else kind
    body += b"--B--" if kind.startswith(MULTIPART) else b""
    response = send_request(router, "POST", "/", headers={"content-type": kind}, body=body)
    found = response.json()
    if response.status == 200:
        return found
    return response.status, [
        (each.get("pointer"), each["message"]) for each in found.get("errors", [])
    ]


def plain(router: Application) -> Application:
    @router.operation("take")
    def take(data: dict[str, Any]) -> object:
        return {
            name: [value.filename, value.read().decode()]
            if isinstance(value, UploadFile)
            else value
            for name, value in data.items()
        }

    return router


# Values of the schema's types


def test_texts_become_what_the_schema_says() -> None:
    router = plain(
        router_of(
            {
                "n": {"type": "integer"},
                "f": {"type": ["number", "null"]},
                "b": {"$ref": "#/components/schemas/Flag"},
                "s": {"type": "string"},
                "list": {"type": "array", "items": {"type": "integer"}},
            },
            components={"Flag": {"type": "boolean"}},
        )
    )
    assert ask(router, b"n=1&f=2.5&b=true&s=3&list=4&list=5&other=6") == {
        "n": 1, "f": 2.5, "b": True, "s": "3", "list": [4, 5], "other": "6",
    }  # fmt: skip


def test_the_schema_gives_the_check_with_every_error() -> None:
    router = plain(
        router_of(
            {"n": {"type": "integer", "minimum": 2}, "list": {"type": "array", "maxItems": 1}},
            required=["n", "s"],
            additionalProperties=False,
        )
    )
    assert ask(router, b"n=x&list=1&list=2&z=1") == (
        422,
        [
            ("/n", "expected integer, got string"),
            ("/list", "must have at most 1 item"),
            ("/z", "unknown member"),
            ("/s", 'missing required member "s"'),
        ],
    )
    assert ask(router, b"n=1&s=a")[1] == [
        ("/n", "must be >= 2"),
        ("/s", "unknown member"),
    ]


def test_properties_of_branches_count() -> None:
    router = plain(
        router_of(
            {},
            allOf=[{"properties": {"n": {"type": "integer"}}}, {"$ref": "#/components/schemas/M"}],
            components={"M": {"properties": {"m": {"type": "number"}}}},
        )
    )
    assert ask(router, b"n=1&m=2") == {"n": 1, "m": 2}


# Encoding


@pytest.mark.parametrize(
    ("encoding", "body", "value"),
    [
        ({}, b"a=1&a=2", [1, 2]),
        ({"style": "form", "explode": False}, b"a=1,2", [1, 2]),
        ({"explode": False}, b"a=1,2", [1, 2]),
        ({"explode": False}, b"a=", []),
        ({"style": "spaceDelimited", "explode": False}, b"a=1+2", [1, 2]),
        ({"style": "pipeDelimited", "explode": False}, b"a=1%7C2", [1, 2]),
        ({"contentType": "application/json"}, b"a=[1,2]", [1, 2]),
        ({"contentType": "application/json"}, b"a=1&a=2", [1, 2]),
    ],
)
def test_arrays_are_read_as_their_encoding_says(
    encoding: dict[str, Any], body: bytes, value: object
) -> None:
    router = router_of(
        {"a": {"type": "array", "items": {"type": "integer"}}}, encoding={"a": encoding}
    )
    assert ask(plain(router), body) == {"a": value}


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ({}, b'a={"x":1,"y":"2"}'),
        ({"contentType": "application/json"}, b'a={"x":1,"y":"2"}'),
        ({"style": "deepObject"}, b"a[x]=1&a[y]=2"),
        ({"style": "form", "explode": True}, b"x=1&y=2"),
        ({"style": "form", "explode": False}, b"a=x,1,y,2"),
    ],
)
def test_objects_are_read_as_their_encoding_says(encoding: dict[str, Any], body: bytes) -> None:
    inner = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "string"}}}
    router = router_of({"a": inner}, encoding={"a": encoding}, additionalProperties=False)
    assert ask(plain(router), body) == {"a": {"x": 1, "y": "2"}}


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\\ud800", '"' + "x" * 10, "1" * 10_000])
def test_a_json_part_that_is_none_is_an_error_of_its_field(text: str) -> None:
    router = plain(router_of({"a": {"type": "object"}}, media=MULTIPART))
    status, errors = ask(router, part("a", text), MULTIPART)
    assert (status, errors[0][0]) == (422, "/a")


def test_a_json_part_is_decoded() -> None:
    router = plain(
        router_of(
            {"meta": {"type": "object", "required": ["x"]}, "file": {"format": "binary"}},
            media=MULTIPART,
            encoding={
                "meta": {"contentType": "application/json", "headers": {"X-A": {"schema": {}}}}
            },
        )
    )
    file = part("file", "hello", more='; filename="a.txt"', kind="text/plain")
    meta = part("meta", '{"x": [1]}', more='; filename="blob"', kind="application/json")
    assert ask(router, file + meta, MULTIPART) == {
        "meta": {"x": [1]},
        "file": ["a.txt", "hello"],
    }
    assert ask(router, part("meta", "{}"), MULTIPART) == (
        422,
        [("/meta/x", 'missing required member "x"')],
    )


def test_a_part_of_another_type_than_its_encoding_says_is_refused() -> None:
    router = plain(
        router_of(
            {"image": {"type": "string", "format": "binary"}, "note": {"type": "string"}},
            media=MULTIPART,
            encoding={
                "image": {"contentType": "image/png, image/jpeg"},
                "note": {"contentType": "text/*"},
            },
        )
    )
    wrong = part("image", "x", kind="text/html") + part("note", "x", kind="application/pdf")
    assert ask(router, wrong, MULTIPART) == (
        422,
        [("/image", "must be of type image/png, image/jpeg"), ("/note", "must be of type text/*")],
    )
    right = part("image", "x", kind="image/PNG") + part("note", "x")
    assert ask(router, right, MULTIPART) == {"image": ["", "x"], "note": "x"}


# Files


@pytest.mark.parametrize(
    ("schema", "encoding"),
    [
        ({"type": "string", "format": "binary"}, {}),
        ({"type": "string", "contentMediaType": "image/png"}, {}),
        ({}, {"contentType": "application/octet-stream"}),
        ({"$ref": "#/components/schemas/Bytes"}, {}),
    ],
)
def test_binary_properties_are_files(schema: Any, encoding: Any) -> None:
    router = router_of(
        {"file": schema},
        media=MULTIPART,
        encoding={"file": encoding},
        components={"Bytes": {"type": "string", "format": "binary"}},
        required=["file"],
    )
    assert ask(plain(router), part("file", b"abc"), MULTIPART) == {"file": ["", "abc"]}
    assert ask(router, part("other", b"abc"), MULTIPART) == (
        422,
        [("/file", 'missing required member "file"')],
    )


def test_several_files_and_their_lengths() -> None:
    binary = {"type": "string", "format": "binary", "maxLength": 3}
    router = router_of(
        {"files": {"type": "array", "items": binary, "maxItems": 2}}, media=MULTIPART
    )

    @router.operation("take")
    def take(files: list[UploadFile]) -> object:
        return [file.size for file in files]

    one = part("files", "abc")
    assert ask(router, one * 2, MULTIPART) == [3, 3]
    assert ask(router, one * 3, MULTIPART) == (422, [("/files", "must have at most 2 items")])
    assert ask(router, part("files", "abcd"), MULTIPART) == (
        422,
        [("/files", "must have at most 3 bytes")],
    )


# What handlers take


@attrs.frozen
class Upload:
    title: str
    file: UploadFile
    count: int = 1
    item_count: int = 0


PROPERTIES: dict[str, Any] = {
    "title": {"type": "string"},
    "file": {"type": "string", "format": "binary"},
    "itemCount": {"type": "integer"},
    "count": {"type": "integer"},
}
SENT = part("title", "t") + part("file", "abc") + part("itemCount", "7") + part("count", "8")


def test_arguments_take_fields_by_name() -> None:
    router = router_of(PROPERTIES, media=MULTIPART)

    @router.operation("take")
    def take(title: str, file: UploadFile, item_count: Form[int] = 0, count: int = 1) -> object:
        return [title, file.size, item_count, count]

    assert ask(router, SENT, MULTIPART) == ["t", 3, 7, 8]
    assert ask(router, part("title", "t"), MULTIPART) == (422, [("/file", "is required")])


@pytest.mark.parametrize("annotation", [Upload, Form[Upload]], ids=str)
def test_a_class_takes_the_whole_form(annotation: Any) -> None:
    router = router_of(PROPERTIES, media=MULTIPART, required=["title", "file"])

    def take(data: Any) -> object:
        return [data.title, data.file.read().decode(), data.count, data.item_count]

    take.__annotations__["data"] = annotation
    router.operation("take")(take)
    assert ask(router, SENT, MULTIPART) == ["t", "abc", 8, 7]
    status, errors = ask(router, part("title", "t"), MULTIPART)
    assert (status, errors) == (422, [("/file", 'missing required member "file"')])


def test_bytes_take_the_content_of_a_file() -> None:
    router = router_of(PROPERTIES, media=MULTIPART)

    @router.operation("take")
    def take(file: Form[bytes]) -> str:
        return file.decode()

    assert ask(router, SENT, MULTIPART) == "abc"
