from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import Request, Response, ServerSettings, _peer
from photon_runtime.http._peer import Peer, ProxyFields, TrustedProxies
from photon_runtime.http._proxy_protocol import (
    SIGNATURE,
    NotProxyHeader,
    ProxyHeader,
    parse_proxy_header,
)
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Iterator

NETWORKS = ["10.0.0.0/8", "2001:db8::/32", "unix"]
PROXIES = TrustedProxies(NETWORKS)
STANDARD = TrustedProxies(NETWORKS, "forwarded")
CLIENT = ("203.0.113.7", 0)


def seen(
    *fields: tuple[str, str],
    peer: object = ("10.0.0.1", 999),
    proxies: TrustedProxies = PROXIES,
) -> tuple[object, str, str]:
    """Return client, scheme and host of a request that a peer sent with these fields."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]
    trusted = proxies if proxies.trusts(peer) else None
    request = Request(
        "GET", "/", [(b"host", b"inner"), *headers], peer=Peer(peer, "http", proxies=trusted)
    )
    return request.client, request.scheme, request.host


# -- whom to believe --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [
        (("10.1.2.3", 1), True),
        (("11.0.0.1", 1), False),
        (("::ffff:10.0.0.1", 1, 0, 0), True),
        (("2001:db8::1", 1, 0, 0), True),
        (("fe80::1%eth0", 1, 0, 2), False),
        (None, True),
        (("proxy.example", 1), False),
    ],
)
def test_networks_and_unix_sockets_are_trusted(address: object, is_trusted: bool) -> None:
    assert PROXIES.trusts(address) is is_trusted
    assert TrustedProxies().trusts(address) is False


@pytest.mark.parametrize("name", ["10.0.0.1/8", "proxy.example", "10.0.0.0/40", ""])
def test_name_that_is_no_network_is_a_fault_of_the_settings(name: str) -> None:
    with pytest.raises(ValueError, match="neither an address"):
        ServerSettings(trusted_proxies=(name,))


def test_fields_of_an_untrusted_peer_are_not_believed() -> None:
    peer = ("203.0.113.9", 5)
    fields = (("Forwarded", "for=1.1.1.1;proto=https;host=evil"), ("X-Forwarded-For", "1.1.1.1"))
    assert seen(*fields, peer=peer) == (peer, "http", "inner")


def test_without_fields_the_peer_is_the_client() -> None:
    assert seen() == (("10.0.0.1", 999), "http", "inner")


def test_peer_on_a_unix_socket_is_believed_where_unix_is_trusted() -> None:
    assert seen(("X-Forwarded-For", "203.0.113.7"), peer=None)[0] == CLIENT


# -- X-Forwarded-* ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("203.0.113.7", CLIENT),
        ("1.1.1.1, 203.0.113.7", CLIENT),  # the left one is what the client itself claimed
        ("1.1.1.1, 203.0.113.7, 10.0.0.2", CLIENT),
        ("203.0.113.7:4711", ("203.0.113.7", 4711)),
        ("[2001:db9::1]:80", ("2001:db9::1", 80)),
        ("2001:db9::1", ("2001:db9::1", 0)),
        ("10.0.0.3, 10.0.0.2", ("10.0.0.3", 0)),  # all trusted: the first
        ("203.0.113.7, unknown", ("10.0.0.1", 999)),
        ("203.0.113.7, <script>, 10.0.0.2", ("10.0.0.2", 0)),
        ("", ("10.0.0.1", 999)),
        ("203.0.113.7,", ("10.0.0.1", 999)),
    ],
)
def test_rightmost_untrusted_address_is_the_client(value: str, client: object) -> None:
    assert seen(("X-Forwarded-For", value))[0] == client


def test_repeated_fields_are_one_list() -> None:
    fields = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "203.0.113.7")]
    assert seen(*fields)[0] == CLIENT


def test_scheme_and_host_belong_to_the_client_s_place_in_the_list() -> None:
    assert seen(
        ("X-Forwarded-For", "1.1.1.1, 203.0.113.7, 10.0.0.2"),
        ("X-Forwarded-Proto", "http, https, http"),
        ("X-Forwarded-Host", "evil, shop.example, inner"),
    ) == (CLIENT, "https", "shop.example")


def test_single_scheme_and_host_belong_to_all() -> None:
    assert seen(
        ("X-Forwarded-For", "203.0.113.7, 10.0.0.2"),
        ("X-Forwarded-Proto", "HTTPS"),
        ("X-Forwarded-Host", "shop.example:8443"),
    ) == (CLIENT, "https", "shop.example:8443")


def test_scheme_counts_without_an_address() -> None:
    assert seen(("X-Forwarded-Proto", "https")) == (("10.0.0.1", 999), "https", "inner")


@pytest.mark.parametrize("value", ["javascript", "https://", ""])
def test_scheme_that_is_none_is_not_believed(value: str) -> None:
    assert seen(("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", value))[1] == "http"


@pytest.mark.parametrize("value", ["a b", "a/b", "user@a", "a:b", ""])
def test_host_that_is_none_is_not_believed(value: str) -> None:
    assert seen(("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Host", value))[2] == "inner"


# -- Forwarded --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=203.0.113.7", (CLIENT, "http", "inner")),
        ("for=203.0.113.7;proto=https;host=shop.example", (CLIENT, "https", "shop.example")),
        ('For="[2001:db9::1]:4711";Proto=HTTPS', (("2001:db9::1", 4711), "https", "inner")),
        ('for="203.0.113.7:80"', (("203.0.113.7", 80), "http", "inner")),
        ("for=1.1.1.1, for=203.0.113.7;proto=https", (CLIENT, "https", "inner")),
        ("for=203.0.113.7;proto=https, for=10.0.0.2;proto=http", (CLIENT, "https", "inner")),
        ("for=203.0.113.7, for=_hidden", (("10.0.0.1", 999), "http", "inner")),
        ('for="a, for=1.1.1.1"', (("10.0.0.1", 999), "http", "inner")),
        ('for=1.1.1.1, broken", for=10.0.0.2', (("10.0.0.2", 0), "http", "inner")),
        ('for=", for=203.0.113.7', (CLIENT, "http", "inner")),
        ('for="\\", for="203.0.113.7"', (CLIENT, "http", "inner")),
        (" ;for=203.0.113.7 ;; proto=https; ", (CLIENT, "https", "inner")),
        ("for=203.0.113.7 proto=https", (("10.0.0.1", 999), "http", "inner")),
        ("for=1.1.1.1, =, for=10.0.0.2", (("10.0.0.2", 0), "http", "inner")),
        ('for="203.0.113.7";host="a\\"b"', (CLIENT, "http", "inner")),
    ],
)
def test_forwarded_is_read_from_right_to_left(value: str, expected: object) -> None:
    assert seen(("Forwarded", value), proxies=STANDARD) == expected


def test_a_quote_that_a_client_leaves_open_does_not_swallow_the_field_behind_it() -> None:
    fields = [("Forwarded", 'for="'), ("Forwarded", "for=203.0.113.7")]
    assert seen(*fields, proxies=STANDARD)[0] == CLIENT


@pytest.mark.parametrize(("name", "node"), [("X-Forwarded-For", ""), ("Forwarded", "for=")])
def test_what_a_client_has_written_is_not_read_however_much_it_is(
    name: str, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    parse = _peer.parse_address

    def parse_and_note(host: str) -> object:
        read.append(host)
        return parse(host)

    monkeypatch.setattr(_peer, "parse_address", parse_and_note)
    proxies = STANDARD if name == "Forwarded" else PROXIES
    value = f"{node}1.1.1.1," * 3000 + f"{node}203.0.113.7"
    assert seen((name, value), proxies=proxies)[0] == CLIENT
    assert "1.1.1.1" not in read
    own = f"{node}10.0.0.2," * 3000 + f"{node}10.0.0.2"
    assert seen((name, own), proxies=proxies)[0] == ("10.0.0.2", 0)
    assert len(read) < 1000


def test_only_the_kind_of_fields_that_the_settings_name_is_read() -> None:
    older = (("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"))
    newer = ("Forwarded", "for=198.51.100.1;host=shop.example")
    assert seen(newer, *older) == (CLIENT, "https", "inner")
    assert seen(newer) == (("10.0.0.1", 999), "http", "inner")
    assert seen(newer, *older, proxies=STANDARD) == (
        ("198.51.100.1", 0),
        "http",
        "shop.example",
    )
    assert seen(*older, proxies=STANDARD) == (("10.0.0.1", 999), "http", "inner")


def test_kind_of_fields_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="proxy_fields"):
        ServerSettings(proxy_fields="via")  # type: ignore[arg-type]


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60))
def test_nothing_in_the_fields_makes_a_request_fail(value: str) -> None:
    for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"):
        proxies = STANDARD if name == "Forwarded" else PROXIES
        client, scheme, _ = seen((name, value), proxies=proxies)
        assert isinstance(client, tuple)
        ipaddress.ip_address(client[0])  # raises where it is none
        assert scheme in ("http", "https")


# -- the PROXY protocol -----------------------------------------------------------------------


def binary(
    source: str, port: int, extensions: bytes = b"", *, command: int = 0x21, family: int = 0
) -> bytes:
    address = ipaddress.ip_address(source)
    body = address.packed * 2 + struct.pack("!HH", port, 80) + extensions
    kind = family or (0x11 if address.version == 4 else 0x21)
    return SIGNATURE + struct.pack("!BBH", command, kind, len(body)) + body


TLS = struct.pack("!BHBI", 0x20, 5, 1, 0)
HEADERS = [
    (b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 80\r\n", ("203.0.113.7", 4711), False),
    (b"PROXY TCP6 2001:db9::1 ::1 4711 80\r\n", ("2001:db9::1", 4711), False),
    (b"PROXY UNKNOWN\r\n", None, False),
    (b"PROXY UNKNOWN ff:ff any thing\r\n", None, False),
    (binary("203.0.113.7", 4711), ("203.0.113.7", 4711), False),
    (binary("2001:db9::1", 4711), ("2001:db9::1", 4711), False),
    (binary("203.0.113.7", 1, TLS), ("203.0.113.7", 1), True),
    (binary("203.0.113.7", 1, b"\x04\x00\x02ab" + TLS), ("203.0.113.7", 1), True),
    (binary("203.0.113.7", 1, b"\x04\xff"), ("203.0.113.7", 1), False),
    (binary("203.0.113.7", 1, command=0x20), None, False),
    (binary("203.0.113.7", 1, family=0x31), None, False),
]


@pytest.mark.parametrize(("data", "client", "is_secure"), HEADERS)
def test_header_is_read_wherever_it_is_cut(data: bytes, client: object, is_secure: bool) -> None:
    for end in range(len(data)):
        assert parse_proxy_header(data[:end]) is None, end
    expected = ProxyHeader(len(data), client, is_secure)  # type: ignore[arg-type]
    assert parse_proxy_header(data) == expected
    assert parse_proxy_header(data + b"GET / HTTP/1.1") == expected


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 4711\r\n",
        b"PROXY TCP4 203.0.113.700 10.0.0.1 4711 80\r\n",
        b"PROXY TCP4 203.0.113.7 ::1 4711 80\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 65536 80\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 +1 80\r\n",
        b"PROXY UDP4 203.0.113.7 10.0.0.1 1 80\r\n",
        b"PROXY TCP4 203.0.113.7  10.0.0.1 1 80\r\n",
        b"PROXY TCP4 \xff\r\n",
        b"PROXY " + b"x" * 200,
        b"\r\n\r\n\x00\r\nQUIT\r",
        SIGNATURE + struct.pack("!BBH", 0x31, 0x11, 12) + bytes(12),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 4) + bytes(4),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 60_000),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(NotProxyHeader):
        parse_proxy_header(data)


def answer(request: Request) -> Response:
    return Response(body=f"{request.client} {request.scheme}")


@pytest.fixture(scope="module")
def proxied() -> Iterator[LiveServer]:
    settings = ServerSettings(proxy_protocol=True, trusted_proxies=("127.0.0.1",))
    with live_server(answer, settings=settings) as server:
        yield server


GET = b"GET / HTTP/1.0\r\n\r\n"


@pytest.mark.parametrize(("header", "client", "is_secure"), [HEADERS[0], HEADERS[5], HEADERS[6]])
def test_header_tells_the_client(
    proxied: LiveServer, header: bytes, client: object, is_secure: bool
) -> None:
    expected = f"{client} {'https' if is_secure else 'http'}".encode()
    assert proxied.exchange(header + GET).endswith(b"\r\n\r\n" + expected)


def test_header_may_come_byte_by_byte(proxied: LiveServer) -> None:
    with proxied.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in HEADERS[0][0] + GET:
            client.sendall(bytes([octet]))
        wire = b"".join(iter(lambda: client.recv(65536), b""))
    assert wire.endswith(b"('203.0.113.7', 4711) http")


@pytest.mark.parametrize("start", [b"", b"PROXY TCP4 1.2.3"])
def test_connection_without_a_header_is_closed_without_an_answer(
    proxied: LiveServer, start: bytes
) -> None:
    with proxied.connect() as client:
        client.sendall(start + GET)
        try:
            wire = client.recv(65536)
        except ConnectionResetError:
            wire = b""
    assert wire == b""


def test_connection_that_ends_in_its_header_is_closed(proxied: LiveServer) -> None:
    with proxied.connect() as client:
        client.sendall(b"PROXY TCP4")
        client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_header_of_an_untrusted_peer_is_refused() -> None:
    settings = ServerSettings(proxy_protocol=True, trusted_proxies=("192.0.2.1",))
    with live_server(answer, settings=settings) as server, server.connect() as client:
        client.sendall(HEADERS[0][0] + GET)
        try:
            wire = client.recv(65536)
        except ConnectionResetError:
            wire = b""
    assert wire == b""


def test_proxy_protocol_needs_somebody_to_trust() -> None:
    with pytest.raises(ValueError, match="trusted_proxies"):
        ServerSettings(proxy_protocol=True)


@attrs.frozen
class Case:
    """Who is trusted, and what the handler sees then."""

    trusted: tuple[str, ...]
    seen: bytes
    fields: ProxyFields = "x-forwarded"


@pytest.mark.parametrize(
    "case",
    [
        Case(("127.0.0.0/8",), b"('203.0.113.7', 0) https"),
        Case(("127.0.0.0/8",), b"('198.51.100.1', 0) https", "forwarded"),
        Case(("10.0.0.0/8",), b"http"),
        Case((), b"http"),
    ],
)
def test_fields_count_on_a_connection_from_a_trusted_proxy(case: Case) -> None:
    settings = ServerSettings(trusted_proxies=case.trusted, proxy_fields=case.fields)
    with live_server(answer, settings=settings) as server:
        wire = server.exchange(
            b"GET / HTTP/1.0\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
            b"Forwarded: for=198.51.100.1;proto=https\r\n\r\n"
        )
    assert wire.endswith(case.seen)
