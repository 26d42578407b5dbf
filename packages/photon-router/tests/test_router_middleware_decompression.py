from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterator

import brotli  # type: ignore[import-untyped]
import pytest

from photon_router import Application, Body, Form, Json, Request, Response, UploadFile
from photon_router.middleware import BodyLimit, Decompression
from photon_router.middleware._codings import coding_of
from photon_router.middleware._decodings import PIECE, decoded
from photon_runtime.http import HttpError
from photon_runtime.testing import live_server, make_request

FORM = "application/x-www-form-urlencoded"


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def zstd(body: bytes) -> bytes:
    return coding_of("zstd", 3).compress(body)


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "two members": ("gzip", lambda body: gzip.compress(body[:3]) + gzip.compress(body[3:])),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd),
    "two frames": ("zstd", lambda body: zstd(body[:3]) + zstd(body[3:])),
    "identity": ("identity", bytes),
}


def reading() -> Application:
    app = Application(middleware=[Decompression()])

    @app.post("/json")
    def of_json(values: Json[list[int]]) -> int:
        return sum(values)

    @app.post("/form")
    def of_form(name: Form[str], count: Form[int]) -> str:
        return name * count

    @app.post("/file")
    def of_file(name: Form[str], file: UploadFile) -> str:
        return name + file.read().decode()

    @app.post("/stream")
    def of_stream(parts: Body[Iterator[bytes]]) -> int:
        return sum(map(len, parts))

    @app.post("/bytes")
    def of_bytes(request: Request) -> list[str | None]:
        fields = ("content-encoding", "content-length")
        return [request.body.decode(), *(request.headers.get(name) for name in fields)]

    return app


def post(
    app: Application, path: str, body: bytes, coding: str | None, kind: str = "application/json"
) -> Response:
    fields = {"content-type": kind} | ({} if coding is None else {"content-encoding": coding})
    with app.start() as handler:
        request = make_request("POST", path, headers=fields, body=body)
        return handler(request)


@pytest.mark.parametrize("name", ENCODERS)
def test_bodies_are_decoded_wherever_they_are_read(name: str) -> None:
    coding, encode = ENCODERS[name]
    app = reading()
    assert post(app, "/json", encode(b"[1,2,3]"), coding).body == b"6"
    assert post(app, "/form", encode(b"name=ab&count=2"), coding, FORM).body == b'"abab"'
    assert post(app, "/stream", encode(b"x" * 200_000), coding, "text/plain").body == b"200000"
    part = b'--B\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    form = part % (b"name", b"", b"a") + part % (b"file", b'; filename="f"', b"bc") + b"--B--\r\n"
    response = post(app, "/file", encode(form), coding, "multipart/form-data; boundary=B")
    assert response.body == b'"abc"'
    plain = post(app, "/bytes", encode(b"text"), coding, "text/plain").body
    assert isinstance(plain, bytes)
    if coding != "identity":
        assert json.loads(plain) == ["text", None, None]


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "gzip, gzip", "x", "gzip;q=1", "\xff"])
def test_other_codings_are_refused_with_the_accepted_ones(coding: str) -> None:
    response = post(reading(), "/json", b"[1]", coding)
    assert response.status == 415
    assert response.header("accept-encoding") == "zstd, br, gzip, deflate"


def test_without_the_middleware_bodies_must_not_be_compressed() -> None:
    app = Application()

    @app.post("/json")
    def of_json(values: Json[list[int]]) -> int:
        return sum(values)

    response = post(app, "/json", gzip.compress(b"[1]"), "gzip")
    assert (response.status, response.header("accept-encoding")) == (415, "identity")


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - {"identity"}))
@pytest.mark.parametrize("damage", ["cut", "other", "longer"])
def test_a_malformed_body_is_refused(name: str, damage: str) -> None:
    coding, encode = ENCODERS[name]
    body = encode(b"[1, 2, 3, 4, 5, 6, 7, 8, 9]")
    body = {"cut": body[:-3], "other": b"[1, 2]", "longer": body + b"garbage"}[damage]
    for path, kind in [("/json", "application/json"), ("/stream", "text/plain")]:
        assert post(reading(), path, body, coding, kind).status == 400, path


def test_an_empty_body_is_empty() -> None:
    assert post(reading(), "/stream", b"", "gzip", "text/plain").body == b"0"


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - {"identity"}))
def test_a_bomb_is_refused_before_it_is_decoded(name: str) -> None:
    coding, encode = ENCODERS[name]
    bomb = encode(bytes(4_000_000))
    app = reading()
    app.middleware(BodyLimit(size=300_000))
    for path, kind in [("/json", "application/json"), ("/form", FORM), ("/stream", "text/plain")]:
        assert post(app, path, bomb, coding, kind).status == 413, path
    pieces = itertools.islice(decoded(coding.lower().removeprefix("x-"), iter([bomb])), 10)
    assert max(map(len, pieces)) <= 2 * PIECE


def test_the_limit_of_an_operation_applies_to_the_decoded_body() -> None:
    app = Application(middleware=[Decompression()])

    @app.post("/json", openapi_extra={"x-photon-body-limit": 1000})
    def of_json(values: Json[list[int]]) -> int:
        return len(values)

    def length(count: int) -> Response:
        return post(app, "/json", gzip.compress(json.dumps([1] * count).encode()), "gzip")

    assert length(300).body == b"300"
    assert length(400).status == 413


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_tiny_members_are_refused(name: str) -> None:
    encode = ENCODERS[name][1]
    with pytest.raises(HttpError) as caught:
        list(decoded(name, iter([encode(b"") * 100_000])))
    assert caught.value.status == 400


def test_zstandard_may_not_reserve_much_memory() -> None:
    from backports import zstd as library

    options: dict[int, int] = {library.CompressionParameter.window_log: 27}
    compressor = library.ZstdCompressor(options=options)
    body = compressor.compress(b"x" * 100) + compressor.flush()
    assert post(reading(), "/stream", body, "zstd", "text/plain").status == 400


def test_a_body_is_decoded_once() -> None:
    request = make_request("POST", "/", body=b"[1]", headers={"content-encoding": "gzip"})
    assert request.body == b"[1]"
    with pytest.raises(RuntimeError, match="already read"):
        Decompression()(request, lambda each: Response())
    request = make_request("POST", "/", body=b"[1]")
    request.decode_body(lambda parts: (part.upper() for part in parts))
    assert list(request.stream()) == [b"[1]"]
    with pytest.raises(RuntimeError, match="already consumed"):
        assert request.body


def test_codings_are_checked() -> None:
    for codings in ([], ["lzma"], "gzip"):
        with pytest.raises((ValueError, TypeError)):
            Decompression(codings=codings)
    app = Application(middleware=[Decompression(codings=["deflate"])])

    @app.post("/json")
    def of_json(values: Json[list[int]]) -> int:
        return sum(values)

    assert post(app, "/json", gzip.compress(b"[1]"), "x-gzip").status == 415
    assert post(app, "/json", zlib.compress(b"[1]"), "deflate").body == b"1"


@pytest.mark.slow
def test_a_compressed_body_on_the_wire() -> None:
    with live_server(reading()) as server:
        fields = {"content-type": "application/json", "content-encoding": "gzip"}
        body = gzip.compress(json.dumps([1] * 100_000).encode())
        assert server.request("POST", "/json", headers=fields, body=body).text == "100000"
        bomb = gzip.compress(bytes(100_000_000))
        assert server.request("POST", "/json", headers=fields, body=bomb).status == 413
        assert server.request("POST", "/json", headers=fields, body=body).text == "100000"
