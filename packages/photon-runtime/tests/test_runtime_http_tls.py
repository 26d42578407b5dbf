from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import attrs
import pytest

from photon_runtime.errors import ServerError
from photon_runtime.http import FileBody, Request, Response, Server, ServerSettings, listen
from photon_runtime.testing import LiveServer, live_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIG = 3_000_000


@attrs.frozen
class Pair:
    """A certificate with its key, self-signed for localhost."""

    certificate: str
    key: str


def make_pair(folder: Path, name: str) -> Pair:
    pair = Pair(str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", pair.key, "-out", pair.certificate, "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("tls"), "localhost")


def handle(request: Request) -> Response:
    if request.path == "/big":
        return Response(body=b"x" * BIG)
    if request.path == "/file":
        return Response(body=FileBody(__file__))
    if request.path == "/stream":
        return Response(body=iter([b"one", b"two"]))
    return Response(body=f"{request.scheme} {len(request.body)}")


@pytest.fixture(scope="module")
def secure(pair: Pair) -> Iterator[LiveServer]:
    settings = ServerSettings(
        tls_certificate=pair.certificate, tls_key=pair.key, max_body_size=2 * BIG
    )
    with live_server(handle, settings=settings) as server:
        yield server


def context_for(pair: Pair) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pair.certificate)


def connect(server: LiveServer, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(server.connect(), server_hostname="localhost")


def ask(client: socket.socket, path: str, body: bytes = b"") -> bytes:
    """Send a request that ends the connection, and return the body of the answer."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}"
    client.sendall(head.encode() + b"\r\n\r\n" + body)
    wire = b"".join(iter(lambda: client.recv(65536), b""))
    assert wire.startswith(b"HTTP/1.1 200 "), wire[:100]
    return wire.partition(b"\r\n\r\n")[2]


def test_request_and_answer_pass_through_tls(secure: LiveServer, pair: Pair) -> None:
    with connect(secure, context_for(pair)) as client:
        assert ask(client, "/") == b"https 0"


def test_large_body_comes_in_whole_though_records_are_small(secure: LiveServer, pair: Pair) -> None:
    with connect(secure, context_for(pair)) as client:
        assert ask(client, "/", b"y" * BIG) == b"https %d" % BIG


def test_body_larger_than_the_socket_s_room_goes_out_whole(secure: LiveServer, pair: Pair) -> None:
    with connect(secure, context_for(pair)) as client:
        assert ask(client, "/big") == b"x" * BIG


def test_file_goes_out_encrypted(secure: LiveServer, pair: Pair) -> None:
    with open(__file__, "rb") as file, connect(secure, context_for(pair)) as client:
        assert ask(client, "/file") == file.read()


def test_stream_goes_out_in_chunks(secure: LiveServer, pair: Pair) -> None:
    with connect(secure, context_for(pair)) as client:
        assert ask(client, "/stream") == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_many_requests_in_one_record_are_all_answered(secure: LiveServer, pair: Pair) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with connect(secure, context_for(pair)) as client:
        client.sendall(request * 20)
        wire = b""
        while wire.count(b"https 0") < 20:
            wire += client.recv(65536)


def test_requests_after_large_bodies_are_answered_though_a_record_has_both(
    secure: LiveServer, pair: Pair
) -> None:
    sizes = [100_001, 5, 16_384, 70_000, 0, 300_000]
    heads = [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % n for n in sizes]
    with connect(secure, context_for(pair)) as client:
        client.sendall(b"".join(h + bytes(n) for h, n in zip(heads, sizes, strict=True)))
        client.settimeout(20)
        wire = b""
        while wire.count(b"HTTP/1.1 200") < len(sizes) or not wire.endswith(b"https 300000"):
            wire += client.recv(65536)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in wire.split(b"HTTP/1.1 200")[1:]]
    assert bodies == [b"https %d" % n for n in sizes]


def test_requests_that_come_byte_by_byte_are_answered(secure: LiveServer, pair: Pair) -> None:
    with connect(secure, context_for(pair)) as client:
        for octet in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2:
            client.sendall(bytes([octet]))
        wire = b""
        while wire.count(b"https 0") < 2:
            wire += client.recv(65536)


def test_http_1_1_is_chosen_by_alpn(secure: LiveServer, pair: Pair) -> None:
    context = context_for(pair)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(secure, context) as client:
        assert client.selected_alpn_protocol() == "http/1.1"


def test_versions_before_1_2_are_refused(secure: LiveServer, pair: Pair) -> None:
    context = context_for(pair)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with secure.connect() as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_end_is_announced(secure: LiveServer, pair: Pair, version: ssl.TLSVersion) -> None:
    context = context_for(pair)
    context.minimum_version = context.maximum_version = version
    with context.wrap_socket(
        secure.connect(), server_hostname="localhost", suppress_ragged_eofs=False
    ) as client:
        assert ask(client, "/") == b"https 0"  # without close_notify, recv() would raise


def test_http_without_tls_is_refused_and_others_go_on(secure: LiveServer, pair: Pair) -> None:
    with secure.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP" not in b"".join(iter(lambda: client.recv(65536), b""))
    with connect(secure, context_for(pair)) as client:
        assert ask(client, "/") == b"https 0"


@pytest.mark.slow
def test_handshake_that_does_not_come_is_not_waited_for(pair: Pair) -> None:
    settings = ServerSettings(
        tls_certificate=pair.certificate, tls_key=pair.key, header_timeout=0.3
    )
    with live_server(handle, settings=settings) as server, server.connect(timeout=5) as client:
        client.sendall(b"\x16\x03\x01")
        assert client.recv(1) == b""


@pytest.mark.slow
def test_handshake_that_does_not_come_does_not_hold_up_the_stop(pair: Pair) -> None:
    settings = ServerSettings(
        tls_certificate=pair.certificate, tls_key=pair.key, shutdown_timeout=0.2
    )
    with live_server(handle, settings=settings) as server:
        client = server.connect(timeout=5)
        client.sendall(b"\x16\x03\x01")
        with connect(server, context_for(pair)) as other:  # so that the first one was accepted
            assert ask(other, "/")
    with client, contextlib.suppress(ConnectionError):
        assert client.recv(1) == b""


@pytest.mark.slow
def test_idle_connection_goes_on_after_its_rest(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photon_runtime.http._server._PARK_AFTER", 0.2)
    settings = ServerSettings(tls_certificate=pair.certificate, tls_key=pair.key)
    with (
        live_server(handle, settings=settings) as server,
        connect(server, context_for(pair)) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(65536)
        client.settimeout(2.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(5)
        assert ask(client, "/") == b"https 0"


def test_client_without_a_certificate_is_refused_where_one_is_asked_for(
    pair: Pair, tmp_path: Path
) -> None:
    own = make_pair(tmp_path, "client")
    settings = ServerSettings(
        tls_certificate=pair.certificate, tls_key=pair.key, tls_client_ca=own.certificate
    )
    with live_server(handle, settings=settings) as server:
        context = context_for(pair)
        with pytest.raises((ssl.SSLError, ConnectionError)), connect(server, context) as client:
            ask(client, "/")
        context.load_cert_chain(own.certificate, own.key)
        with connect(server, context) as client:
            assert ask(client, "/") == b"https 0"


def test_handlers_see_the_certificate_of_clients_that_show_one(pair: Pair, tmp_path: Path) -> None:
    own = make_pair(tmp_path, "client")
    settings = ServerSettings(
        tls_certificate=pair.certificate,
        tls_key=pair.key,
        tls_client_ca=own.certificate,
        tls_client_auth="optional",
    )

    def show(request: Request) -> Response:
        return Response(body=request.client_certificate or b"none")

    with live_server(show, settings=settings) as server:
        context = context_for(pair)
        with connect(server, context) as client:
            assert ask(client, "/") == b"none"
        context.load_cert_chain(own.certificate, own.key)
        with connect(server, context) as client:
            pem = (tmp_path / own.certificate).read_text()
            assert ask(client, "/") == ssl.PEM_cert_to_DER_cert(pem)


@pytest.mark.parametrize("missing", ["certificate", "key", "both wrong", "authorities"])
def test_files_that_cannot_be_used_stop_the_start(pair: Pair, tmp_path: Path, missing: str) -> None:
    nothing = str(tmp_path / "nothing.pem")
    other = make_pair(tmp_path, "other")
    settings = {
        "certificate": ServerSettings(tls_certificate=nothing, tls_key=pair.key),
        "key": ServerSettings(tls_certificate=pair.certificate, tls_key=nothing),
        "both wrong": ServerSettings(tls_certificate=pair.certificate, tls_key=other.key),
        "authorities": ServerSettings(
            tls_certificate=pair.certificate, tls_key=pair.key, tls_client_ca=nothing
        ),
    }[missing]
    with listen("127.0.0.1", 0) as listener, pytest.raises(ServerError, match=r"\.pem"):
        Server(sockets=[listener], settings=settings)


def test_key_without_certificate_is_a_fault_of_the_settings() -> None:
    with pytest.raises(ValueError, match="tls_certificate"):
        ServerSettings(tls_key="key.pem")


def test_ssl_is_not_loaded_where_it_is_not_used() -> None:
    program = (
        "import sys, photon_runtime.http as http; "
        "http.Server(sockets=[]); assert 'ssl' not in sys.modules, 'loaded'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
