"""JSON that is meant to do harm, over a socket: each is refused quickly, as a problem document."""

import json
import time
from collections.abc import Iterator

import attrs
import pytest

from photon_router import Application, Json
from photon_runtime.http import ServerSettings
from photon_runtime.testing import LiveServer, live_server

MANY = 2_000_000


@attrs.frozen
class Node:
    name: str
    count: int = 0
    inner: "Node | None" = None


def application() -> Application:
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
    router = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {
                "/described": {
                    "post": {
                        "operationId": "described",
                        "requestBody": {"content": {"application/json": {"schema": schema}}},
                        "responses": {
                            "200": {"description": "ok", "content": {"application/json": {}}}
                        },
                    }
                }
            },
        }
    )

    @router.operation("described")
    def described(data: dict[str, object]) -> object:
        return data

    @router.post("/typed")
    def typed(data: Json[Node]) -> str:
        return data.name

    @router.post("/anything")
    def anything(data: Json[object]) -> str:
        return "taken"

    return router


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(application(), settings=ServerSettings(max_body_size=32 << 20)) as server:
        yield server


HOSTILE = {
    "deep lists": b"[" * MANY,
    "deep objects": b'{"inner":' * MANY,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep members": b'{"name":"a","inner":' * 5000 + b"null" + b"}" * 5000,
    "an integer of 10 MB": b'{"name":"a","count":' + b"9" * 10_000_000 + b"}",
    "a float of 10 MB": b'{"name":"a","count":1.' + b"1" * 10_000_000 + b"}",
    "a huge exponent": b'{"name":"a","count":1e999999999}',
    "NaN": b'{"name":"a","count":NaN}',
    "Infinity": b'{"name":"a","count":-Infinity}',
    "a lone surrogate": b'{"name":"\\ud800","count":1}',
    "a surrogate in bytes": b'{"name":"\xed\xa0\x80"}',
    "overlong UTF-8": b'{"name":"\xc0\xaf"}',
    "UTF-16": '{"name":"a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name":"a"}',
    "NUL between": b'{"name":\x00"a"}',
    "NUL within": b'{"name":"\x00"}',
    "two documents": b'{"name":"a"}{"name":"b"}',
    "nothing but blanks": b" " * MANY,
    "an open string": b'{"name":"' + b"x" * MANY,
    "a comment": b'{"name":"a" /* b */}',
    "single quotes": b"{'name':'a'}",
}


def post(server: LiveServer, path: str, body: bytes) -> tuple[int, bytes]:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    response = server.exchange(head.encode() + body, timeout=30)
    return int(response.split(b" ", 2)[1]), response


@pytest.mark.parametrize("path", ["/typed", "/described"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_json_is_refused_quickly(server: LiveServer, name: str, path: str) -> None:
    began = time.process_time()
    status, response = post(server, path, HOSTILE[name])
    assert time.process_time() - began < 3
    assert 400 <= status < 500
    assert b"content-type: application/problem+json" in response.lower()
    assert len(response) < 20_000


def test_of_duplicate_keys_the_last_counts(server: LiveServer) -> None:
    status, response = post(server, "/typed", b'{"name":"a","name":"b"}')
    assert (status, response.endswith(b'"b"')) == (200, True)
    status, response = post(server, "/described", b'{"count":"x","count":2}')
    assert (status, json.loads(response.partition(b"\r\n\r\n")[2])) == (200, {"count": 2})


@pytest.mark.slow
def test_a_million_keys_are_taken_or_refused_quickly(server: LiveServer) -> None:
    body = b"{" + b",".join(b'"%d":0' % number for number in range(500_000)) + b"}"
    began = time.process_time()
    assert post(server, "/described", body)[0] in (200, 422)
    assert post(server, "/typed", body)[0] in (200, 422)
    assert time.process_time() - began < 8


def test_an_escaped_nul_is_text(server: LiveServer) -> None:
    status, response = post(server, "/typed", b'{"name":"\\u0000"}')
    assert (status, response.endswith(b'"\\u0000"')) == (200, True)
