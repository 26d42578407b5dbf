import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.errors import MalformedBody
from photon_router import Application, Form, FormSettings, HttpError, Request, UploadFile
from photon_router._upload import MEMORY
from photon_router.arguments._form import FormData, form_reader
from photon_runtime.http import ServerSettings
from photon_runtime.testing import LiveServer, live_server

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"


def part(name: str, content: bytes | str = b"", *, more: str = "", head: str = "") -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return (
        f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{head}\r\n'.encode()
        + data
        + b"\r\n"
    )


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--B--\r\n"


def request(body: bytes | list[bytes], kind: str = MULTIPART) -> Request:
    made = Request("POST", "/", [(b"content-type", kind.encode())], body_limit=1 << 30)
    if isinstance(body, list):
        made._source = Pieces(body)
        made._is_complete = False
    else:
        made._parts = [body]
    return made


class Pieces:
    """Gives the body in pieces, as a connection would."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def receive_body(self, request: Request) -> bytes:
        if self.pieces:
            return self.pieces.pop(0)
        request._is_complete = True
        return b""


def read(
    body: bytes | list[bytes],
    kind: str = MULTIPART,
    files: tuple[str, ...] = ("file",),
    fields: tuple[str, ...] | None = None,
    limits: FormSettings | None = None,
) -> FormData:
    return form_reader(files, fields, limits or FormSettings())(request(body, kind))


def texts(form: FormData) -> dict[str, list[str]]:
    return {name: [part.text for part in parts] for name, parts in form.fields.items()}


# urlencoded


def test_fields_are_decoded_and_kept_in_order() -> None:
    form = read(b"a=1&b=%C3%A4+x&a=2&&c&d=", URLENCODED)
    assert texts(form) == {"a": ["1", "2"], "b": ["ä x"], "c": [""], "d": [""]}


def test_fields_that_nobody_asks_for_are_dropped() -> None:
    assert texts(read(b"a=1&b=2", URLENCODED, fields=("b",))) == {"b": ["2"]}


@pytest.mark.parametrize("body", [b"a=%zz", b"a=%", b"a=%4", b"a=%ff", b"\xff=1", b"a=\xc0\xaf"])
def test_what_is_no_urlencoded_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read(body, URLENCODED)


def test_the_number_of_urlencoded_fields_is_bounded() -> None:
    assert (
        len(
            read(b"&".join([b"a=1"] * 10), URLENCODED, limits=FormSettings(max_fields=10)).fields[
                "a"
            ]
        )
        == 10
    )
    for body in (b"&".join([b"a=1"] * 11), b"&" * 10, b"&" * 1_000_000):
        with pytest.raises(HttpError, match="at most 10 fields"):
            read(body, URLENCODED, limits=FormSettings(max_fields=10))


def test_a_form_may_be_allowed_no_fields_at_all() -> None:
    none = FormSettings(max_fields=0)
    assert not read(b"", URLENCODED, limits=none).fields
    with pytest.raises(HttpError, match="at most 0 fields"):
        read(b"a=1", URLENCODED, limits=none)


@pytest.mark.parametrize("sent", ["12345", "ééé", "%C3%A9%C3%A9%C3%A9"])
def test_the_size_of_an_urlencoded_field_is_bounded_in_bytes(sent: str) -> None:
    with pytest.raises(HttpError, match="413"):
        read(f"a={sent}".encode(), URLENCODED, limits=FormSettings(max_field_size=4))
    assert read(f"a={sent}".encode(), URLENCODED, limits=FormSettings(max_field_size=6)).fields


@given(st.dictionaries(st.text(), st.text(), max_size=8))
def test_what_a_browser_encodes_comes_back(fields: dict[str, str]) -> None:
    from urllib.parse import urlencode

    encoded = urlencode({key: value for key, value in fields.items() if key or value})
    assert texts(read(encoded.encode(), URLENCODED)) == {
        key: [value] for key, value in fields.items() if key or value
    }


# multipart


def test_texts_and_files_are_distinguished_by_who_made_the_form() -> None:
    form = read(
        multipart(
            part("note", "hällo"),
            part(
                "file", b"\x00\xff", more='; filename="a.bin"', head="Content-Type: image/png\r\n"
            ),
            part(
                "meta", b"{}", more='; filename="blob"', head="Content-Type: application/json\r\n"
            ),
            part("file", b"second"),
        )
    )
    assert texts(form) == {"note": ["hällo"], "meta": ["{}"]}
    assert form.fields["meta"][0].content_type == "application/json"
    first, second = form.files["file"]
    assert (first.filename, first.content_type, first.read()) == ("a.bin", "image/png", b"\x00\xff")
    assert (second.filename, second.read()) == ("", b"second")


def test_a_file_that_was_not_chosen_is_none() -> None:
    form = read(multipart(part("file", more='; filename=""')))
    assert not form.files["file"]


def test_names_that_browsers_escape_are_read() -> None:
    form = read(multipart(part("file", b"x", more='; filename="a%22b.txt"')))
    assert form.files["file"][0].filename == 'a"b.txt'


@given(st.integers(1, 60), st.binary(max_size=200))
def test_the_pieces_in_which_it_comes_do_not_matter(size: int, content: bytes) -> None:
    if b"\r\n--B" in b"\r\n" + content + b"\r":
        return
    body = b"preamble\r\n" + multipart(part("file", content), part("a", "b")) + b"epilogue"
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    form = read(pieces)
    assert texts(form) == {"a": ["b"]}
    assert [file.read() for file in form.files["file"]] == ([content] if content else [])


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "b" * 71,
        'multipart/form-data; boundary="a b "',
        'multipart/form-data; boundary="a\\"b"',
        'multipart/form-data; boundary="ä"',
        "multipart/form-data; boundary==",
    ],
)
def test_a_boundary_that_is_none_is_malformed(kind: str) -> None:
    with pytest.raises(MalformedBody, match="boundary"):
        read(multipart(part("a", "b")), kind.encode("utf-8").decode("latin-1"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--B",
        b"--B\r\n",
        b"--B\r\n\r\nx\r\n--B--",
        b"--B\nContent-Disposition: form-data; name=a\n\nx\n--B--",
        b'--B\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--B--',
        b"--B\r\nnonsense\r\n\r\nx\r\n--B--",
        b"--B\r\nContent-Disposition: form-data; name=\xff\r\n\r\nx\r\n--B--",
        part("a", b"\xff") + b"--B--",
        part("a", "x"),
        part("file", "x")[:-3],
        part("a", "x", head="Content-Length: 7\r\n") + b"--B--",
        b"{}",
        b"--Bx\r\n",
    ],
)
def test_what_is_no_multipart_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read(body)


@pytest.mark.parametrize(
    ("body", "limits"),
    [
        (multipart(*[part("a", "x")] * 4), FormSettings(max_fields=3)),
        (multipart(*[part("unknown", "x")] * 4), FormSettings(max_fields=3)),
        (multipart(*[part("file", "x")] * 4), FormSettings(max_files=3)),
        (multipart(part("a", "12345")), FormSettings(max_field_size=4)),
        (multipart(part("file", "12345")), FormSettings(max_file_size=4)),
        (multipart(part("a", head="X: " + "y" * 5000 + "\r\n")), FormSettings()),
        (multipart(part("a", head="X: y\r\n" * 9)), FormSettings()),
        (b"--B\r\n" + b"x" * 5000, FormSettings()),
    ],
)
def test_what_is_over_a_limit_is_413(body: bytes, limits: FormSettings) -> None:
    with pytest.raises(HttpError) as caught:
        read(body, fields=("a",), limits=limits)
    assert caught.value.status == 413


def test_files_are_closed_at_the_end_also_where_the_form_was_refused() -> None:
    asked = request(multipart(part("file", b"x" * (MEMORY + 1)), part("a", b"\xff")))
    reader = form_reader(("file",), None, FormSettings())
    with pytest.raises(MalformedBody):
        reader(asked)
    assert asked._callbacks is not None
    receiver: Any = asked._callbacks[0]
    [upload] = receiver.__self__.files["file"]
    asked.run_after_response_callbacks()
    assert upload.file.closed


@given(st.binary(max_size=300), st.integers(1, 50))
def test_nothing_that_is_sent_fails_otherwise(noise: bytes, size: int) -> None:
    body = multipart(part("a", "b"), part("file", "c"))
    broken = body[:size] + noise + body[size:]
    for data in (noise, broken, body[: -size % len(body)]):
        asked = request([data[start : start + size] for start in range(0, len(data), size)])
        try:
            form_reader(("file",), None, FormSettings())(asked)
        except (MalformedBody, HttpError):
            pass
        asked.run_after_response_callbacks()


# over a socket


def uploads() -> Application:
    router = Application()

    @router.post("/")
    def take(file: UploadFile | None = None, note: Form[str] = "", a: Form[str] = "") -> object:
        return [0 if file is None else file.size, note, a]

    @router.post("/fields")
    def fields(a: Form[str] = "") -> str:
        return a

    return router


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(uploads(), settings=ServerSettings(max_body_size=128 << 20)) as server:
        yield server


def send(
    server: LiveServer, body: bytes, kind: str = MULTIPART, path: str = "/"
) -> tuple[int, Mapping[str, Any] | Any]:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    with server.connect(timeout=30) as client:
        try:
            client.sendall(head.encode("latin-1") + body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was refused before it was sent
        response = b""
        try:
            while data := client.recv(65536):
                response += data
        except ConnectionResetError:
            pass
    top, _, content = response.partition(b"\r\n\r\n")
    status = int(top.split()[1])
    if status >= 400:
        assert b"application/problem+json" in top
    return status, json.loads(content)


def test_a_large_file_is_taken(server: LiveServer) -> None:
    content = b"x" * 5_000_000
    body = multipart(part("note", "hi"), part("file", content, more='; filename="a"'))
    assert send(server, body) == (200, [5_000_000, "hi", ""])


@pytest.mark.parametrize(
    ("name", "body", "kind", "path", "statuses"),
    [
        ("a million fields", b"a=1&" * 1_000_000, URLENCODED, "/fields", (413,)),
        ("a million parts", part("a", "x") * 1_000_000 + b"--B--", MULTIPART, "/", (413,)),
        ("a million heads", b"--B\r\n" + b"a: b\r\n" * 1_000_000, MULTIPART, "/", (413,)),
        ("one huge head", b"--B\r\na: " + b"x" * 5_000_000, MULTIPART, "/", (413,)),
        (
            "huge preamble",
            b"x" * 20_000_000 + b"\r\n" + multipart(part("a", "b")),
            MULTIPART,
            "/",
            (200,),
        ),
        ("huge epilogue", multipart(part("a", "b")) + b"x" * 20_000_000, MULTIPART, "/", (200,)),
        ("carriage returns", part("a", b"\r" * 900_000) + b"--B--", MULTIPART, "/", (200,)),
        (
            "half boundaries",
            part("file", b"\r\n--A" * 1_000_000) + b"--B--",
            MULTIPART,
            "/",
            (200,),
        ),
        (
            "hostile options",
            part("a", more=';a="\\' * 700) * 900 + b"--B--",
            MULTIPART,
            "/",
            (200, 400),
        ),
        ("truncated", part("file", b"x" * 1_000_000), MULTIPART, "/", (400,)),
        ("one huge field", part("a", b"x" * 5_000_000), MULTIPART, "/", (413,)),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_hostile_forms_are_responded_to_quickly(
    server: LiveServer, name: str, body: bytes, kind: str, path: str, statuses: tuple[int, ...]
) -> None:
    began = time.process_time()
    status, _ = send(server, body, kind, path)
    assert status in statuses
    assert time.process_time() - began < 5


# The end of files


def test_files_are_gone_after_the_response_also_when_the_handler_fails() -> None:
    router = Application()
    kept: list[UploadFile] = []

    @router.post("/")
    def take(file: UploadFile, fail: bool = False) -> int:
        kept.append(file)
        if fail:
            raise RuntimeError("no")
        return len(file.read())

    @router.get("/")
    def ask_again() -> list[bool]:
        return [file.file.closed for file in kept]

    body = multipart(part("file", b"x" * (MEMORY + 1)))
    with live_server(router) as server:
        assert send(server, body)[0] == 200
        assert send(server, body, path="/?fail=1")[0] == 500
        response = server.exchange(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert response.endswith(b"[true,true]")


def test_files_are_gone_when_the_client_leaves_in_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()
    closed: list[bool] = []
    close = FormData.close

    def watched(form: FormData) -> None:
        close(form)
        closed.extend(file.file.closed for files in form.files.values() for file in files)
        ended.set()

    monkeypatch.setattr(FormData, "close", watched)
    with live_server(uploads()) as server:
        with server.connect() as client:
            client.sendall(
                b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n"
                b"content-type: multipart/form-data; boundary=B\r\n\r\n"
                + part("file", b"x" * 400_000)
            )
        assert ended.wait(10)
    assert closed == [True]
