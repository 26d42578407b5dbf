from __future__ import annotations

import os
import socket

import pytest

import photon_runtime as rt
from photon_runtime._hub import Hub
from photon_runtime._poll import SelectorPoller
from photon_runtime._run import run_in
from photon_runtime.testing import in_virtual_time


def pair() -> tuple[rt.Socket, rt.Socket]:
    left, right = socket.socketpair()
    ours = rt.Socket(left.family, left.type, left.proto, left.detach())
    theirs = rt.Socket(right.family, right.type, right.proto, right.detach())
    return ours, theirs


def fill(sock: rt.Socket) -> int:
    """Send until there is no room; return how many bytes that were."""
    sock.setblocking(False)
    sent = 0
    while True:
        try:
            sent += sock.send(bytes(65536))
        except BlockingIOError:
            return sent


# -- channels -------------------------------------------------------------------------------------


@in_virtual_time
def test_what_can_be_had_at_once_is_had_without_a_switch() -> None:
    others: list[str] = []
    rt.spawn(others.append, "ran")
    full: rt.Channel[int] = rt.Channel(1)
    full.send(7)
    receive = rt.Receive(full)
    assert rt.select(receive, rt.After(1)) is receive
    assert receive.value == 7
    send = rt.Send(full, 8)
    assert rt.select(send, rt.Receive(rt.Channel[int](0))) is send
    assert full.receive() == 8
    assert others == []


@in_virtual_time
def test_it_waits_for_the_first_item_and_leaves_the_other_channel_alone() -> None:
    first: rt.Channel[str] = rt.Channel(0)
    second: rt.Channel[str] = rt.Channel(0)
    cases = rt.Receive(first), rt.Receive(second)
    rt.spawn(second.send, "hello")
    assert rt.select(*cases) is cases[1]
    assert cases[1].value == "hello"
    with pytest.raises(TimeoutError):
        first.send("nobody receives", 0)


@in_virtual_time
def test_it_waits_for_a_receiver_and_sends_to_that_one_only() -> None:
    first: rt.Channel[str] = rt.Channel(0)
    second: rt.Channel[str] = rt.Channel(0)
    reader = rt.spawn(second.receive)
    case = rt.Send(second, "to the second")
    assert rt.select(rt.Send(first, "to the first"), case) is case
    assert reader.result() == "to the second"
    with pytest.raises(TimeoutError):
        first.receive(0)


@in_virtual_time
def test_two_selects_meet_in_a_channel_without_room() -> None:
    channel: rt.Channel[int] = rt.Channel(0)
    receive = rt.Receive(channel)
    sender = rt.spawn(rt.select, rt.Send(channel, 5), rt.After(9))
    assert rt.select(receive, rt.After(9)) is receive
    assert receive.value == 5
    assert isinstance(sender.result(), rt.Send)


@in_virtual_time
def test_a_select_does_not_meet_itself() -> None:
    channel: rt.Channel[int] = rt.Channel(0)
    assert rt.select(rt.Send(channel, 5), rt.Receive(channel), timeout=3) is None


@in_virtual_time
def test_only_one_of_two_that_come_in_the_same_turn_wins() -> None:
    first: rt.Channel[int] = rt.Channel(0)
    second: rt.Channel[int] = rt.Channel(0)
    cases = rt.Receive(first), rt.Receive(second)
    chosen = rt.spawn(rt.select, *cases)
    rt.yield_now()
    first.send(1, 0)
    with pytest.raises(TimeoutError):
        second.send(2, 0)
    assert chosen.result() is cases[0]
    assert cases[0].value == 1
    with pytest.raises(RuntimeError, match="not the case that select"):
        _ = cases[1].value


@in_virtual_time
def test_the_end_of_a_channel_wins_and_its_value_raises() -> None:
    channel: rt.Channel[int] = rt.Channel(1)
    case = rt.Receive(channel)
    rt.spawn(channel.close)
    assert rt.select(case) is case
    assert case.ended
    with pytest.raises(rt.ChannelClosed):
        _ = case.value
    assert rt.select(case, rt.After(9)) is case


@in_virtual_time
def test_sending_to_a_closed_channel_raises() -> None:
    channel: rt.Channel[int] = rt.Channel(0)
    rt.spawn(channel.close)
    with pytest.raises(rt.ChannelClosed, match="before the item was received"):
        rt.select(rt.Send(channel, 1), rt.After(9))
    with pytest.raises(rt.ChannelClosed, match="accepts no more items"):
        rt.select(rt.Send(channel, 1))


@in_virtual_time
def test_a_cancelled_select_takes_and_gives_nothing() -> None:
    full: rt.Channel[int] = rt.Channel(1)
    empty: rt.Channel[int] = rt.Channel(0)
    full.send(1)
    task = rt.spawn(rt.select, rt.Send(full, 2), rt.Receive(empty))
    rt.yield_now()
    task.cancel()
    assert full.receive() == 1
    with pytest.raises(TimeoutError):
        full.receive(0)
    with pytest.raises(TimeoutError):
        empty.send(3, 0)
    task.join()
    assert task.cancelled
    assert (repr(full), repr(empty)) == ("<Channel open, 0 of 1>", "<Channel open, 0 of 0>")


@in_virtual_time
def test_a_losing_case_leaves_nothing_behind_in_its_channel() -> None:
    full: rt.Channel[int] = rt.Channel(1)
    empty: rt.Channel[int] = rt.Channel(0)
    full.send(1)
    for _ in range(3):
        assert rt.select(rt.Send(full, 2), rt.Receive(empty), timeout=1) is None
    assert (repr(full), repr(empty)) == ("<Channel open, 1 of 1>", "<Channel open, 0 of 0>")


@in_virtual_time
def test_a_case_can_be_used_again_and_forgets_what_it_had() -> None:
    channel: rt.Channel[int] = rt.Channel(3)
    for number in range(3):
        channel.send(number)
    case = rt.Receive(channel)
    got = []
    while rt.select(case, timeout=0) is case:
        got.append(case.value)
    assert got == [0, 1, 2]
    with pytest.raises(RuntimeError):
        _ = case.value


@in_virtual_time
def test_ready_cases_win_about_equally_often() -> None:
    channels = [rt.Channel[int](1000) for _ in range(3)]
    for channel in channels:
        for _ in range(1000):
            channel.send(0)
    for _ in range(600):
        rt.select(*[rt.Receive(channel) for channel in channels])
    assert all(140 < 1000 - len(channel) < 260 for channel in channels)


# -- time -----------------------------------------------------------------------------------------


@in_virtual_time
def test_after_wins_when_nothing_else_did() -> None:
    now = rt.current_task().hub.time
    soon, late = rt.After(2), rt.After(3)
    assert rt.select(late, soon, rt.Receive(rt.Channel[int](0))) is soon
    assert now() == 2
    assert rt.select(late, rt.After(4)) is late
    assert now() == 5
    assert len(rt.current_task().hub.timers) == 0


@in_virtual_time
def test_the_timeout_returns_none() -> None:
    case = rt.Receive(rt.Channel[int](0))
    assert rt.select(case, timeout=2) is None
    assert rt.current_task().hub.time() == 2
    assert rt.select(case, timeout=0) is None
    assert rt.select(timeout=1) is None
    assert rt.current_task().hub.time() == 3


# -- sockets --------------------------------------------------------------------------------------


@in_virtual_time
def test_a_socket_with_data_is_readable_and_keeps_the_data() -> None:
    ours, theirs = pair()
    with ours, theirs:
        readable = rt.Readable(ours)
        rt.spawn(theirs.send, b"hello")
        assert rt.select(readable, rt.Receive(rt.Channel[int](0))) is readable
        assert rt.select(readable) is readable
        assert ours.recv(2) == b"he"
        assert rt.select(readable) is readable  # no new edge, but still data
        assert ours.recv(100) == b"llo"
        assert rt.select(readable, timeout=1) is None


@in_virtual_time
def test_a_full_socket_is_writable_when_it_has_been_read() -> None:
    ours, theirs = pair()
    with ours, theirs:
        writable = rt.Writable(ours)
        assert rt.select(writable) is writable
        sent = fill(ours)
        assert rt.select(writable, timeout=1) is None

        def drain() -> None:
            left = sent
            while left:
                left -= len(theirs.recv(65536))

        rt.spawn(drain)
        assert rt.select(writable) is writable


@in_virtual_time
def test_the_end_of_the_peer_makes_a_socket_readable() -> None:
    ours, theirs = pair()
    with ours:
        rt.spawn(theirs.close)
        readable = rt.Readable(ours)
        assert rt.select(readable) is readable
        assert ours.recv(1) == b""


@in_virtual_time
def test_what_another_task_has_read_meanwhile_does_not_win() -> None:
    ours, theirs = pair()
    with ours, theirs:
        reader = rt.spawn(ours.recv, 100)
        chosen = rt.spawn(rt.select, rt.Readable(ours), timeout=5)
        rt.yield_now()
        theirs.send(b"hello")
        assert reader.result() == b"hello"
        assert chosen.result() is None


@in_virtual_time
def test_the_socket_goes_on_working_when_a_select_is_over() -> None:
    ours, theirs = pair()
    with ours, theirs:
        for _ in range(3):
            assert rt.select(rt.Readable(ours), timeout=1) is None
            assert rt.select(rt.Readable(ours.fileno()), timeout=1) is None
            reader = rt.spawn(ours.recv, 100)
            rt.yield_now()
            theirs.send(b"hello")
            assert reader.result() == b"hello"


@in_virtual_time
def test_closing_a_socket_ends_a_select_that_waits_for_it() -> None:
    ours, theirs = pair()
    with theirs:
        chosen = rt.spawn(rt.select, rt.Readable(ours), rt.After(100))
        rt.yield_now()
        ours.close()
        with pytest.raises(OSError, match="closed"):
            chosen.result()
        with pytest.raises(OSError, match="closed"):
            rt.select(rt.Readable(ours))


@in_virtual_time
def test_pipes_descriptors_and_foreign_sockets_can_be_waited_for() -> None:
    reading, writing = os.pipe()
    left, right = socket.socketpair()
    lowest_free = os.dup(reading)
    os.close(lowest_free)
    before = rt.stats().awaited_descriptors
    with left, right:
        pipe, foreign = rt.Readable(reading), rt.Readable(left)
        rt.spawn(os.write, writing, b"x")
        assert rt.select(pipe, foreign) is pipe
        os.read(reading, 1)
        rt.spawn(right.send, b"x")
        assert rt.select(pipe, foreign) is foreign
        assert os.dup(reading) == lowest_free  # no descriptor was left behind
        os.close(lowest_free)
    os.close(reading)
    os.close(writing)
    assert rt.stats().awaited_descriptors == before
    with pytest.raises(OSError, match="closed"):
        rt.select(rt.Readable(reading))


def test_sockets_can_be_waited_for_where_there_is_no_epoll() -> None:
    def main() -> None:
        ours, theirs = pair()
        with ours, theirs:
            readable, writable = rt.Readable(ours), rt.Writable(theirs)
            assert rt.select(readable, timeout=0.01) is None
            rt.spawn(theirs.send, b"x")
            assert rt.select(readable, timeout=5) is readable
            assert rt.select(writable, timeout=5) is writable

    run_in(Hub(poller=SelectorPoller()), main, main)


# -- misuse ---------------------------------------------------------------------------------------


@in_virtual_time
def test_waiting_for_nothing_forever_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a case or a timeout"):
        rt.select()


@in_virtual_time
def test_a_case_that_is_in_use_is_refused() -> None:
    case = rt.After(5)
    with pytest.raises(ValueError, match="is in use already"):
        rt.select(case, case)
    rt.spawn(rt.select, case)
    rt.yield_now()
    with pytest.raises(ValueError, match="<After 5 seconds> is in use already"):
        rt.select(rt.After(1), case)


def test_misuse_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="not -1"):
        rt.After(-1)
    with pytest.raises(rt.NotRunning):
        rt.select(rt.After(1))


def test_reprs_show_what_is_waited_for() -> None:
    channel: rt.Channel[int] = rt.Channel(1)
    assert repr(rt.Receive(channel)) == "<Receive from <Channel open, 0 of 1>>"
    assert repr(rt.Send(channel, 1)) == "<Send to <Channel open, 0 of 1>>"
    assert repr(rt.Readable(5)) == "<Readable 5>"
    assert repr(rt.Writable(5)) == "<Writable 5>"
