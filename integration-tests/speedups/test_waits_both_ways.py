"""Time limits, stops, signals, forks and slow clients, with the C module and without it."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from two_servers import RecordedServer

from photon_runtime import speedups

IDLE_CONNECTIONS = 1_000
_CAN_BE_NATIVE = speedups.status().is_used
_WAYS = [
    pytest.param(
        True,
        id="native",
        marks=pytest.mark.skipif(not _CAN_BE_NATIVE, reason=speedups.status().reason),
    ),
    pytest.param(False, id="python"),
]
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("is_native", _WAYS)]


@contextmanager
def serving(folder: Path, is_native: bool, **settings: object) -> Iterator[RecordedServer]:
    """Serve; at the end the server must be alive, stop with status 0 and have no errors."""
    with RecordedServer(
        "waiting_application", folder, is_native=is_native, settings=settings
    ) as server:
        yield server
        assert server.stop() == 0
        assert server.errors() == ""


def send(client: socket.socket, target: str, fields: str = "") -> None:
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode())


def receive(client: socket.socket) -> tuple[bytes, bytes]:
    """Receive one response, and nothing of the next; return head and body."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen = client.recv(65536, socket.MSG_PEEK)
        if not seen:
            raise EOFError("the server has closed the connection")
    head = receive_exactly(client, seen.index(b"\r\n\r\n") + 4)
    length = re.search(rb"content-length: (\d+)", head)
    return head, b"" if length is None else receive_exactly(client, int(length[1]))


def receive_exactly(client: socket.socket, size: int) -> bytes:
    data = client.recv(size, socket.MSG_WAITALL)
    while len(data) < size:
        part = client.recv(size - len(data), socket.MSG_WAITALL)
        if not part:
            raise EOFError(f"the server has closed the connection after {data!r}")
        data += part
    return data


def ask(client: socket.socket, target: str) -> bytes:
    send(client, target)
    return receive(client)[1]


def ask_once(server: RecordedServer, target: str) -> bytes:
    with server.connect() as client:
        return ask(client, target)


def await_log(server: RecordedServer, text: str) -> dict[str, object]:
    """Wait for a record; return it."""
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        for record in server.new_records():
            if text in str(record["message"]):
                return record
        time.sleep(0.01)
    raise TimeoutError(f"{text!r} was not logged")


# -- time limits --------------------------------------------------------------------------------


def test_an_idle_connection_is_closed(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native, idle_timeout=0.3) as server, server.connect() as client:
        assert ask(client, "/echo?1").startswith(b"1 unset 1 ")
        assert client.recv(1) == b""


def test_a_head_that_does_not_end_gets_408_also_after_other_requests(
    tmp_path: Path, is_native: bool
) -> None:
    with serving(tmp_path, is_native, header_timeout=0.3) as server:
        for before in (0, 1, 5):
            with server.connect() as client:
                for number in range(before):
                    ask(client, f"/echo?{number}")
                client.sendall(b"GET /echo HTTP/1.1\r\nHos")
                head, _ = receive(client)
                assert head.startswith(b"HTTP/1.1 408 ")
                assert b"connection: close" in head
                assert client.recv(1) == b""
            assert "its head was not complete" in str(await_log(server, "408")["message"])


def test_a_handler_may_take_longer_than_the_limits_of_waits(
    tmp_path: Path, is_native: bool
) -> None:
    limits = {"idle_timeout": 0.2, "header_timeout": 0.2, "body_timeout": 0.2, "write_timeout": 0.2}
    with serving(tmp_path, is_native, **limits) as server, server.connect() as client:
        ask(client, "/echo?1")
        send(client, "/hold-plainly?2")
        await_log(server, "holds")
        time.sleep(0.6)
        ask_once(server, "/release")
        assert receive(client)[1] == b"held 2"


def test_a_client_that_does_not_read_is_cut_off(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native, write_timeout=0.3) as server, server.connect() as client:
        for number in range(400):
            try:
                send(client, f"/numbered?{number}")
            except ConnectionError:
                break
            time.sleep(0.001)
        await_log(server, "was cut off")
        assert ask_once(server, "/echo?1").startswith(b"1 ")


def test_a_connection_waits_for_long_and_is_used_again(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        for pause in (0.0, 7.5, 0.0):  # after five seconds it has no coroutine
            time.sleep(pause)
            assert ask(client, "/echo?1").startswith(b"1 unset 1 ")
            assert ask(client, "/echo?2").startswith(b"2 unset 2 ")


# -- slow clients -------------------------------------------------------------------------------


def test_what_a_socket_does_not_take_is_sent_later(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(20.0)
        client.connect(("127.0.0.1", server.port))
        count = 200
        for number in range(count):
            send(client, f"/numbered?{number}")
            time.sleep(0.001)  # else the requests arrive together
        with server.connect() as other:
            assert ask(other, "/echo?1").startswith(b"1 ")
        for number in range(count):
            assert receive(client)[1] == f"{number:>6}".encode() * 5000


def test_a_client_may_leave_while_a_handler_runs(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server:
        for path in ("/hold", "/hold-plainly"):
            with server.connect() as client:
                send(client, path)
                await_log(server, "holds")
            assert ask_once(server, "/release") == b"released"
            if path == "/hold":
                await_log(server, "after /hold")
            assert ask_once(server, "/echo?1").startswith(b"1 ")


def test_the_request_of_a_client_that_left_is_cancelled_if_that_is_set(
    tmp_path: Path, is_native: bool
) -> None:
    with serving(tmp_path, is_native, cancel_on_disconnect=True) as server:
        with server.connect() as client:
            ask(client, "/echo?1")
            send(client, "/hold")
            await_log(server, "holds")
        await_log(server, "cancelled /hold")


def test_a_client_may_shut_down_its_side(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        ask(client, "/echo?1")
        send(client, "/hold-plainly?x")
        client.shutdown(socket.SHUT_WR)
        await_log(server, "holds")
        ask_once(server, "/release")
        assert receive(client)[1] == b"held x"
        assert client.recv(1) == b""


# -- many at once -------------------------------------------------------------------------------


def test_requests_at_once_do_not_see_each_other(tmp_path: Path, is_native: bool) -> None:
    def talk(client_number: int) -> list[bytes]:
        with server.connect() as client:
            return [ask(client, f"/echo?{client_number}-{turn}") for turn in range(30)]

    with serving(tmp_path, is_native) as server, ThreadPoolExecutor(20) as threads:
        for client_number, answers in enumerate(threads.map(talk, range(40))):
            for turn, answer in enumerate(answers):
                own = f"{client_number}-{turn}"
                assert answer.decode() == f"{own} unset {own} {{{own!r}}} True"


def test_more_requests_than_allowed_get_503(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native, max_requests_in_flight=2) as server:
        for _ in range(3):
            with server.connect() as first, server.connect() as second, server.connect() as third:
                ask(third, "/echo?1")
                for client in (first, second):
                    send(client, "/hold-plainly?x")
                    await_log(server, "holds")
                send(third, "/echo?2")
                head, _ = receive(third)
                assert head.startswith(b"HTTP/1.1 503 ")
                assert b"retry-after: 1" in head
                first.close()  # one that runs still counts
                send(third, "/release")
                assert receive(third)[0].startswith(b"HTTP/1.1 503 ")
                server.process.send_signal(signal.SIGWINCH)
                assert receive(second)[1] == b"held x"
                assert ask(third, "/echo?3").startswith(b"3 ")


def test_a_task_that_always_yields_lets_the_others_receive(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        send(client, "/spin")
        await_log(server, "holds")
        with server.connect() as other:
            assert ask(other, "/echo?1").startswith(b"1 ")
            assert ask(other, "/thread?abc") == b"ABC"
            assert ask(other, "/release") == b"released"
        assert receive(client)[1] == b"spun"


def test_threads_wake_the_scheduler(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        for number in range(50):
            assert ask(client, f"/thread?a{number}") == f"A{number}".encode()


def resident(process: int) -> int:
    """Return the resident memory of a process in bytes."""
    [size] = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(size) * 1024


MOST_PER_IDLE_CONNECTION = 12_000


def test_an_idle_connection_needs_little_memory(
    tmp_path: Path, is_native: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path, is_native) as server, ExitStack() as stack:
        for _ in range(200):  # what the first ones need once
            ask_once(server, "/process")
        before = resident(server.process.pid)
        clients = [stack.enter_context(server.connect()) for _ in range(IDLE_CONNECTIONS)]
        for client in clients:
            ask(client, "/process")
        size = (resident(server.process.pid) - before) / IDLE_CONNECTIONS
        with capsys.disabled():
            print(f"\n{'with' if is_native else 'without'} the C module: {size:.0f} bytes for each")
        assert size < MOST_PER_IDLE_CONNECTION


# -- stops --------------------------------------------------------------------------------------


def test_a_running_request_is_finished_before_the_stop(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native, idle_grace=0.0) as server, ExitStack() as stack:
        client, idle, other = (stack.enter_context(server.connect()) for _ in range(3))
        for each in (client, idle, other):
            ask(each, "/echo?1")
        for each, target in ((client, "/hold-plainly?x"), (other, "/spin")):
            send(each, target)
            await_log(server, "holds")
        server.begin_stop()
        assert idle.recv(1) == b""
        server.process.send_signal(signal.SIGWINCH)  # releases
        for each, body in ((client, b"held x"), (other, b"spun")):
            head, received = receive(each)
            assert (b"connection: close" in head, received) == (True, body)
            assert each.recv(1) == b""


def test_a_request_in_the_grace_period_is_answered_and_is_the_last(
    tmp_path: Path, is_native: bool
) -> None:
    with serving(tmp_path, is_native, idle_grace=10.0) as server, server.connect() as client:
        ask(client, "/echo?1")
        with server.connect() as held:
            send(held, "/hold-plainly")
            await_log(server, "holds")
            server.begin_stop()
            wait_until_refused(server)
            send(client, "/echo?2")
            head, body = receive(client)
            assert body.startswith(b"2 unset 2 ")
            assert b"connection: close" in head
            assert client.recv(1) == b""
            server.process.send_signal(signal.SIGWINCH)
            assert b"connection: close" in receive(held)[0]


def wait_until_refused(server: RecordedServer) -> None:
    """Wait until the server accepts no new connections."""
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        try:
            with server.connect() as probe:
                send(probe, "/process", "Connection: close\r\n")
                probe.recv(1)
        except OSError:
            return
        time.sleep(0.01)
    raise TimeoutError("the server still accepts connections")


def test_requests_that_do_not_end_are_cancelled_at_the_stop(
    tmp_path: Path, is_native: bool
) -> None:
    with serving(tmp_path, is_native, shutdown_timeout=0.3) as server, server.connect() as client:
        send(client, "/hold")
        await_log(server, "holds")
        server.begin_stop()
        assert client.recv(1) == b""
        messages = [record["message"] for record in server.new_records()]
        assert "cancelled /hold" in messages
        assert "after /hold" in messages


# -- signals and forks --------------------------------------------------------------------------


def test_an_exception_of_a_signal_handler_ends_only_the_request_that_runs(
    tmp_path: Path, is_native: bool
) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        for _ in range(3):
            send(client, "/strike")
            assert receive(client)[0].startswith(b"HTTP/1.1 500 ")
            assert "Struck('an alarm')" in str(await_log(server, "/strike failed")["error"])
            assert ask(client, "/echo?1").startswith(b"1 unset 1 ")


def test_an_exception_of_a_signal_handler_does_not_end_an_idle_server(
    tmp_path: Path, is_native: bool
) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        for _ in range(3):
            assert ask(client, "/strike-later") == b"set"
            record = await_log(server, "while the scheduler ran")
            assert "Struck('an alarm')" in str(record["error"])
            assert ask(client, "/echo?1").startswith(b"1 unset 1 ")
            assert ask_once(server, "/echo?2").startswith(b"2 unset 2 ")


def test_a_signal_handler_may_wake_a_task(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        for _ in range(3):
            assert ask(client, "/wait-for-strike") == b"True"


def test_the_child_of_a_fork_sends_nothing(tmp_path: Path, is_native: bool) -> None:
    with serving(tmp_path, is_native) as server, server.connect() as client:
        for _ in range(3):
            answer = ask(client, "/fork")
            assert answer == b"the child has ended with 0"
            assert ask(client, "/process") == str(server.process.pid).encode()
