"""C reads a request exactly as the Python code does, or leaves it alone.

The requests are generated, see `generated_requests`; each slot that `Request` declares is compared,
by value and exact type. A sample that C leaves to the Python code proves nothing, so their number
is bounded, and a table says which requests of usual clients must be taken.
"""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.request
from collections.abc import Callable
from types import NoneType
from typing import TYPE_CHECKING

import httpx
import pytest
import requests
import urllib3
from generated_requests import DEFAULTS, Sample, limited, samples
from native_requests import PEER, SOURCE, is_plain, native_serving
from usual_requests import (
    CHROME,
    CURL,
    CURL_POST,
    FIREFOX,
    LEFT_TO_PYTHON,
    PLAIN,
    SAFARI_FETCH,
)

from photon_runtime import speedups
from photon_runtime.http import Request, ServerSettings
from photon_runtime.http._parser import RequestParser

if TYPE_CHECKING:
    from photon_runtime.speedups import Connections

pytestmark = pytest.mark.skipif(
    not speedups.status().is_used, reason=f"without the C module: {speedups.status().reason}"
)

SLICE = 10_000
SLICES = 20


@pytest.fixture(scope="module")
def serving() -> Connections:
    return native_serving()


def count_plain(serving: Connections, tried: list[Sample]) -> int:
    """Compare both readings of each sample; return how many C has taken."""
    count = 0
    for sample in tried:
        try:
            count += is_plain(serving, sample)
        except AssertionError as error:
            error.add_note(f"in {sample.data[:2000]!r} with {sample.settings}")
            raise
    return count


# -- requests of usual clients ------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_requests_of_usual_clients_are_taken(serving: Connections, name: str) -> None:
    assert is_plain(serving, Sample(PLAIN[name], DEFAULTS))


@pytest.mark.parametrize("name", LEFT_TO_PYTHON)
def test_what_needs_the_rules_of_http_is_left_to_python(serving: Connections, name: str) -> None:
    assert not is_plain(serving, Sample(LEFT_TO_PYTHON[name], DEFAULTS))


def sent_by(call: Callable[[str], object]) -> bytes:
    """Return the first request that a client sends."""
    received = []

    def answer(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            received.append(client.recv(65536))
            client.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        call(f"http://127.0.0.1:{listener.getsockname()[1]}/items?page=1")
        thread.join()
    return received[0]


def get_with_http_client(url: str) -> None:
    connection = http.client.HTTPConnection(url.split("/")[2])
    connection.request("GET", "/items?page=1")
    connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize(
    "call",
    [
        get_with_http_client,
        requests.get,
        httpx.get,
        lambda url: urllib3.PoolManager().request("DELETE", url),
        lambda url: requests.options(url, headers={"X-Trace": "1"}, cookies={"a": "b"}),
    ],
    ids=["http.client", "requests", "httpx", "urllib3", "requests with fields"],
)
def test_what_python_clients_really_send_is_taken(
    serving: Connections, call: Callable[[str], object]
) -> None:
    assert is_plain(serving, Sample(sent_by(call), DEFAULTS))


def test_urllib_closes_its_connections_so_its_requests_are_left_to_python(
    serving: Connections,
) -> None:
    sent = sent_by(lambda url: urllib.request.urlopen(url).close())
    assert not is_plain(serving, Sample(sent, DEFAULTS))


# -- generated requests -------------------------------------------------------------------------


def test_generated_requests_are_read_alike(serving: Connections) -> None:
    tried = list(samples(seed=0, count=3_000))
    assert count_plain(serving, tried) > 600


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SLICES + 1))
def test_many_generated_requests_are_read_alike(serving: Connections, seed: int) -> None:
    tried = list(samples(seed=seed, count=SLICE))
    assert count_plain(serving, tried) > SLICE // 5


def test_no_part_of_a_request_is_taken(serving: Connections) -> None:
    for data in PLAIN.values():
        tried = [Sample(data[:end], DEFAULTS) for end in range(len(data))]
        assert count_plain(serving, tried) == 0


SHORT = b"PUT /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy"


def test_a_request_with_another_byte_anywhere_is_read_alike(serving: Connections) -> None:
    tried = [
        Sample(data, DEFAULTS)
        for at in range(len(SHORT))
        for byte in range(256)
        for data in (SHORT[:at] + bytes([byte]) + SHORT[at + 1 :],)
    ]
    assert 1 <= count_plain(serving, tried) < len(tried)


@pytest.mark.slow
@pytest.mark.parametrize("data", [FIREFOX, SAFARI_FETCH, CURL_POST], ids=["get", "post", "form"])
def test_a_longer_request_with_another_byte_is_read_alike(
    serving: Connections, data: bytes
) -> None:
    for at in range(len(data)):
        changed = [data[:at] + bytes([byte]) + data[at + 1 :] for byte in range(0, 256, 3)]
        inserted = [
            data[:at] + bytes([byte]) + data[at:] for byte in b"\x00\t\n\r :,;aA0\x7f\x80\xff"
        ]
        count_plain(serving, [Sample(each, DEFAULTS) for each in changed + inserted])


def test_a_request_without_a_byte_or_with_one_twice_is_read_alike(serving: Connections) -> None:
    for data in (CHROME, SAFARI_FETCH, CURL_POST, SHORT):
        without = [data[:at] + data[at + 1 :] for at in range(len(data))]
        twice = [data[:at] + data[at - 1 :] for at in range(1, len(data))]
        count_plain(serving, [Sample(each, DEFAULTS) for each in without + twice])


# -- limits -------------------------------------------------------------------------------------

HEAD = CURL_POST.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "size"),
    [("max_target_size", 6), ("max_headers", 5), ("max_header_size", len(HEAD))],
)
def test_a_request_at_a_limit_is_taken_and_one_beyond_is_not(
    serving: Connections, name: str, size: int
) -> None:
    assert is_plain(serving, Sample(CURL_POST, limited(name, size)))
    assert not is_plain(serving, Sample(CURL_POST, limited(name, size - 1)))


@pytest.mark.parametrize("name", ["max_target_size", "max_headers", "max_header_size"])
def test_a_limit_beyond_the_integers_of_c_is_none(serving: Connections, name: str) -> None:
    assert is_plain(serving, Sample(CURL_POST, limited(name, 2**70)))
    assert not is_plain(serving, Sample(CURL_POST, limited(name, 1e6)))


def test_a_body_beyond_the_limit_is_refused_by_the_code_that_reads_it(
    serving: Connections,
) -> None:
    limits = ServerSettings(max_body_size=3)
    assert is_plain(serving, Sample(CURL_POST, limits))
    request = serving.read_request(RequestParser(SOURCE, PEER, limits), limits, CURL_POST)
    with pytest.raises(Exception, match="larger than 3 bytes"):
        request.body  # noqa: B018  # reading it is what is tried


def many_fields(count: int) -> bytes:
    fields = b"".join(b"X-%d: y\r\n" % number for number in range(count - 1))
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"


def test_any_number_of_fields_is_read_alike(serving: Connections) -> None:
    tried = [Sample(many_fields(count), DEFAULTS) for count in range(1, 103)]
    assert 60 <= count_plain(serving, tried) <= 100


def test_any_length_of_names_values_and_bodies_is_read_alike(serving: Connections) -> None:
    for size in (1, 63, 64, 65, 255, 256, 8191, 8192, 8193, 32_767, 65_535, 65_536):
        long_name = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"N" * size + b": x\r\n\r\n"
        long_value = b"GET / HTTP/1.1\r\nHost: a\r\nN: " + b"v" * size + b"\r\n\r\n"
        long_target = b"GET /" + b"t" * (size - 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        body = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"b" * size
        tried = [Sample(data, DEFAULTS) for data in (long_name, long_value, long_target, body)]
        assert count_plain(serving, tried) >= 1


# -- use outside of a server --------------------------------------------------------------------


def test_equal_names_are_one_object_as_long_as_they_are_usual(serving: Connections) -> None:
    parser = RequestParser(SOURCE, PEER, DEFAULTS)
    first, second = (serving.read_request(parser, DEFAULTS, CURL) for _ in range(2))
    names = [[id(name) for name, _ in request._raw_headers] for request in (first, second)]
    assert names[0] == names[1]


def is_shared(first: Request, second: Request, name: str) -> bool:
    """Return whether two requests have the same object in a slot, which might be changed."""
    value = getattr(first, name, None)
    return value is getattr(second, name, None) and not isinstance(value, NoneType | str | int)


def test_requests_that_c_has_made_do_not_share_what_can_be_changed(serving: Connections) -> None:
    parser = RequestParser(SOURCE, PEER, DEFAULTS)
    first, second = (serving.read_request(parser, DEFAULTS, CURL_POST) for _ in range(2))
    shared = {name for name in Request.__slots__ if is_shared(first, second, name)}
    assert shared == {"_source", "_peer"}  # of the connection
    assert first.body == second.body == b"a=1&b=2"


def test_a_request_that_c_has_made_is_one_of_python(serving: Connections) -> None:
    request = serving.read_request(RequestParser(SOURCE, PEER, DEFAULTS), DEFAULTS, CURL_POST)
    assert type(request) is Request
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.client == PEER
    assert repr(request) == "<Request POST /items>"
    request.state["a"] = 1
    assert request.state == {"a": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "exactly 3 arguments"),
        ((None, DEFAULTS, b""), "argument 1 must be"),
        ((RequestParser(SOURCE, PEER, DEFAULTS), None, CURL), "argument 2 must be"),
        ((RequestParser(SOURCE, PEER, DEFAULTS), object(), CURL), "argument 2 must be"),
        (
            (RequestParser(SOURCE, PEER, DEFAULTS), DEFAULTS, bytearray(CURL)),
            "read-only bytes-like",
        ),
        ((RequestParser(SOURCE, PEER, DEFAULTS), DEFAULTS, "text"), "bytes-like"),
    ],
)
def test_other_arguments_are_refused(
    serving: Connections, arguments: tuple[object, ...], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        serving.read_request(*arguments)  # type: ignore[arg-type]  # that is what is tried
