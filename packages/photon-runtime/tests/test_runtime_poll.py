from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

import photon_runtime as rt
from photon_runtime._hub import Hub, current_hub
from photon_runtime._poll import EpollPoller, Poller, SelectorPoller, make_poller
from photon_runtime._run import run_in
from photon_runtime._watcher import Watcher

T = TypeVar("T")
PollerType = type[EpollPoller] | type[SelectorPoller]

needs_epoll = pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll here")


@pytest.fixture(params=[pytest.param(EpollPoller, marks=needs_epoll), SelectorPoller])
def poller_type(request: pytest.FixtureRequest) -> PollerType:
    chosen: PollerType = request.param
    return chosen


@pytest.fixture
def poller(poller_type: PollerType) -> Iterator[Poller]:
    made = poller_type()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        yield near, far


Pair = tuple[socket.socket, socket.socket]


def run_on(poller_type: PollerType, function: Callable[[], T]) -> T:
    """Do what `photon_runtime.run` does, on a hub with the given poller."""
    return run_in(Hub(poller=poller_type()), function, function)


def read(sock: socket.socket) -> bytes:
    """Follow the rule: try, and on BlockingIOError wait and try again."""
    watcher = watcher_of(sock)
    while True:
        try:
            return sock.recv(100)
        except BlockingIOError:
            watcher.wait_read(rt.current_task())


def watcher_of(sock: socket.socket) -> Watcher:
    return current_hub().poller.watch(sock.fileno())


def let_the_hub_poll() -> None:
    rt.sleep(0.001)


def test_a_wait_before_the_edge_is_woken_by_it(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def main() -> bytes:
        reader = rt.spawn(read, near)
        let_the_hub_poll()
        assert reader.state == "waiting"
        far.send(b"ping")
        return reader.result(1)

    assert run_on(poller_type, main) == b"ping"


def test_an_edge_before_the_wait_is_not_lost(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def main() -> bytes:
        watcher = watcher_of(near)
        let_the_hub_poll()
        far.send(b"ping")
        let_the_hub_poll()
        with rt.deadline(1):
            watcher.wait_read(rt.current_task())
        return near.recv(100)

    assert run_on(poller_type, main) == b"ping"


def test_no_message_of_a_long_exchange_is_missed(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair
    far.setblocking(False)

    def echo() -> None:
        while data := read(far):
            far.send(data)

    def main() -> None:
        with rt.deadline(5), rt.scope() as both:
            both.spawn(echo)
            for number in range(500):
                near.send(b"%d" % number)
                if number % 7 == 0:
                    let_the_hub_poll()
                assert read(near) == b"%d" % number
            near.shutdown(socket.SHUT_WR)

    run_on(poller_type, main)


def test_a_hang_up_wakes_the_reader(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def main() -> bytes:
        reader = rt.spawn(read, near)
        let_the_hub_poll()
        far.close()
        return reader.result(1)

    assert run_on(poller_type, main) == b""


def test_a_hang_up_is_remembered_for_every_later_wait(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def main() -> None:
        watcher = watcher_of(near)
        far.close()
        let_the_hub_poll()
        with rt.deadline(1):
            for _ in range(5):
                watcher.wait_read(rt.current_task())
        assert near.recv(1) == b""

    run_on(poller_type, main)


def test_a_hang_up_wakes_the_writer(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def write_until_it_fails() -> None:
        while True:
            try:
                near.send(b"x" * 65536)
            except BlockingIOError:
                watcher_of(near).wait_write(rt.current_task())

    def main() -> None:
        writer = rt.spawn(write_until_it_fails)
        let_the_hub_poll()
        assert writer.state == "waiting"
        far.close()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            writer.result(1)

    run_on(poller_type, main)


def test_a_writer_waits_for_room(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def fill() -> int:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += near.send(b"x" * 65536)
        return sent

    def main() -> None:
        sent = fill()
        watcher = watcher_of(near)

        def wait_for_room() -> int:
            while not (more := fill()):
                watcher.wait_write(rt.current_task())
            return more

        writer = rt.spawn(wait_for_room)
        let_the_hub_poll()
        assert writer.state == "waiting"
        while sent:
            sent -= len(far.recv(sent))
        assert writer.result(1) > 0

    run_on(poller_type, main)


def test_a_reader_and_a_writer_wait_on_one_descriptor(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def main() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(b"x" * 65536)

        def write() -> int:
            while True:
                try:
                    return near.send(b"y")
                except BlockingIOError:
                    watcher_of(near).wait_write(rt.current_task())

        reader, writer = rt.spawn(read, near), rt.spawn(write)
        let_the_hub_poll()
        far.send(b"ping")
        assert reader.result(1) == b"ping"
        assert writer.state == "waiting"
        while not writer.done:
            far.recv(1 << 20)
            let_the_hub_poll()
        assert writer.result() == 1

    run_on(poller_type, main)


def test_every_reader_is_served_by_and_by(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def read_byte() -> bytes:
        while True:
            try:
                return near.recv(1)
            except BlockingIOError:
                watcher_of(near).wait_read(rt.current_task())

    def main() -> bytes:
        readers = [rt.spawn(read_byte) for _ in range(4)]
        let_the_hub_poll()
        far.send(b"ab")
        let_the_hub_poll()
        assert sum(reader.done for reader in readers) == 2
        far.send(b"c")
        let_the_hub_poll()
        far.send(b"d")
        return b"".join(sorted(reader.result(1) for reader in readers))

    assert run_on(poller_type, main) == b"abcd"


def test_a_second_reader_is_woken_after_the_first_was_cancelled(
    poller_type: PollerType, pair: Pair
) -> None:
    near, far = pair

    def main() -> bytes:
        first, second = rt.spawn(read, near), rt.spawn(read, near)
        let_the_hub_poll()
        first.cancel()
        let_the_hub_poll()
        far.send(b"ping")
        return second.result(0.2)

    assert run_on(poller_type, main) == b"ping"


def test_a_second_writer_is_woken_after_the_first_was_cancelled(
    poller_type: PollerType, pair: Pair
) -> None:
    near, far = pair

    def main() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(b"x" * 65536)

        def wait_for_room() -> None:
            watcher_of(near).wait_write(rt.current_task())

        first, second = rt.spawn(wait_for_room), rt.spawn(wait_for_room)
        let_the_hub_poll()
        first.cancel()
        let_the_hub_poll()
        far.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                far.recv(1 << 20)
        second.result(0.2)

    run_on(poller_type, main)


def test_after_a_cancelled_wait_the_next_one_works(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair

    def main() -> bytes:
        for _ in range(3):
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.001):
                read(near)
        far.send(b"ping")
        let_the_hub_poll()
        with rt.deadline(1):
            return read(near)

    assert run_on(poller_type, main) == b"ping"


def test_an_event_that_comes_while_the_waiter_is_being_cancelled_is_kept(
    poller_type: PollerType, pair: Pair
) -> None:
    near, far = pair

    def main() -> bytes:
        reader = rt.spawn(read, near)
        let_the_hub_poll()
        far.send(b"ping")
        reader.cancel()
        reader.join()
        assert reader.cancelled
        let_the_hub_poll()
        with rt.deadline(1):
            return read(near)

    assert run_on(poller_type, main) == b"ping"


def test_forgetting_raises_bad_descriptor_in_everyone_who_waits(
    poller_type: PollerType, pair: Pair
) -> None:
    near, _ = pair

    def main() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(b"x" * 65536)
        watcher = watcher_of(near)
        waits = [watcher.wait_read, watcher.wait_read, watcher.wait_write, watcher.wait_write]
        tasks = [rt.spawn(lambda wait=wait: wait(rt.current_task())) for wait in waits]  # type: ignore[misc]
        let_the_hub_poll()
        assert [task.state for task in tasks] == ["waiting"] * 4
        current_hub().poller.forget(near.fileno())
        for task in tasks:
            with pytest.raises(OSError, match="closed") as caught:
                task.result(1)
            assert caught.value.errno == errno.EBADF

    run_on(poller_type, main)


def test_forgetting_what_is_unknown_is_harmless(poller: Poller, pair: Pair) -> None:
    near, _ = pair
    poller.forget(near.fileno())
    poller.watch(near.fileno())
    poller.forget(near.fileno())
    poller.forget(near.fileno())


def test_a_number_that_is_used_again_begins_anew(poller_type: PollerType) -> None:
    def main() -> None:
        near, far = socket.socketpair()
        number = near.fileno()
        old = watcher_of(near)
        far.close()
        let_the_hub_poll()
        old.wait_read(rt.current_task())
        current_hub().poller.forget(number)
        near.close()
        near, far = socket.socketpair()
        if (fresh := near.detach()) != number:
            os.dup2(fresh, number)
            os.close(fresh)
        with socket.socket(fileno=number) as again, far:
            again.setblocking(False)
            assert watcher_of(again) is not old
            reader = rt.spawn(read, again)
            let_the_hub_poll()
            assert reader.state == "waiting"
            far.send(b"new")
            assert reader.result(1) == b"new"
            current_hub().poller.forget(number)

    run_on(poller_type, main)


def test_a_descriptor_has_one_watcher(poller: Poller, pair: Pair) -> None:
    near, _ = pair
    assert poller.watch(near.fileno()) is poller.watch(near.fileno())


def test_awaited_counts_descriptors_with_waiters(poller_type: PollerType, pair: Pair) -> None:
    near, far = pair
    far.setblocking(False)

    def main() -> list[int]:
        poller = current_hub().poller
        counts = [poller.awaited]
        tasks = [rt.spawn(read, sock) for sock in (near, near, far)]
        let_the_hub_poll()
        counts.append(poller.awaited)
        assert poller.has_waiters()
        for task in tasks:
            task.cancel()
            task.join()
        assert not poller.has_waiters()
        return [*counts, poller.awaited]

    assert run_on(poller_type, main) == [0, 2, 0]


def test_polling_without_time_does_not_wait(poller: Poller) -> None:
    begin = time.monotonic()
    poller.poll(0)
    assert time.monotonic() - begin < 0.5


def test_polling_waits_as_long_as_it_is_told(poller: Poller) -> None:
    begin = time.monotonic()
    poller.poll(0.02)
    assert time.monotonic() - begin >= 0.02


@pytest.mark.parametrize("timeout", [1e7, 1e300, float("inf")])
def test_polling_takes_any_long_time(poller: Poller, timeout: float) -> None:
    poller.wake()
    poller.poll(timeout)


def test_a_ring_before_the_poll_makes_it_return(poller: Poller) -> None:
    poller.wake()
    poller.poll(None)


def test_another_thread_can_wake_the_poll(poller: Poller) -> None:
    thread = threading.Timer(0.01, poller.wake)
    thread.start()
    poller.poll(None)
    thread.join()


def test_rings_that_nobody_hears_do_not_block(poller: Poller) -> None:
    for _ in range(70_000):
        poller.wake()
    poller.poll(None)


def test_a_heard_bell_is_silent_again(poller: Poller) -> None:
    poller.wake()
    poller.wake()
    poller.poll(None)
    begin = time.monotonic()
    poller.poll(0.02)
    assert time.monotonic() - begin >= 0.02


def test_a_descriptor_that_is_ready_but_not_awaited_costs_no_turns(
    poller: Poller, pair: Pair
) -> None:
    near, far = pair
    poller.watch(near.fileno())
    far.send(b"unread")
    poller.poll(0)
    poller.poll(0)
    begin = time.monotonic()
    poller.poll(0.02)
    assert time.monotonic() - begin >= 0.02


def test_sockets_echo_over_either_poller(poller_type: PollerType) -> None:
    def serve(listener: rt.Socket) -> None:
        with rt.scope() as connections:
            for _ in range(3):
                connections.spawn(echo, listener.accept()[0])

    def echo(connection: rt.Socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def ask(port: int, payload: bytes) -> bytes:
        with rt.Socket() as client:
            client.connect(("127.0.0.1", port))
            sender = rt.spawn(client.sendall, payload)
            received = bytearray()
            while len(received) < len(payload):
                received += client.recv(65536)
            sender.result()
            return bytes(received)

    def main() -> None:
        with rt.deadline(10), rt.Socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            payloads = [os.urandom(1_000_000), b"", b"small"]
            with rt.scope() as block:
                block.spawn(serve, listener)
                answers = [block.spawn(ask, port, payload) for payload in payloads]
            assert [answer.result() for answer in answers] == payloads

    run_on(poller_type, main)


def test_a_socket_may_be_closed_after_the_hub_that_it_waited_in(poller_type: PollerType) -> None:
    near, far = socket.socketpair()
    sock = rt.Socket(near.family, near.type, fileno=near.detach())
    sock.settimeout(0.001)

    def main() -> None:
        with pytest.raises(TimeoutError):
            sock.recv(1)

    run_on(poller_type, main)
    far.close()
    try:
        sock.close()
    finally:
        socket.socket.close(sock)


class RaisingWaiter:
    """What waits for a descriptor when a signal handler raises, once."""

    def __init__(self) -> None:
        self.left = 1
        self.woken = 0

    def park(self) -> None:
        """Do nothing."""

    def unpark(self) -> bool:
        if self.left:
            self.left -= 1
            raise KeyboardInterrupt
        self.woken += 1
        return True

    def interrupt(self, error: BaseException) -> bool:
        return False


def test_events_that_a_signals_exception_interrupts_are_not_lost(poller: Poller) -> None:
    waiters = [RaisingWaiter() for _ in range(3)]
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in waiters]
        for waiter, (near, far) in zip(waiters, pairs, strict=True):
            stack.enter_context(near)
            stack.enter_context(far)
            poller.watch(near.fileno()).wake_when_readable(waiter)
        poller.poll(0)  # takes the first edges, for writing
        for _, far in pairs:
            far.send(b"x")
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                poller.poll(1)
        for _ in range(3):
            poller.poll(0.01)
    assert [waiter.woken for waiter in waiters] == [1, 1, 1]


def test_a_wait_that_cannot_begin_leaves_nobody_waiting(poller: Poller, pair: Pair) -> None:
    near, _ = pair
    watcher = poller.watch(near.fileno())

    class Refusing:
        def interest_changed(self, watcher: Watcher) -> None:
            raise OSError(errno.EBADF, "closed")

    watcher._poller = Refusing()  # type: ignore[assignment]  # all that is asked of it
    for wait in (watcher.wait_read, watcher.wait_write):
        with pytest.raises(OSError, match="closed"):
            wait(RaisingWaiter())
    assert not watcher.is_awaited


def test_sockets_may_be_closed_by_another_thread_while_the_poller_looks_who_waits(
    poller: Poller,
) -> None:
    stop = threading.Event()
    watchers: dict[int, Watcher] = poller._watchers  # type: ignore[attr-defined]  # of both
    for fd in range(100_000, 105_000):
        watchers[fd] = Watcher(fd, poller)

    def close_and_open() -> None:
        while not stop.is_set():
            watchers.pop(100_500)
            watchers[100_500] = Watcher(100_500, poller)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=close_and_open)
    thread.start()
    try:
        for _ in range(100):
            assert not poller.has_waiters()
            assert poller.awaited == 0
    finally:
        sys.setswitchinterval(before)
        stop.set()
        thread.join()
        watchers.clear()


def test_the_best_poller_of_this_system_is_chosen() -> None:
    poller = make_poller()
    wanted = EpollPoller if hasattr(select, "epoll") else SelectorPoller
    assert isinstance(poller, wanted)
    poller.close()
