from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

import photon_runtime as rt
from photon_runtime._tls import TLSSocket, client_context, server_context
from photon_runtime.testing import in_hub

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="certificates are made by the openssl command"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    files = ["-keyout", str(path), "-out", f"{path}.c"]
    subprocess.run(
        ["openssl", *command.split(), "-addext", names, *files],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.c").read_text())
    return path


def pair(certificate: Path) -> tuple[TLSSocket, TLSSocket]:
    """Two ends of a TLS connection; each shakes hands in a task of its own."""
    near, far = socket.socketpair()
    server = rt.spawn(
        server_context(str(certificate)).wrap_socket, rt.Socket(fileno=far.detach()), True
    )
    client = client_context(cafile=str(certificate)).wrap_socket(
        rt.Socket(fileno=near.detach()), server_hostname="localhost"
    )
    other = server.result(5)
    assert isinstance(client, TLSSocket)
    assert isinstance(other, TLSSocket)
    return client, other


@in_hub
def test_both_ends_of_a_connection_in_one_hub(certificate: Path) -> None:
    client, server = pair(certificate)
    with client, server:
        client.sendall(b"question")
        assert server.recv(100) == b"question"
        server.sendall(b"answer")
        assert client.recv(100) == b"answer"
        assert client.version() == "TLSv1.3"


@in_hub
def test_tls_over_tcp_by_name(certificate: Path) -> None:
    context = server_context(str(certificate))
    with rt.Socket() as plain:
        plain.bind(("127.0.0.1", 0))
        plain.listen()
        listener = context.wrap_socket(plain, server_side=True)

        def serve() -> bytes:
            connection, _ = listener.accept()
            with connection:
                return connection.recv(100)

        serving = rt.spawn(serve)
        with client_context(cafile=str(certificate)).wrap_socket(
            rt.Socket(), server_hostname="localhost"
        ) as client:
            client.connect(("localhost", listener.getsockname()[1]))
            client.sendall(b"over tcp")
            assert serving.result(5) == b"over tcp"
        listener.close()


@in_hub
def test_a_big_message_waits_for_a_slow_reader(certificate: Path) -> None:
    client, server = pair(certificate)
    data = bytes(range(256)) * 8_000
    with client, server:
        sending = rt.spawn(client.sendall, data)
        received = bytearray()
        while len(received) < len(data):
            received += server.recv(50_000)
            rt.yield_now()
        assert received == data
        assert sending.join(5)


@in_hub
def test_a_waiting_reader_lets_the_others_run_and_may_be_cancelled(certificate: Path) -> None:
    client, server = pair(certificate)
    with client, server:
        reader = rt.spawn(client.recv, 1)
        rt.yield_now()
        reader.cancel()
        assert reader.join(1)
        assert reader.cancelled
        server.sendall(b"later")
        assert client.recv(10) == b"later"


@in_hub
def test_timeouts_are_those_of_the_call(certificate: Path) -> None:
    client, server = pair(certificate)
    with client, server:
        client.settimeout(0.02)
        with pytest.raises(TimeoutError, match="read operation timed out"):
            client.recv(1)
        client.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            client.recv(1)
        client.settimeout(None)
        server.sendall(b"x")
        assert client.recv(1) == b"x"


@in_hub
def test_a_handshake_with_a_silent_peer_ends_in_time(certificate: Path) -> None:
    near, far = socket.socketpair()
    with far, rt.Socket(fileno=near.detach()) as plain:
        plain.settimeout(0.02)
        with pytest.raises(TimeoutError, match="handshake operation timed out"):
            client_context(cafile=str(certificate)).wrap_socket(plain, server_hostname="localhost")


@in_hub
def test_a_certificate_that_is_not_trusted_is_refused(certificate: Path) -> None:
    near, far = socket.socketpair()
    context = server_context(str(certificate))
    server = rt.spawn(context.wrap_socket, rt.Socket(fileno=far.detach()), True)
    with (
        rt.Socket(fileno=near.detach()) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match=r"self.signed"),
    ):
        client_context().wrap_socket(plain, server_hostname="localhost")
    assert server.join(5)
    assert isinstance(server.error, ssl.SSLError | ConnectionError)


@in_hub
def test_unwrap_ends_the_session_and_leaves_the_connection(certificate: Path) -> None:
    client, server = pair(certificate)
    other = rt.spawn(server.unwrap)
    plain = client.unwrap()
    with plain, other.result(5) as below:
        plain.sendall(b"in the clear")
        assert below.recv(100) == b"in the clear"


@in_hub
def test_makefile_reads_lines(certificate: Path) -> None:
    client, server = pair(certificate)
    with client, server, client.makefile("rb") as lines:
        server.sendall(b"one\ntwo\n")
        assert [lines.readline(), lines.readline()] == [b"one\n", b"two\n"]


def test_outside_of_tasks_a_tls_socket_blocks_the_thread(certificate: Path) -> None:
    near, far = socket.socketpair()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def serve() -> None:
        with context.wrap_socket(far, server_side=True) as server:
            server.sendall(server.recv(10))

    thread = threading.Thread(target=serve)
    thread.start()
    with client_context(cafile=str(certificate)).wrap_socket(
        rt.Socket(fileno=near.detach()), server_hostname="localhost"
    ) as client:
        client.sendall(b"echo")
        assert client.recv(10) == b"echo"
    thread.join()
