from __future__ import annotations

import contextlib
import errno
import gc
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime import _socket, _waiting_socket, current_task, testing
from photon_runtime._hub import current_hub
from photon_runtime._poll import Poller
from photon_runtime._watcher import Watcher
from photon_runtime.testing import in_hub

BIG = os.urandom(3_000_000)


@contextlib.contextmanager
def listening(backlog: int = 16) -> Iterator[rt.Socket]:
    with rt.Socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(backlog)
        yield listener


@contextlib.contextmanager
def pair(kind: int = socket.SOCK_STREAM) -> Iterator[tuple[rt.Socket, rt.Socket]]:
    """Two connected sockets that wait in the hub."""
    near, far = socket.socketpair(type=kind)
    with (
        rt.Socket(near.family, near.type, fileno=near.detach()) as one,
        rt.Socket(far.family, far.type, fileno=far.detach()) as other,
    ):
        yield one, other


def echo(connection: rt.Socket) -> None:
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def receive_exactly(sock: rt.Socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        data = sock.recv(65536)
        assert data, "the connection ended early"
        received += data
    return bytes(received)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def fill(sock: rt.Socket) -> int:
    """Send until there is no more room."""
    sent = 0
    sock.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += sock.send(b"x" * 65536)
    sock.settimeout(None)
    return sent


# -- streams --------------------------------------------------------------------------------------


@in_hub
def test_tasks_talk_over_tcp() -> None:
    def ask(number: int) -> bytes:
        with rt.create_connection(listener.getsockname()) as client:
            client.sendall(b"question %d" % number)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(5), b""))

    with rt.deadline(5), listening() as listener, rt.scope() as block:
        answers = [block.spawn(ask, number) for number in range(10)]
        for _ in answers:
            block.spawn(echo, listener.accept()[0])
    assert [answer.result() for answer in answers] == [b"question %d" % n for n in range(10)]


@in_hub
def test_accept_gives_a_waiting_socket_and_the_peers_address() -> None:
    with listening() as listener, rt.create_connection(listener.getsockname()) as client:
        connection, address = listener.accept()
        with connection:
            assert isinstance(connection, rt.Socket)
            assert address == client.getsockname()
            reader = rt.spawn(connection.recv, 10)
            rt.yield_now()
            client.sendall(b"hello")
            assert reader.result(1) == b"hello"


@pytest.mark.parametrize("item_format", ["B", "I"])
@in_hub
def test_a_big_sendall_waits_for_a_slow_reader(item_format: Literal["B", "I"]) -> None:
    with pair() as (near, far), rt.deadline(10):
        sender = rt.spawn(near.sendall, memoryview(BIG).cast(item_format))
        rt.sleep(0.005)
        assert sender.state == "waiting"
        received = bytearray()
        while len(received) < len(BIG):
            received += far.recv(300_000)
            if len(received) % 3 == 0:
                rt.yield_now()
        sender.result()
        assert bytes(received) == BIG


@in_hub
def test_sendall_takes_any_buffer() -> None:
    with pair() as (near, far):
        for data in (
            b"bytes",
            bytearray(b"array"),
            memoryview(b"a view"),
            memoryview(b"0123")[::1],
        ):
            near.sendall(data)
            assert receive_exactly(far, len(data)) == bytes(data)
        near.sendall(memoryview(b"\1\0\0\0\2\0\0\0").cast("I"))
        assert receive_exactly(far, 8) == b"\1\0\0\0\2\0\0\0"
        near.sendall(b"")


@in_hub
def test_a_waiting_reader_lets_the_others_run() -> None:
    with pair() as (near, far):
        reader = rt.spawn(near.recv, 10)
        rt.yield_now()
        assert reader.state == "waiting"
        far.send(b"x")
        assert reader.result(1) == b"x"


@in_hub
def test_receiving_what_is_there_does_not_switch() -> None:
    with pair() as (near, far):
        other = rt.spawn(lambda: None)
        far.sendall(b"there")
        assert near.recv(10) == b"there"
        assert not other.done


@in_hub
def test_recv_into_fills_a_buffer() -> None:
    with pair() as (near, far):
        buffer = bytearray(8)
        reader = rt.spawn(near.recv_into, buffer, 5)
        rt.yield_now()
        far.sendall(b"abcdefg")
        assert reader.result(1) == 5
        assert bytes(buffer) == b"abcde\0\0\0"
        assert near.recv_into(memoryview(buffer)[6:]) == 2
        assert bytes(buffer) == b"abcde\0fg"


@in_hub
def test_one_task_reads_while_another_writes() -> None:
    with pair() as (near, far), rt.deadline(10), rt.scope() as block:
        sender = block.spawn(near.sendall, BIG)
        reader = block.spawn(near.recv, 10)
        rt.sleep(0.001)
        far.sendall(b"meanwhile")
        assert reader.result() == b"meanwhile"
        assert not sender.done
        assert receive_exactly(far, len(BIG)) == BIG


@in_hub
def test_the_end_of_the_peer_is_an_empty_read() -> None:
    with pair() as (near, far):
        reader = rt.spawn(near.recv, 10)
        rt.yield_now()
        far.close()
        assert reader.result(1) == b""
        assert near.recv(10) == b""


@in_hub
def test_sending_to_a_peer_that_has_gone_fails() -> None:
    with pair() as (near, far):
        sender = rt.spawn(near.sendall, BIG)
        rt.sleep(0.001)
        far.close()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            sender.result(1)


@in_hub
def test_shutting_down_from_another_task_wakes_the_reader() -> None:
    with pair() as (near, _):
        reader = rt.spawn(near.recv, 10)
        rt.yield_now()
        near.shutdown(socket.SHUT_RDWR)
        assert reader.result(1) == b""


@in_hub
def test_makefile_reads_lines_and_writes() -> None:
    with pair() as (near, far), near.makefile("rw", encoding="utf-8", newline="\n") as file:

        def talk() -> list[str]:
            first = file.readline()
            file.write(first.upper())
            file.flush()
            return [first, *file]

        task = rt.spawn(talk)
        rt.yield_now()
        far.sendall("grü".encode())
        rt.sleep(0.001)
        far.sendall(b"n\n")
        assert receive_exactly(far, 6) == "GRÜN\n".encode()
        far.sendall(b"rest\n")
        far.shutdown(socket.SHUT_WR)
        assert task.result(1) == ["grün\n", "rest\n"]


@in_hub
def test_a_file_of_a_socket_outlives_its_close() -> None:
    with pair() as (near, far):
        file = near.makefile("rb")
        near.close()
        reader = rt.spawn(file.readline)
        rt.yield_now()
        far.sendall(b"line\n")
        assert reader.result(1) == b"line\n"
        file.close()
        assert far.recv(10) == b""


@in_hub
def test_messages_with_ancillary_data_wait_too() -> None:
    with pair() as (near, far):
        reader = rt.spawn(near.recvmsg, 10)
        rt.yield_now()
        far.sendall(b"message")
        assert reader.result(1)[0] == b"message"


@in_hub
def test_receiving_a_message_into_buffers_waits_too() -> None:
    with pair() as (near, far):
        buffers = [bytearray(2), bytearray(8)]
        reader = rt.spawn(near.recvmsg_into, buffers)
        rt.yield_now()
        far.sendall(b"message")
        assert reader.result(1)[0] == 7
        assert bytes(buffers[0]) == b"me"


@in_hub
def test_sending_a_message_waits_for_room() -> None:
    with pair() as (near, far):
        size = fill(near)
        sender = rt.spawn(near.sendmsg, [b"mess", b"age"])
        rt.sleep(0.001)
        assert sender.state == "waiting"
        receive_exactly(far, size)
        assert sender.result(1) == 7
        assert far.recv(10) == b"message"


@in_hub
def test_sendfile_does_not_hold_the_hub(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(BIG)
    with pair() as (near, far), path.open("rb") as file:
        near.settimeout(0.2)  # so that a sendfile that holds the hub ends
        sender = rt.spawn(near.sendfile, file)
        reader = rt.spawn(receive_exactly, far, len(BIG))
        assert sender.result(5) == len(BIG)
        assert reader.result(5) == BIG


# -- connecting -----------------------------------------------------------------------------------


@in_hub
def test_connecting_to_nobody_is_refused() -> None:
    port = free_port()
    with rt.Socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", port))
    with rt.Socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
    with pytest.raises(ConnectionRefusedError):
        rt.create_connection(("127.0.0.1", port))


@in_hub
def test_a_socket_whose_connecting_was_cancelled_is_closed() -> None:
    with listening(backlog=0) as listener, contextlib.ExitStack() as stack:
        for _ in range(2):  # more than the backlog takes: the next one waits
            waiting = stack.enter_context(rt.Socket())
            waiting.settimeout(0.0)
            waiting.connect_ex(listener.getsockname())
        client = rt.Socket()
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02):
            client.connect(listener.getsockname())
        assert client.fileno() == -1


@in_hub
def test_connecting_to_a_name_resolves_it() -> None:
    with listening() as listener, rt.Socket() as client:
        client.connect(("localhost", listener.getsockname()[1]))
        assert client.getpeername() == listener.getsockname()


@in_hub
def test_resolving_a_name_does_not_hold_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, resolve = threading.Event(), socket.getaddrinfo

    def resolve_slowly(*args: Any) -> object:
        if not (len(args) > 5 and args[5] & socket.AI_NUMERICHOST):  # a number asks nobody
            assert answer.wait(5)
        return resolve(*args)

    monkeypatch.setattr("photon_runtime._names._getaddrinfo", resolve_slowly)
    with listening() as listener, rt.Socket() as client:
        address = "localhost", listener.getsockname()[1]
        tasks = rt.spawn(client.connect, address), rt.spawn(rt.create_connection, address)
        rt.sleep(0.001)
        assert [task.state for task in tasks] == ["waiting"] * 2
        answer.set()
        tasks[0].result(5)
        tasks[1].result(5).close()


@in_hub
def test_create_connection_tries_every_address_of_a_name() -> None:
    with listening() as listener:  # on 127.0.0.1 alone, while localhost may be ::1 as well
        address = "localhost", listener.getsockname()[1]
        client = rt.create_connection(address, timeout=5)
        with client:
            assert client.getpeername() == listener.getsockname()
            assert client.gettimeout() == 5


@in_hub
def test_a_name_that_does_not_exist_is_an_os_error() -> None:
    with rt.Socket() as client, pytest.raises(OSError, match=r"\[Errno"):
        client.connect(("name.invalid", 1))
    with pytest.raises(OSError, match=r"\[Errno"):
        rt.create_connection(("name.invalid", 1))


@contextlib.contextmanager
def full_backlog() -> Iterator[tuple[str, int]]:
    """An address that neither accepts nor refuses."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


@in_hub
def test_connecting_gives_up_in_time() -> None:
    with full_backlog() as address, rt.Socket() as client:
        client.settimeout(0.01)
        with pytest.raises(TimeoutError):
            client.connect(address)


@in_hub
def test_connecting_without_time_says_that_it_has_begun() -> None:
    with full_backlog() as address, rt.Socket() as client:
        client.setblocking(False)
        assert client.connect_ex(address) == errno.EINPROGRESS


@pytest.mark.parametrize("how", ["deadline", "timeout"])
def test_a_connection_that_is_given_up_is_closed(how: Literal["deadline", "timeout"]) -> None:
    def main() -> None:
        with full_backlog() as address:
            if how == "deadline":
                with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.01):
                    rt.create_connection(address)
            else:
                with pytest.raises(TimeoutError):
                    rt.create_connection(address, timeout=0.01)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        rt.run(main)
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


# -- timeouts -------------------------------------------------------------------------------------


@in_hub
def test_each_waiting_call_is_limited_by_settimeout() -> None:
    with pair() as (near, _), listening() as listener, pair(socket.SOCK_DGRAM) as (datagrams, _):
        calls: list[tuple[rt.Socket, Callable[[], object]]] = [
            (near, lambda: near.recv(1)),
            (near, lambda: near.recv_into(bytearray(1))),
            (datagrams, lambda: datagrams.recvfrom(1)),
            (listener, listener.accept),
        ]
        for sock, call in calls:
            sock.settimeout(0.005)
            begin = time.monotonic()
            with pytest.raises(TimeoutError):
                call()
            assert time.monotonic() - begin >= 0.005
        fill(near)
        near.settimeout(0.005)
        for send in (near.send, near.sendall):
            with pytest.raises(TimeoutError):
                send(b"x" * 65536)


@in_hub
def test_a_socket_works_on_after_a_timeout() -> None:
    with pair() as (near, far):
        near.settimeout(0.001)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                near.recv(1)
        far.send(b"x")
        assert near.recv(1) == b"x"


@in_hub
def test_the_limit_of_a_call_that_ended_in_time_does_not_end_the_next_wait() -> None:
    with pair() as (near, far):

        def receive_and_wait() -> None:
            near.settimeout(0.005)
            assert near.recv(1) == b"x"
            rt.sleep(0.015)

        task = rt.spawn(receive_and_wait)
        rt.yield_now()
        far.send(b"x")
        task.result(1)


@in_hub
def test_a_slow_reader_does_not_prolong_the_limit_of_sendall() -> None:
    with pair() as (near, far), rt.scope() as block:
        near.settimeout(0.03)

        def read_slowly() -> None:
            while far.recv(65536):
                rt.sleep(0.003)

        block.spawn(read_slowly)
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            near.sendall(BIG)
        near.close()
        assert time.monotonic() - begin < 0.09


@in_hub
def test_with_a_timeout_of_zero_nothing_waits() -> None:
    with pair() as (near, _), listening() as listener:
        other = rt.spawn(lambda: None)
        for sock in (near, listener):
            sock.settimeout(0)
        for call in (lambda: near.recv(1), listener.accept, lambda: near.recv_into(bytearray(1))):
            with pytest.raises(BlockingIOError):
                call()
        fill(near)
        assert not other.done


def test_timeouts_are_kept_as_by_the_standard_socket() -> None:
    with rt.Socket() as sock:
        assert (sock.gettimeout(), sock.getblocking()) == (None, True)
        sock.settimeout(2.5)
        assert (sock.gettimeout(), sock.getblocking()) == (2.5, True)
        sock.setblocking(False)
        assert (sock.gettimeout(), sock.getblocking()) == (0.0, False)
        sock.setblocking(True)
        assert (sock.gettimeout(), sock.getblocking()) == (None, True)
        with pytest.raises(ValueError, match="zero or more"):
            sock.settimeout(-1)


def test_the_default_timeout_counts() -> None:
    socket.setdefaulttimeout(7)
    try:
        with rt.Socket() as sock:
            assert sock.gettimeout() == 7
    finally:
        socket.setdefaulttimeout(None)


def test_outside_of_run_a_socket_blocks_the_thread_as_the_standard_one() -> None:
    with pair() as (near, far):
        sender = threading.Timer(0.05, far.sendall, [b"x"])
        sender.start()
        assert near.recv(10) == b"x"
        near.settimeout(0.01)
        with pytest.raises(TimeoutError):
            near.recv(10)
        sender.join()


# -- other families and kinds ---------------------------------------------------------------------


@in_hub
def test_datagrams_go_to_and_fro() -> None:
    with rt.Socket(type=socket.SOCK_DGRAM) as one, rt.Socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        receiver = rt.spawn(one.recvfrom, 100)
        rt.yield_now()
        assert other.sendto(b"ping", one.getsockname()) == 4
        assert receiver.result(1) == (b"ping", other.getsockname())
        buffer = bytearray(4)
        receiver_into = rt.spawn(other.recvfrom_into, buffer)
        rt.yield_now()
        one.sendto(b"pong", 0, other.getsockname())
        assert receiver_into.result(1) == (4, one.getsockname())
        assert buffer == b"pong"


@pytest.mark.timeout(3)
@in_hub
def test_a_datagram_socket_waits_again_after_an_error_was_reported() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    with rt.Socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.settimeout(0.01)
        reader = rt.spawn(sock.recv, 10)
        rt.yield_now()
        sock.send(b"to nobody")
        with pytest.raises(ConnectionRefusedError):
            reader.result(1)
        with pytest.raises(TimeoutError):
            sock.recv(10)


@in_hub
def test_unix_sockets_connect_by_path(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with rt.Socket(socket.AF_UNIX) as listener, rt.Socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        server = rt.spawn(lambda: echo(listener.accept()[0]))
        client.connect(path)
        client.sendall(b"over a path")
        assert receive_exactly(client, 11) == b"over a path"
        client.shutdown(socket.SHUT_WR)
        server.result(1)
    with rt.Socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
        client.connect(str(tmp_path / "nobody"))


@in_hub
def test_connecting_to_a_unix_socket_with_a_full_backlog_waits_for_room(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(rt.Socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        listener.settimeout(0.5)
        waiting = 0
        while True:
            filler = stack.enter_context(rt.Socket(socket.AF_UNIX))
            filler.settimeout(0)
            if filler.connect_ex(path):
                break
            waiting += 1
        client = stack.enter_context(rt.Socket(socket.AF_UNIX))
        connecting = rt.spawn(client.connect, path)
        rt.sleep(0.005)
        assert not connecting.done
        for _ in range(waiting + 1):
            stack.enter_context(listener.accept()[0])
        connecting.result(1)


@in_hub
def test_a_closed_unix_listener_refuses(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with rt.Socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
    with rt.Socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
        client.connect(path)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
@in_hub
def test_ipv6_addresses_keep_their_four_parts() -> None:
    with rt.Socket(socket.AF_INET6) as listener, rt.Socket(socket.AF_INET6) as client:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("there is no ::1 here")
        listener.listen()
        client.connect(listener.getsockname())
        listener.accept()[0].close()
        assert client.recv(1) == b""


# -- several tasks on one socket ------------------------------------------------------------------


@in_hub
def test_two_tasks_accept_from_one_socket() -> None:
    with listening() as listener, contextlib.ExitStack() as stack:
        acceptors = [rt.spawn(listener.accept) for _ in range(2)]
        rt.yield_now()
        for _ in range(2):
            stack.enter_context(rt.create_connection(listener.getsockname()))
        for acceptor in acceptors:
            acceptor.result(1)[0].close()


@pytest.mark.parametrize("how", ["cancel", "timeout"])
@in_hub
def test_when_the_first_acceptor_gives_up_the_second_is_served(
    how: Literal["cancel", "timeout"],
) -> None:
    with listening() as listener:
        if how == "timeout":
            listener.settimeout(0.002)
        first = rt.spawn(listener.accept)
        rt.yield_now()
        listener.settimeout(None)
        second = rt.spawn(listener.accept)
        rt.yield_now()
        if how == "cancel":
            first.cancel()
        first.join()
        with rt.create_connection(listener.getsockname()):
            second.result(0.2)[0].close()


@in_hub
def test_a_connection_that_comes_while_its_acceptor_is_cancelled_is_not_lost() -> None:
    with listening() as listener:
        first, second = rt.spawn(listener.accept), rt.spawn(listener.accept)
        rt.yield_now()
        with socket.create_connection(listener.getsockname()):
            first.cancel()
            second.result(1)[0].close()
        with pytest.raises(rt.TaskCancelled):
            first.result()


# -- the end --------------------------------------------------------------------------------------


@in_hub
def test_closing_a_socket_wakes_who_waits_on_it_with_bad_descriptor() -> None:
    with pair() as (near, _), listening() as listener:
        fill(near)
        waiting = [
            rt.spawn(near.recv, 1),
            rt.spawn(near.recv, 1),
            rt.spawn(near.sendall, b"x" * 65536),
            rt.spawn(listener.accept),
        ]
        rt.sleep(0.001)
        near.close()
        listener.close()
        for task in waiting:
            with pytest.raises(OSError, match=r"."):
                task.result(1)
            assert isinstance(task.error, OSError)
            assert task.error.errno == errno.EBADF


@in_hub
def test_using_a_closed_socket_is_an_error() -> None:
    with pair() as (near, far):
        near.close()
        near.close()
        with pytest.raises(OSError, match="descriptor"):
            near.recv(1)
        assert far.recv(1) == b""


@in_hub
def test_a_number_that_is_used_again_after_close_works() -> None:
    for _ in range(3):
        with pair() as (near, far):
            reader = rt.spawn(near.recv, 10)
            rt.sleep(0.001)
            far.send(b"x")
            assert reader.result(1) == b"x"


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@in_hub
def test_a_socket_that_was_dropped_unclosed_does_no_harm_to_the_next_of_its_number() -> None:
    near, far = socket.socketpair()
    number = near.fileno()
    dropped = rt.Socket(near.family, near.type, fileno=near.detach())
    dropped.settimeout(0.001)
    with pytest.raises(TimeoutError):
        dropped.recv(1)
    del dropped
    gc.collect()
    far.close()
    near, far = socket.socketpair()
    os.dup2(near.fileno(), number)
    if near.fileno() == number:
        near.detach()
    near.close()
    with rt.Socket(socket.AF_UNIX, fileno=number) as again, far:
        reader = rt.spawn(again.recv, 1)
        rt.sleep(0.001)
        far.send(b"x")
        assert reader.result(0.2) == b"x"


@in_hub
def test_a_detached_descriptor_can_be_watched_anew() -> None:
    with pair() as (near, far):
        reader = rt.spawn(near.recv, 1)
        rt.yield_now()
        number = near.detach()
        with pytest.raises(OSError, match="closed"):
            reader.result(1)
        with rt.Socket(socket.AF_UNIX, fileno=number) as again:
            reader = rt.spawn(again.recv, 1)
            rt.yield_now()
            far.send(b"x")
            assert reader.result(1) == b"x"


@in_hub
def test_a_duplicate_lives_on_after_the_original() -> None:
    with pair() as (near, far):
        near.settimeout(5)
        with near.dup() as copy:
            assert copy.gettimeout() == 5
            readers = rt.spawn(near.recv, 1), rt.spawn(copy.recv, 1)
            rt.yield_now()
            near.close()
            with pytest.raises(OSError, match="closed"):
                readers[0].result(1)
            far.send(b"x")
            assert readers[1].result(1) == b"x"


@in_hub
def test_a_cancelled_reader_takes_no_data() -> None:
    with pair() as (near, far):
        reader = rt.spawn(near.recv, 1)
        rt.yield_now()
        far.send(b"x")
        reader.cancel()
        reader.join()
        assert reader.cancelled
        assert near.recv(1) == b"x"


def test_a_socket_may_be_used_in_one_run_after_the_other() -> None:
    def exchange() -> bytes:
        reader = rt.spawn(near.recv, 1)
        rt.yield_now()
        far.send(b"x")
        return reader.result(1)

    with pair() as (near, far):
        assert [rt.run(exchange) for _ in range(3)] == [b"x"] * 3


# -- beside ordinary threads ----------------------------------------------------------------------


@in_hub
def test_ordinary_threads_with_ordinary_sockets_are_served() -> None:
    def ask(address: tuple[str, int]) -> None:
        with socket.create_connection(address, 5) as client:
            client.sendall(BIG[:300_000])
            client.shutdown(socket.SHUT_WR)
            answers.append(b"".join(iter(lambda: client.recv(65536), b"")))

    answers: list[bytes] = []
    with rt.deadline(10), listening() as listener, rt.scope() as block:
        threads = [threading.Thread(target=ask, args=(listener.getsockname(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in threads:
            block.spawn(echo, listener.accept()[0])
    for thread in threads:
        thread.join(5)
    assert answers == [BIG[:300_000]] * 4


@in_hub
def test_a_task_talks_to_an_ordinary_server_thread() -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100).upper())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        with rt.create_connection(listener.getsockname(), timeout=5) as client:
            client.sendall(b"loud")
            assert receive_exactly(client, 4) == b"LOUD"
        thread.join(5)


def test_hubs_in_two_threads_talk_to_each_other() -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        echo(connection)

    def ask() -> bytes:
        with rt.create_connection(address, timeout=5) as client:
            sender = rt.spawn(client.sendall, BIG)
            received = receive_exactly(client, len(BIG))
            sender.result()
            return received

    with listening() as listener:
        listener.settimeout(5)
        address = listener.getsockname()
        thread = threading.Thread(target=rt.run, args=(serve,))
        thread.start()
        assert rt.run(ask) == BIG
        thread.join(5)


# -- the try that is left out ---------------------------------------------------------------------


@contextlib.contextmanager
def tcp_pair() -> Iterator[tuple[rt.Socket, rt.Socket]]:
    with listening() as listener, rt.create_connection(listener.getsockname()) as near:
        far, _ = listener.accept()
        with far:
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield near, far


def send_soon(sock: rt.Socket, *parts: bytes) -> rt.Task[None]:
    """Send one part after another while the caller waits."""

    def send() -> None:
        for part in parts:
            rt.sleep(0.002)
            sock.sendall(part)

    return rt.spawn(send)


class CountingSocket(socket.socket):
    """Counts how often the operating system is asked for data."""

    __slots__ = ()
    calls = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        CountingSocket.calls += 1
        return socket.socket.recv(self, bufsize, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        CountingSocket.calls += 1
        return socket.socket.recv_into(self, buffer, nbytes, flags)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> type[CountingSocket]:
    monkeypatch.setattr(_socket, "_base", CountingSocket)
    CountingSocket.calls = 0
    return CountingSocket


@pytest.mark.parametrize("into", [False, True])
def test_after_a_short_read_the_next_one_waits_before_it_tries(
    into: bool, calls: type[CountingSocket]
) -> None:
    def receive(sock: rt.Socket) -> bytes:
        if not into:
            return sock.recv(100)
        buffer = bytearray(100)
        return bytes(buffer[: sock.recv_into(buffer)])

    def main() -> None:
        with tcp_pair() as (near, far):
            sending = send_soon(far, b"one", b"two", b"three")
            assert [receive(near) for _ in range(3)] == [b"one", b"two", b"three"]
            sending.join()

    rt.run(main)
    assert calls.calls == 4  # in vain once, before the first wait


@in_hub
def test_what_came_after_a_short_read_is_had_without_another_event() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"one")
        assert near.recv(100) == b"one"
        far.sendall(b"two")
        rt.sleep(0.01)  # its event comes while nobody waits
        assert near.recv(100) == b"two"


@in_hub
def test_the_end_is_noticed_after_a_short_read_whenever_it_came() -> None:
    for pause in (0, 0.01):
        with rt.deadline(5), tcp_pair() as (near, far):
            send_soon(far, b"one")
            assert near.recv(100) == b"one"
            far.shutdown(socket.SHUT_WR)
            rt.sleep(pause)
            assert near.recv(100) == b""
            assert near.recv(100) == b""


@in_hub
def test_the_end_that_comes_with_the_last_data_is_noticed() -> None:
    def send_all() -> None:
        far.sendall(b"last")
        far.close()

    with rt.deadline(5), tcp_pair() as (near, far):
        rt.spawn(send_all)
        assert near.recv(100) == b"last"
        assert near.recv(100) == b""


@in_hub
def test_ones_own_shutdown_ends_the_receiving_after_a_short_read() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"one")
        assert near.recv(100) == b"one"
        near.shutdown(socket.SHUT_RD)
        assert near.recv(100) == b""


@in_hub
def test_a_read_of_everything_leaves_the_next_one_its_try() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"1234567")
        assert [near.recv(3) for _ in range(3)] == [b"123", b"456", b"7"]
        buffer = bytearray(10)
        send_soon(far, b"1234567")
        sizes = [near.recv_into(buffer, 3), near.recv_into(memoryview(buffer)[:3])]
        assert [*sizes, near.recv_into(buffer)] == [3, 3, 1]


@pytest.mark.parametrize("call", ["recvfrom", "recvmsg", "recv"])
@in_hub
def test_a_call_that_leaves_data_behind_does_not_make_the_next_one_wait(call: str) -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"one")
        assert near.recv(100) == b"one"
        send_soon(far, b"two")
        taken = getattr(near, call)(1)
        assert b"t" in (taken, taken[0])
        assert near.recv(100) == b"wo"


@in_hub
def test_a_look_ahead_that_waited_does_not_make_the_next_one_wait() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"one")
        assert near.recv(100, socket.MSG_PEEK) == b"one"
        assert near.recv(100) == b"one"


@in_hub
def test_data_behind_urgent_data_is_received() -> None:
    def send_all() -> None:
        far.sendall(b"before")
        far.send(b"!", socket.MSG_OOB)
        far.sendall(b"behind")

    for late in (False, True):
        with rt.deadline(5), tcp_pair() as (near, far):
            if late:
                send_soon(far, b"one")
                assert near.recv(100) == b"one"
            rt.spawn(send_all)
            received = b""
            while len(received) < 12:
                received += near.recv(100)
            assert received == b"beforebehind"
            send_soon(far, b"two")
            assert near.recv(100) == b"two"


@in_hub
def test_a_socket_that_does_not_wait_tries_after_a_short_read_too() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"one")
        assert near.recv(100) == b"one"
        near.setblocking(False)
        with pytest.raises(BlockingIOError):
            near.recv(100)


@in_hub
def test_a_wait_that_was_given_up_after_a_short_read_loses_nothing() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"one")
        assert near.recv(100) == b"one"
        near.settimeout(0.005)
        with pytest.raises(TimeoutError):
            near.recv(100)
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.005):
            near.recv(100)
        far.sendall(b"two")
        assert near.recv(100) == b"two"
        with pytest.raises(TimeoutError):
            near.recv(100)


@in_hub
def test_two_readers_of_one_socket_get_all_that_comes() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        received: list[bytes] = []
        readers = [rt.spawn(lambda: received.append(near.recv(100))) for _ in range(3)]
        send_soon(far, b"one", b"two", b"three").join()
        for reader in readers:
            reader.join()
        assert received == [b"one", b"two", b"three"]


@in_hub
def test_a_thread_reads_what_came_after_a_short_read_of_the_hub() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        send_soon(far, b"one")
        assert near.recv(100) == b"one"
        far.sendall(b"two")
        assert rt.offload(near.recv, 100) == b"two"
        send_soon(far, b"three")
        assert rt.offload(near.recv, 100) == b"three"
        far.sendall(b"four")
        assert near.recv(100) == b"four"


@in_hub
def test_messages_of_unix_sockets_are_not_taken_for_the_end_of_the_data() -> None:
    with rt.deadline(5), pair() as (near, far):

        def send_all() -> None:
            socket.send_fds(far, [b"one"], [0])
            socket.send_fds(far, [b"two"], [0])

        rt.spawn(send_all)
        received = near.recv(100)
        while len(received) < 6:
            received += near.recv(100)
        assert received == b"onetwo"


class Stream:
    """A connection, what was sent over it, and what came out."""

    def __init__(self, near: rt.Socket, far: rt.Socket) -> None:
        self.near = near
        self.far = far
        self.sent = bytearray()
        self.received = bytearray()

    def do(self, call: str, size: int) -> None:
        if call == "send":
            self.send(size)
        elif call == "sleep":
            rt.sleep((size - 1) * 0.0001)
        else:
            if self.received == self.sent:  # it waits, and something comes
                rt.spawn(self.send, size * 2 % 13 + 1)
            self.receive(call, size)

    def send(self, size: int) -> None:
        data = bytes((len(self.sent) + at) % 256 for at in range(size))
        self.sent += data
        self.far.sendall(data)

    def receive(self, call: str, size: int) -> None:
        buffer = bytearray(size)
        if call == "recv_into":
            self.received += buffer[: self.near.recv_into(buffer)]
        elif call == "recvfrom":
            self.received += self.near.recvfrom(size)[0]
        elif call == "peek":
            assert self.near.recv(size, socket.MSG_PEEK)
        else:
            self.received += self.near.recv(size)


steps = st.lists(
    st.tuples(
        st.sampled_from(["send", "sleep", "recv", "recv_into", "recvfrom", "peek"]),
        st.integers(1, 6),
    ),
    max_size=30,
)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_in_whatever_order_what_is_called_all_bytes_come_in_theirs(
    chosen: list[tuple[str, int]],
) -> None:
    def main() -> None:
        with rt.deadline(5), tcp_pair() as (near, far):
            stream = Stream(near, far)
            for call, size in chosen:
                stream.do(call, size)
            far.shutdown(socket.SHUT_WR)
            while data := near.recv(5):
                stream.received += data
        assert stream.received == stream.sent

    rt.run(main)


# -- what a dry socket may not change -------------------------------------------------------------


def dry(near: rt.Socket, far: rt.Socket) -> None:
    """Let ``near`` have had a short read, so that its next one would wait first."""
    sending = send_soon(far, b"one")
    assert near.recv(100) == b"one"
    sending.join()


@in_hub
def test_asking_for_nothing_or_less_does_not_wait_after_a_short_read() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        dry(near, far)
        assert near.recv(0) == b""
        assert near.recv_into(bytearray()) == 0
        with pytest.raises(ValueError, match="negative"):
            near.recv(-1)
        with pytest.raises(ValueError, match="negative"):
            near.recv_into(bytearray(4), -1)


@in_hub
def test_a_socket_that_was_told_not_to_wait_while_it_waited_tries_after_the_short_read() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        reading = rt.spawn(near.recv, 100)
        rt.yield_now()
        near.settimeout(0)
        far.sendall(b"one")
        assert reading.result() == b"one"
        with pytest.raises(BlockingIOError):
            near.recv(100)
        with pytest.raises(BlockingIOError):
            near.recv_into(bytearray(100))


@in_hub
def test_a_writer_that_waits_does_not_hide_the_end_from_the_reader() -> None:
    received: list[bytes] = []

    def read() -> None:
        while data := near.recv(100):
            received.append(data)

    def write_when_the_end_was_noted() -> None:
        watcher = near._watched()
        while not watcher.ended:
            rt.yield_now()
        near.sendall(BIG * 4)  # the reader was woken and has not run; and there is no room

    with tcp_pair() as (near, far):
        dry(near, far)
        reading = rt.spawn(read)
        rt.yield_now()
        writing = rt.spawn(write_when_the_end_was_noted)
        far.sendall(b"last")
        far.shutdown(socket.SHUT_WR)
        assert reading.join(timeout=5)
        assert received == [b"last"]
        assert not writing.done
        writing.cancel()
        writing.join()


@in_hub
def test_two_sockets_of_one_number_both_hear_of_data() -> None:
    with rt.deadline(5), tcp_pair() as (near, far):
        second = rt.Socket(fileno=near.fileno())
        try:
            for reader in (near, second, near, second, second, near):
                send_soon(far, b"x")
                assert reader.recv(10) == b"x"
        finally:
            second.detach()


@in_hub
def test_a_duplicate_that_takes_the_data_leaves_the_dry_one_waiting_for_the_next() -> None:
    with rt.deadline(5), tcp_pair() as (near, far), near.dup() as double:
        dry(near, far)
        reading = rt.spawn(near.recv, 100)
        rt.yield_now()
        far.sendall(b"mine")
        assert double.recv(100) == b"mine"
        rt.sleep(0.005)
        assert not reading.done
        far.sendall(b"yours")
        assert reading.result() == b"yours"


def test_the_sockets_of_a_forked_child_wait_in_its_own_hub() -> None:
    def main() -> bytes:
        with tcp_pair() as (near, far):
            dry(near, far)
            reading, writing = os.pipe()
            pid = os.fork()
            if not pid:
                heard = b"nothing"
                try:
                    current_hub().continue_after_fork(current_task())
                    with rt.deadline(5):
                        heard = near.recv(100)
                finally:
                    os.write(writing, heard)
                    os._exit(0)
            os.close(writing)
            time.sleep(0.05)  # the child waits by then
            far.sendall(b"for the child")
            os.waitpid(pid, 0)
            with os.fdopen(reading, "rb") as told:
                return told.read()

    assert rt.run(main) == b"for the child"


class Talk:
    """One direction of a connection, with calls of all kinds in between."""

    def __init__(self, random: Any, data: bytes) -> None:
        self.random = random
        self.data = data
        self.received = bytearray()

    def send(self, sock: rt.Socket) -> None:
        left = self.data
        while left:
            cut = self.random.randrange(1, 5000)
            sock.sendall(left[:cut])
            left = left[cut:]
            if not self.random.randrange(3):
                rt.sleep(self.random.choice((0, 0, 0, 0.0005)))
        sock.shutdown(socket.SHUT_WR)

    def receive(self, sock: rt.Socket) -> None:
        while True:
            sock.settimeout(self.random.choice((None, 0.0, 0.001, 5)))
            try:
                data = self.random.choice((self.plainly, self.after_a_look, self.into))(sock)
            except (BlockingIOError, TimeoutError):
                rt.yield_now()
                continue
            if not data:
                return
            self.received += data

    def plainly(self, sock: rt.Socket) -> bytes:
        assert sock.recv(0) == b""
        return sock.recv(self.random.choice((1, 7, 100, 4096, 65536)))

    def after_a_look(self, sock: rt.Socket) -> bytes:
        seen = sock.recv(10, socket.MSG_PEEK)
        data = sock.recvfrom(self.random.choice((1, 100)))[0]
        assert seen.startswith(data[:10]) or data.startswith(seen)
        return data

    def into(self, sock: rt.Socket) -> bytes:
        buffer = bytearray(self.random.choice((5, 5000)))
        return bytes(buffer[: sock.recv_into(buffer)])


@settings(max_examples=40, deadline=None)
@given(random=st.randoms(use_true_random=False), size=st.integers(1, 40_000))
def test_in_both_directions_nothing_is_lost_whatever_is_called(random: Any, size: int) -> None:
    def main() -> None:
        there, back = Talk(random, BIG[:size]), Talk(random, BIG[-size:])
        with (
            rt.deadline(20),
            tcp_pair() as (near, far),
            near.dup() as one,  # whose timeout is its own
            far.dup() as other,
            rt.scope() as scope,
        ):
            scope.spawn(there.receive, far)
            scope.spawn(back.receive, near)
            scope.spawn(there.send, one)
            scope.spawn(back.send, other)
        assert there.received == there.data
        assert back.received == back.data

    rt.run(main)


def test_sendall_keeps_one_limit_over_all_its_waits() -> None:
    clock = testing.VirtualClock()

    def main() -> float:
        with pair() as (near, far):
            near.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    near.send(bytes(65536))  # until there is no room at all
            near.settimeout(10)
            rt.spawn(drain_after, 9, far)
            with pytest.raises(TimeoutError):
                near.sendall(BIG)
        return clock()

    def drain_after(seconds: float, far: rt.Socket) -> None:
        rt.sleep(seconds)
        far.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while far.recv(65536):
                pass

    assert testing.run(main, clock=clock) == pytest.approx(10.0)


@pytest.mark.parametrize("runs_in", [rt.run, lambda function: function()], ids=["task", "thread"])
def test_a_socket_that_is_closed_between_try_and_wait_is_a_bad_descriptor(
    runs_in: Callable[[Callable[[], None]], None],
) -> None:
    def closed_meanwhile() -> None:
        with pair() as (near, _):

            def recv() -> bytes:
                near.close()  # as another thread may do
                raise BlockingIOError

            with pytest.raises(OSError, match="the descriptor was closed"):
                near._retry_read(recv)

    runs_in(closed_meanwhile)


def close_in_a_thread(sock: rt.Socket) -> None:
    thread = threading.Thread(target=sock.close)
    thread.start()
    thread.join()


@in_hub
def test_a_socket_that_another_thread_closes_before_the_wait_is_a_bad_descriptor() -> None:
    def wait(watcher: Watcher, task: rt.Task[object]) -> None:
        close_in_a_thread(near)
        watcher.wait_read(task)

    with pair() as (near, _):
        with rt.deadline(5), pytest.raises(OSError, match="the descriptor was closed"):
            near._pause(wait, None)
        assert rt.stats().awaited_descriptors == 0


@in_hub
def test_a_socket_that_another_thread_closes_while_it_is_registered_is_a_bad_descriptor() -> None:
    def claimed_too_late(poller: Poller, fd: int) -> Watcher:
        watcher = claimed(poller, fd)
        close_in_a_thread(near)
        return watcher

    claimed = _waiting_socket._claimed
    with pair() as (near, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_waiting_socket, "_claimed", claimed_too_late)
        with rt.deadline(5), pytest.raises(OSError, match="the descriptor was closed"):
            near.recv(1)
        assert rt.stats().awaited_descriptors == 0


@in_hub
def test_a_socket_that_is_closed_wakes_who_waits_in_another_hub() -> None:
    with pair() as (near, _), testing.hub_thread() as other:
        reading = other.begin(near.recv, 1)
        while not other.call(lambda: rt.stats().awaited_descriptors):
            rt.sleep(0.001)
        near.close()
        with pytest.raises(OSError, match="the descriptor was closed"):
            reading.result(timeout=5)
