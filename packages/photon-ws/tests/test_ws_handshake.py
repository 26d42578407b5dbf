import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import HttpError, Request
from photon_runtime.testing import make_request
from photon_ws.protocol import DeflateParameters, Handshake, Origins, accept_handshake

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-key": KEY,
    "sec-websocket-version": "13",
}


def request(
    *extra: tuple[str, str], method: str = "GET", without: str = "", scheme: str = "http"
) -> Request:
    fields = [(name, value) for name, value in FIELDS.items() if name != without]
    return make_request(method, "/chat", headers=[*fields, *extra], scheme=scheme)


def accept(
    request: Request,
    *,
    subprotocols: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    deflate: bool = True,
) -> Handshake:
    return accept_handshake(
        request, subprotocols=subprotocols, origins=Origins(origins), deflate=deflate
    )


def refusal(request: Request) -> HttpError:
    with pytest.raises(HttpError) as caught:
        accept(request)
    return caught.value


def test_accept_value_is_that_of_the_example_of_the_standard() -> None:
    handshake = accept(request())
    assert handshake.headers == [("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]
    assert (handshake.subprotocol, handshake.deflate) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upgrade", "WebSocket"),
        ("upgrade", "h2c, websocket"),
        ("connection", "keep-alive, UPGRADE"),
        ("connection", "keep-alive,upgrade,"),
    ],
)
def test_lists_and_capitals_are_accepted(name: str, value: str) -> None:
    assert accept(request((name, value), without=name)).headers


def test_list_may_be_spread_over_fields() -> None:
    assert accept(request(("connection", "keep-alive"), ("upgrade", "h2c"))).headers


@pytest.mark.parametrize(
    "plain",
    [
        make_request("GET", "/"),
        make_request("POST", "/"),
        request(without="upgrade"),
        request(("upgrade", "h2c"), without="upgrade"),
        request(("upgrade", "websocket/13"), without="upgrade"),
    ],
)
def test_requests_for_something_else_get_426_with_the_protocol(plain: Request) -> None:
    error = refusal(plain)
    assert error.status == 426
    assert error.headers == {"upgrade": "websocket"}


def test_http_1_0_cannot_upgrade() -> None:
    old = request()
    old._version = "1.0"
    assert refusal(old).status == 426


@pytest.mark.parametrize("version", ["8", "7", "14", "0", "013", "13, 8", "13.0", "", "thirteen"])
def test_other_versions_get_426_with_the_supported_one(version: str) -> None:
    error = refusal(request(("sec-websocket-version", version), without="sec-websocket-version"))
    assert (error.status, error.headers["sec-websocket-version"]) == (426, "13")
    assert error.headers["upgrade"] == "websocket"


def test_missing_version_gets_the_supported_one() -> None:
    error = refusal(request(without="sec-websocket-version"))
    assert (error.status, error.headers["sec-websocket-version"]) == (426, "13")


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(method: str) -> None:
    error = refusal(request(method=method))
    assert (error.status, error.headers) == (405, {"allow": "GET"})


def test_connection_must_have_the_option() -> None:
    for connection in ("keep-alive", "upgraded", "close"):
        error = refusal(request(("connection", connection), without="connection"))
        assert error.status == 400
        assert "proxy" in str(error)
    assert refusal(request(without="connection")).status == 400


def test_body_is_refused() -> None:
    fields = list(FIELDS.items())
    assert refusal(make_request("GET", "/", headers=fields, body=b"body")).status == 400
    assert refusal(request(("transfer-encoding", "chunked"))).status == 400
    assert accept(make_request("GET", "/", headers=fields, body=b"")).headers


@pytest.mark.parametrize(
    "key",
    [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZXM=",
        "dGhlIHNhbXBsZSBub25jZQ==dGhl",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSB ub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZ_==",
        "\xe4GhlIHNhbXBsZSBub25jZQ==",
    ],
)
def test_key_must_be_16_bytes_in_base64(key: str) -> None:
    error = refusal(request(("sec-websocket-key", key), without="sec-websocket-key"))
    assert error.status == 400
    assert "Sec-WebSocket-Key" in str(error)


def test_key_and_version_must_be_there_once() -> None:
    assert refusal(request(without="sec-websocket-key")).status == 400
    for name in ("sec-websocket-key", "sec-websocket-version"):
        assert refusal(request((name, FIELDS[name]))).status == 400


def test_server_chooses_the_subprotocol_that_it_prefers() -> None:
    offer = request(("sec-websocket-protocol", "chat, superchat"))
    handshake = accept(offer, subprotocols=("superchat", "chat"))
    assert handshake.subprotocol == "superchat"
    assert ("sec-websocket-protocol", "superchat") in handshake.headers
    spread = request(("sec-websocket-protocol", "a"), ("sec-websocket-protocol", "b"))
    assert accept(spread, subprotocols=("b",)).subprotocol == "b"


@pytest.mark.parametrize("supported", [(), ("other",), ("Chat",)])
def test_without_a_common_subprotocol_there_is_no_field(supported: tuple[str, ...]) -> None:
    handshake = accept(request(("sec-websocket-protocol", "chat")), subprotocols=supported)
    assert handshake.subprotocol is None
    assert [name for name, _ in handshake.headers] == ["sec-websocket-accept"]


@pytest.mark.parametrize("value", ["a b", "chat, chat", 'chat, "quoted"', "chät", "a;b"])
def test_malformed_subprotocols_are_refused(value: str) -> None:
    assert refusal(request(("sec-websocket-protocol", value))).status == 400


def test_compression_is_accepted_if_it_is_enabled() -> None:
    offer = request(("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"))
    handshake = accept(offer)
    assert handshake.deflate == DeflateParameters()
    [field] = [value for name, value in handshake.headers if name == "sec-websocket-extensions"]
    assert field == "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    refused = accept(offer, deflate=False)
    assert refused.deflate is None
    assert [name for name, _ in refused.headers] == ["sec-websocket-accept"]


@pytest.mark.parametrize("deflate", [True, False])
def test_malformed_extensions_are_refused(deflate: bool) -> None:
    with pytest.raises(HttpError, match=r"400 .*Sec-WebSocket-Extensions"):
        accept(request(("sec-websocket-extensions", "permessage-deflate; =1")), deflate=deflate)


def test_origin_is_checked() -> None:
    assert refusal(request(("origin", "http://evil.example"))).status == 403
    assert accept(request(("origin", "http://testserver"))).headers
    assert accept(request(("origin", "https://a.example")), origins=("https://a.example",)).headers


OPTIONS = [
    "permessage-deflate",
    "client_max_window_bits",
    "server_max_window_bits=8",
    "chat",
    "null",
]
TOKENS = ["websocket", "Upgrade", "13", "8", KEY, "http://testserver"]
pieces = st.sampled_from([*OPTIONS, *TOKENS, "=", ";", ",", '"', "\\", " ", "\t", "ä"])
values = st.lists(pieces, max_size=6).map("".join)
names = st.sampled_from(
    [*FIELDS, "sec-websocket-extensions", "sec-websocket-protocol", "origin", "content-length"]
)


@given(st.lists(st.tuples(names, values), max_size=4), st.sampled_from(["", *FIELDS]))
def test_any_request_is_accepted_or_refused(extra: list[tuple[str, str]], without: str) -> None:
    extra = [(name, value) for name, value in extra if name != "content-length" or value == "13"]
    assert status_of(request(*extra, without=without)) in {101, 400, 403, 426}


def status_of(request: Request) -> int:
    try:
        handshake = accept(request, subprotocols=("chat",))
    except HttpError as error:
        return error.status
    assert handshake.subprotocol in {None, "chat"}
    assert dict(handshake.headers)["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    return 101
