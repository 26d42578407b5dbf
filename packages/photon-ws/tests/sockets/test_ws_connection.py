from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_virtual_time
from photon_ws import WebSocketClosed
from photon_ws._connection import Connection
from photon_ws._frame_writer import ConnectionLimits
from photon_ws.protocol import Ping, Pong, encode_message, encode_ping

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Connected, Peer


def now() -> float:
    return rt.current_task().hub.time()


def sweep(connection: Connection, pause: float = 0.5) -> None:
    """Keep a connection alive, as an application does."""
    while True:
        rt.sleep(pause)
        connection.tick(now())


@in_virtual_time
def test_messages_are_received_and_sent(connected: Connected) -> None:
    with connected() as (connection, peer):
        peer.send("one")
        peer.send(b"two")
        assert [connection.receive(), connection.receive()] == ["one", b"two"]
        connection.send("three")
        assert peer.receive() == "three"


@in_virtual_time
def test_receiving_ends_when_the_peer_closes(connected: Connected) -> None:
    with connected() as (connection, peer):
        peer.close(1001, "gone")
        assert connection.receive() is None
        assert (connection.close_code, connection.close_reason) == (1001, "gone")
        assert peer.close_code() == 1001
        assert peer.receive() is None  # the server disconnects first
        with pytest.raises(WebSocketClosed) as caught:
            connection.send("too late")
        assert (caught.value.code, caught.value.reason) == (1001, "gone")


@in_virtual_time
def test_messages_before_a_close_frame_can_be_answered(connected: Connected) -> None:
    with connected() as (connection, peer):
        peer.send("last")
        peer.close()
        assert connection.receive() == "last"
        connection.send("answer")
        assert connection.receive() is None
        assert peer.receive() == "answer"
        assert peer.close_code() == 1000


@in_virtual_time
def test_messages_before_a_violation_can_be_answered(connected: Connected) -> None:
    with connected() as (connection, peer):
        peer.stream.sendall(encode_message("good", mask=True) + b"\x93\x80\0\0\0\0")
        assert connection.receive() == "good"
        connection.send("answer")
        assert connection.receive() is None
        assert connection.close_code == 1002
        assert peer.receive() == "answer"
        assert peer.close_code() == 1002


@in_virtual_time
def test_receiving_has_a_timeout(connected: Connected) -> None:
    with connected() as (connection, peer):
        with pytest.raises(TimeoutError):
            connection.receive(1.5)
        peer.send("late")
        assert connection.receive(1.5) == "late"


@in_virtual_time
def test_a_cancelled_receive_loses_no_message(connected: Connected) -> None:
    with connected() as (connection, peer):
        task = rt.spawn(connection.receive)
        rt.sleep(1)
        task.cancel()
        task.join()
        peer.send("kept")
        assert connection.receive() == "kept"


@in_virtual_time
def test_only_one_task_receives(connected: Connected) -> None:
    with connected() as (connection, peer):
        first = rt.spawn(connection.receive)
        rt.sleep(0)
        with pytest.raises(RuntimeError, match="another task"):
            connection.receive()
        peer.send("x")
        assert first.result() == "x"


@in_virtual_time
def test_a_broken_connection_ends_the_receiving(connected: Connected) -> None:
    with connected() as (connection, peer):
        peer.stream.close()
        assert connection.receive() is None
        assert connection.close_code == 1006


# -- while the handler is busy ----------------------------------------------------------------


@in_virtual_time
def test_a_busy_handler_answers_pings(connected: Connected) -> None:
    with connected() as (connection, peer), rt.scope() as tasks:
        tasks.spawn(sweep, connection)
        for number in range(20):
            peer.ping(b"%d" % number)
            answer = peer.receive()
            assert isinstance(answer, Pong)
            assert answer.data == b"%d" % number
            rt.sleep(3)
        assert connection.is_open
        tasks.cancel()


@in_virtual_time
def test_a_busy_handler_learns_of_the_close(connected: Connected) -> None:
    with connected() as (connection, peer), rt.scope() as tasks:
        tasks.spawn(sweep, connection)
        peer.close(1000, "bye")
        rt.sleep(2)
        assert not connection.is_open
        assert connection.close_reason == "bye"
        assert peer.close_code() == 1000
        tasks.cancel()


@in_virtual_time
def test_messages_wait_for_a_busy_handler_up_to_a_limit(connected: Connected) -> None:
    limits = ConnectionLimits(max_received=10_000)
    with connected(limits, capacity=4096) as (connection, peer), rt.scope() as tasks:
        tasks.spawn(sweep, connection)

        def send_all() -> None:
            for _ in range(50):
                peer.send("x" * 1000)

        sender = tasks.spawn(send_all)
        rt.sleep(300)
        assert connection.is_open
        assert not sender.done
        received = [connection.receive() for _ in range(50)]
        assert received == ["x" * 1000] * 50
        tasks.cancel()


@in_virtual_time
def test_empty_messages_count_for_the_limit(connected: Connected) -> None:
    limits = ConnectionLimits(max_received=10_000)
    with connected(limits, capacity=4096) as (connection, peer), rt.scope() as tasks:
        tasks.spawn(sweep, connection)
        sender = tasks.spawn(peer.stream.sendall, encode_message("", mask=True) * 20_000)
        rt.sleep(300)
        assert connection.is_open
        assert not sender.done
        assert [connection.receive() for _ in range(20_000)] == [""] * 20_000
        tasks.cancel()


@in_virtual_time
def test_last_pings_of_a_flood_are_answered(connected: Connected) -> None:
    with connected() as (connection, peer), rt.scope() as tasks:
        tasks.spawn(sweep, connection)
        rt.sleep(1)
        pings = [encode_ping(b"%d" % number, mask=True) for number in range(5000)]
        peer.stream.sendall(b"".join(pings))
        rt.sleep(10)
        peer.send("done")
        assert connection.receive() == "done"
        connection.send("done")
        pongs = []
        while isinstance(event := peer.receive(), Pong):
            pongs.append(event)
        assert pongs[-1] == Pong(b"4999")
        assert len(pongs) < 200
        tasks.cancel()


@in_virtual_time
def test_other_tasks_get_turns_while_frames_without_messages_arrive(connected: Connected) -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            rt.yield_now()

    with connected(capacity=1 << 21) as (connection, peer), rt.scope() as tasks:
        flood = encode_ping(mask=True) * 60_000
        peer.stream.sendall(flood)
        peer.send("done")
        tasks.spawn(count)
        assert connection.receive() == "done"
        assert turns >= len(flood) // 65536
        tasks.cancel()


@in_virtual_time
def test_a_vanished_peer_is_noticed_within_interval_and_timeout(connected: Connected) -> None:
    limits = ConnectionLimits(ping_interval=10, ping_timeout=5)
    with connected(limits) as (connection, _), rt.scope() as tasks:
        tasks.spawn(sweep, connection)
        began = now()
        assert connection.receive() is None
        assert connection.close_code == 1006
        assert "ping" in connection.close_reason
        assert 15 <= now() - began <= 16.5
        tasks.cancel()


@in_virtual_time
def test_a_peer_that_answers_pings_stays(connected: Connected) -> None:
    limits = ConnectionLimits(ping_interval=10, ping_timeout=5)
    with connected(limits) as (connection, peer), rt.scope() as tasks:
        tasks.spawn(sweep, connection)

        def answer() -> None:
            while isinstance(event := peer.receive(), Ping):
                peer.pong(event.data)

        tasks.spawn(answer)
        with pytest.raises(TimeoutError):
            connection.receive(200)
        assert connection.is_open
        tasks.cancel()


@in_virtual_time
def test_a_ping_of_the_handler_returns_the_time_of_its_answer(connected: Connected) -> None:
    with connected() as (connection, peer), rt.scope() as tasks:

        def answer() -> None:
            ping = peer.receive()
            assert isinstance(ping, Ping)
            rt.sleep(0.25)
            peer.pong(ping.data)

        tasks.spawn(answer)
        assert connection.ping(b"ab", 5) == pytest.approx(0.25)
        with pytest.raises(TimeoutError):
            connection.ping(b"cd", 5)


# -- sending ----------------------------------------------------------------------------------


@in_virtual_time
def test_messages_of_two_tasks_are_not_interleaved(connected: Connected) -> None:
    with connected(capacity=100) as (connection, peer), rt.scope() as tasks:
        texts = ["a" * 5000, "b" * 5000]
        for text in texts:
            tasks.spawn(connection.send, text)
        assert [peer.receive(), peer.receive()] == texts


@in_virtual_time
def test_a_send_waits_until_the_peer_reads(connected: Connected) -> None:
    with connected(capacity=100) as (connection, peer), rt.scope() as tasks:
        sending = tasks.spawn(connection.send, "x" * 500)
        rt.sleep(10)
        assert not sending.done
        assert peer.receive() == "x" * 500
        sending.result()


@in_virtual_time
def test_a_send_that_is_cancelled_half_way_closes_the_connection(connected: Connected) -> None:
    with connected(capacity=100) as (connection, _):
        with pytest.raises(TimeoutError), rt.deadline(1):
            connection.send("x" * 500)
        assert not connection.is_open
        assert connection.close_code == 1006


@in_virtual_time
def test_a_send_that_is_withdrawn_before_its_turn_leaves_the_connection_open(
    connected: Connected,
) -> None:
    with connected(capacity=100) as (connection, peer), rt.scope() as tasks:
        first = tasks.spawn(connection.send, "x" * 500)
        rt.sleep(0)
        with pytest.raises(TimeoutError):
            connection.send("withdrawn", timeout=1)
        assert peer.receive() == "x" * 500
        first.result()
        connection.send("next")
        assert peer.receive() == "next"


@in_virtual_time
def test_tasks_that_send_are_woken_when_the_connection_breaks(connected: Connected) -> None:
    with connected(capacity=100) as (connection, peer), rt.scope() as tasks:
        sending = [tasks.spawn(failed_code, connection) for _ in range(2)]
        rt.sleep(0)
        peer.stream.close()
        assert [task.result() for task in sending] == [1006, 1006]


def failed_code(connection: Connection) -> int:
    with pytest.raises(WebSocketClosed) as caught:
        connection.send("x" * 500)
    return caught.value.code


@in_virtual_time
def test_a_slow_client_loses_the_oldest_messages(connected: Connected) -> None:
    limits = ConnectionLimits(max_queue=1000)
    with connected(limits, capacity=100) as (connection, peer):
        for number in range(30):
            assert connection.post(encode_message(f"{number:0100}"), "drop_oldest")
        received = [peer.receive() for _ in range(10)]
        assert received == [f"{number:0100}" for number in (0, *range(21, 30))]
        assert connection.dropped == 20


@in_virtual_time
def test_a_slow_client_loses_the_newest_messages(connected: Connected) -> None:
    limits = ConnectionLimits(max_queue=1000)
    with connected(limits, capacity=100) as (connection, peer):
        posted = [
            connection.post(encode_message(f"{number:0100}"), "drop_newest") for number in range(30)
        ]
        assert sum(posted) == 10
        assert [peer.receive() for _ in range(10)] == [f"{number:0100}" for number in range(10)]


@in_virtual_time
def test_a_slow_client_is_disconnected_with_a_code(connected: Connected) -> None:
    limits = ConnectionLimits(max_queue=1000)
    with connected(limits, capacity=100) as (connection, peer):
        posted = [
            connection.post(encode_message(f"{number:0100}"), "disconnect") for number in range(30)
        ]
        assert sum(posted) == 10
        assert connection.receive() is None
        assert connection.close_code == 1013
        assert peer.receive() == f"{0:0100}"  # it was on its way
        assert peer.close_code() == 1013


# -- the end ----------------------------------------------------------------------------------


@in_virtual_time
def test_finishing_waits_for_the_close_frame_of_the_peer(connected: Connected) -> None:
    with connected() as (connection, peer), rt.scope() as tasks:
        finishing = tasks.spawn(connection.finish)
        assert peer.close_code() == 1000
        rt.sleep(1)
        assert not finishing.done
        peer.send("ignored")
        peer.close()
        finishing.result()
        assert connection.close_code == 1000


@in_virtual_time
def test_finishing_waits_for_a_limited_time(connected: Connected) -> None:
    with connected(ConnectionLimits(close_timeout=5)) as (connection, _):
        began = now()
        connection.finish()
        assert now() - began == pytest.approx(5)


@in_virtual_time
def test_a_stop_lets_the_message_in_progress_be_answered(connected: Connected) -> None:
    with connected() as (connection, peer), rt.scope() as tasks:

        def handle() -> None:
            while (message := connection.receive()) is not None:
                rt.sleep(1)
                connection.send(f"done: {message!r}")
            connection.finish()

        handling = tasks.spawn(handle)
        peer.send("work")
        rt.sleep(0.5)
        connection.stop()
        assert peer.receive() == "done: 'work'"
        assert peer.close_code() == 1001
        peer.close(1001)
        handling.result()


@in_virtual_time
def test_a_stop_closes_idle_connections_at_once(connected: Connected) -> None:
    with connected() as (connection, peer), rt.scope() as tasks:
        receiving = tasks.spawn(connection.receive)
        rt.sleep(1)
        connection.stop()
        assert receiving.result() is None
        assert peer.close_code() == 1001


@in_virtual_time
def test_a_stop_closes_a_connection_that_only_sends(connected: Connected) -> None:
    with connected() as (connection, peer):
        connection.send("x")
        connection.stop()
        with pytest.raises(WebSocketClosed):
            connection.send("y")
        assert peer.receive() == "x"
        assert peer.close_code() == 1001


@in_virtual_time
def test_calls_at_the_end_are_made_once(connected: Connected) -> None:
    with connected() as (connection, peer):
        calls: list[str] = []

        def forgotten() -> None:
            calls.append("forgotten")

        connection.on_close(lambda: calls.append("first"))
        connection.on_close(forgotten)
        connection.forget_on_close(forgotten)
        peer.close()
        connection.receive()
        connection.close()
        connection.on_close(lambda: calls.append("late"))
        assert calls == ["first", "late"]


@in_virtual_time
def test_a_peer_that_sends_without_pause_leaves_turns_to_other_tasks(connected: Connected) -> None:
    with connected(capacity=1 << 20) as (connection, peer), rt.scope() as tasks:
        sent = encode_message("x" * 1000, mask=True)
        turns = 0

        def send_all() -> None:
            for _ in range(50):
                peer.stream.sendall(sent * 50)

        def count_turns() -> None:
            nonlocal turns
            while True:
                rt.yield_now()
                turns += 1

        tasks.spawn(send_all)
        tasks.spawn(count_turns)
        for _ in range(2500):
            assert connection.receive() is not None
        assert turns > 20
        tasks.cancel()


# -- calls and frames that never end ----------------------------------------------------------


@in_virtual_time
def test_empty_messages_count_in_what_waits_for_a_busy_handler(connected: Connected) -> None:
    limits = ConnectionLimits(max_received=64_000)
    with connected(limits, capacity=4096) as (connection, peer), rt.scope() as tasks:
        tasks.spawn(sweep, connection, 0.01)

        def send_all() -> None:
            for _ in range(100):
                peer.stream.sendall(encode_message("", mask=True) * 100)

        sender = tasks.spawn(send_all)
        rt.sleep(300)
        assert not sender.done
        assert [connection.receive() for _ in range(10_000)] == [""] * 10_000
        tasks.cancel()


def flood(peer: Peer) -> None:
    frames = encode_ping(mask=True) * 1000
    try:
        while True:
            peer.stream.sendall(frames)
            rt.yield_now()
    except ConnectionError:
        pass


def discard(peer: Peer) -> None:
    while peer.stream.recv(65536):
        pass


def test_receiving_has_a_timeout_also_while_control_frames_arrive(connected: Connected) -> None:
    @rt.run
    def _() -> None:
        with connected() as (connection, peer), rt.scope() as tasks:
            tasks.spawn(flood, peer)
            tasks.spawn(discard, peer)
            with pytest.raises(TimeoutError):
                connection.receive(timeout=0.2)
            tasks.cancel()


def test_finishing_takes_a_limited_time_also_while_frames_arrive(connected: Connected) -> None:
    limits = ConnectionLimits(close_timeout=0.2)

    @rt.run
    def _() -> None:
        with connected(limits) as (connection, peer), rt.scope() as tasks:
            tasks.spawn(flood, peer)
            tasks.spawn(discard, peer)
            turns = count_turns(tasks)
            connection.finish()
            assert len(turns) > 3
            tasks.cancel()


def count_turns(tasks: rt.Scope) -> list[int]:
    turns: list[int] = []

    def count() -> None:
        while True:
            turns.append(1)
            rt.sleep(0.01)

    tasks.spawn(count)
    return turns


def receive_at_once(connection: Connection) -> None:
    connection.receive(timeout=0)


def receive_for_ever(connection: Connection) -> None:
    connection.receive()


def send_for_ever(connection: Connection) -> None:
    connection.send("x")


def send_at_once(connection: Connection) -> None:
    connection.send("x" * 10, timeout=0)


def ping_for_ever(connection: Connection) -> None:
    connection.ping(b"", 1)


@pytest.mark.parametrize(
    ("call", "is_closed"),
    [
        (receive_at_once, False),
        (send_at_once, False),
        (receive_at_once, True),
        (receive_for_ever, True),
        (send_for_ever, True),
        (ping_for_ever, True),
    ],
)
def test_a_loop_of_calls_that_do_not_wait_lets_others_run_and_can_be_cancelled(
    connected: Connected, call: Callable[[Connection], None], is_closed: bool
) -> None:
    @rt.run
    def _() -> None:
        with connected(capacity=100) as (connection, _), rt.scope() as tasks:
            if is_closed:
                connection.close()
            else:
                tasks.spawn(connection.send, "x" * 1000)  # the peer does not read
                rt.yield_now()
            turns = count_turns(tasks)

            def loop() -> None:
                while True:
                    try:
                        call(connection)
                    except Exception:
                        pass

            looping = tasks.spawn(loop)
            rt.sleep(0.1)
            assert len(turns) > 2
            looping.cancel()
            rt.sleep(0.01)
            assert looping.done
            tasks.cancel()


def test_a_receive_without_a_wait_sees_what_has_arrived(connected: Connected) -> None:
    @rt.run
    def _() -> None:
        with connected() as (connection, peer):
            with pytest.raises(TimeoutError):
                connection.receive(timeout=0)
            peer.send("x")
            assert connection.receive(timeout=0) == "x"
