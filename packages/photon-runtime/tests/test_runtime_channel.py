from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime.testing import in_hub


def turn(times: int) -> None:
    for _ in range(times):
        rt.yield_now()


# -- sending and receiving ------------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [0, 1, 3, 1000])
@in_hub
def test_items_come_out_in_the_order_in_which_they_went_in(capacity: int) -> None:
    channel = rt.Channel[int](capacity)

    def count() -> None:
        for number in range(100):
            channel.send(number)
        channel.close()

    rt.spawn(count)
    assert list(channel) == list(range(100))


@in_hub
def test_sending_waits_only_while_the_channel_is_full() -> None:
    channel = rt.Channel[int](2)
    other = rt.spawn(lambda: None)
    channel.send(1)
    channel.send(2)
    assert not other.done
    assert len(channel) == 2
    sender = rt.spawn(channel.send, 3)
    rt.yield_now()
    assert sender.state == "waiting"
    assert channel.receive() == 1
    assert sender.join(1)
    assert [channel.receive(), channel.receive()] == [2, 3]


@in_hub
def test_receiving_what_is_there_does_not_switch() -> None:
    channel = rt.Channel[int](1)
    channel.send(1)
    sender = rt.spawn(channel.send, 2)
    rt.yield_now()
    other = rt.spawn(lambda: None)
    assert channel.receive() == 1
    assert channel.receive() == 2
    assert not other.done
    assert sender.join(1)


@in_hub
def test_without_capacity_every_send_waits_for_its_receiver() -> None:
    channel = rt.Channel[str](0)
    sender = rt.spawn(channel.send, "item")
    turn(3)
    assert sender.state == "waiting"
    assert len(channel) == 0
    assert channel.receive() == "item"
    assert sender.join(1)


@in_hub
def test_without_capacity_sending_to_a_waiting_receiver_does_not_switch() -> None:
    channel = rt.Channel[str](0)
    receiver = rt.spawn(channel.receive)
    rt.yield_now()
    channel.send("item")
    assert not receiver.done
    assert receiver.result() == "item"


@pytest.mark.parametrize("capacity", [0, 1, 4])
@in_hub
def test_waiting_receivers_are_served_in_the_order_of_their_coming(capacity: int) -> None:
    channel = rt.Channel[int](capacity)
    receivers = [rt.spawn(channel.receive) for _ in range(5)]
    rt.yield_now()
    for number in range(5):
        channel.send(number)
    assert [receiver.result() for receiver in receivers] == list(range(5))


@pytest.mark.parametrize("capacity", [0, 1, 4])
@in_hub
def test_waiting_senders_are_served_in_the_order_of_their_coming(capacity: int) -> None:
    channel = rt.Channel[int](capacity)
    for number in range(8):
        rt.spawn(channel.send, number)
    rt.yield_now()
    assert [channel.receive() for _ in range(8)] == list(range(8))


@in_hub
def test_a_late_receiver_does_not_overtake_one_that_was_served() -> None:
    channel = rt.Channel[int](1)
    receiver = rt.spawn(channel.receive)
    rt.yield_now()
    channel.send(1)
    with pytest.raises(TimeoutError):
        channel.receive(0)
    assert receiver.result() == 1


@pytest.mark.parametrize("item", [None, 0, "", (), rt.ChannelClosed("an item like any other")])
@pytest.mark.parametrize("capacity", [0, 1])
@in_hub
def test_anything_can_be_an_item(item: object, capacity: int) -> None:
    channel = rt.Channel[object](capacity)
    rt.spawn(channel.send, item)
    assert channel.receive(1) is item


@pytest.mark.parametrize("capacity", [0, 1, 7])
@in_hub
def test_many_senders_and_receivers_lose_nothing(capacity: int) -> None:
    channel = rt.Channel[tuple[int, int]](capacity)
    received: list[list[tuple[int, int]]] = [[] for _ in range(4)]

    def send(sender: int) -> None:
        for number in range(50):
            channel.send((sender, number))
            turn(number % (sender + 2) == 0)

    def receive(receiver: int) -> None:
        for item in channel:
            received[receiver].append(item)
            turn(len(received[receiver]) % (receiver + 3) == 0)

    with rt.scope() as receivers:
        for receiver in range(4):
            receivers.spawn(receive, receiver)
        with rt.scope() as senders:
            for sender in range(4):
                senders.spawn(send, sender)
        channel.close()
    everything = sorted(item for items in received for item in items)
    assert everything == [(sender, number) for sender in range(4) for number in range(50)]
    assert all(in_order(items) for items in received)


def in_order(items: list[tuple[int, int]]) -> bool:
    """Say whether the items of each sender came in the order in which they were sent."""
    last: dict[int, int] = {}
    for sender, number in items:
        if number <= last.get(sender, -1):
            return False
        last[sender] = number
    return True


def test_a_channel_refuses_a_negative_capacity() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        rt.Channel[int](-1)


def test_a_channel_can_be_used_outside_of_run_while_nobody_must_wait() -> None:
    channel = rt.Channel[int](2)
    channel.send(1)
    channel.send(2)
    assert "2 of 2" in repr(channel)
    with pytest.raises(rt.NotRunning):
        channel.send(3)
    assert channel.receive() == 1
    channel.close()
    assert list(channel) == [2]
    assert "closed" in repr(channel)


# -- close ----------------------------------------------------------------------------------------


@in_hub
def test_a_closed_channel_gives_what_it_holds_and_takes_no_more() -> None:
    channel = rt.Channel[int](3)
    channel.send(1)
    channel.send(2)
    before = channel.closed
    channel.close()
    channel.close()
    assert (before, channel.closed) == (False, True)
    with pytest.raises(rt.ChannelClosed):
        channel.send(3)
    assert [channel.receive(), channel.receive()] == [1, 2]
    for _ in range(2):
        with pytest.raises(rt.ChannelClosed):
            channel.receive()


@pytest.mark.parametrize("capacity", [0, 1])
@in_hub
def test_closing_wakes_all_receivers(capacity: int) -> None:
    channel = rt.Channel[int](capacity)
    receivers = [rt.spawn(channel.receive) for _ in range(3)]
    rt.yield_now()
    channel.close()
    for receiver in receivers:
        with pytest.raises(rt.ChannelClosed):
            receiver.result(1)


@pytest.mark.parametrize("capacity", [0, 1])
@in_hub
def test_closing_turns_waiting_senders_away_with_their_items(capacity: int) -> None:
    channel = rt.Channel[int](capacity)
    senders = [rt.spawn(channel.send, number) for number in range(capacity + 2)]
    rt.yield_now()
    channel.close()
    for sender in senders[capacity:]:
        with pytest.raises(rt.ChannelClosed):
            sender.result(1)
    assert list(channel) == list(range(capacity))


@in_hub
def test_who_was_served_before_the_close_keeps_its_item() -> None:
    channel = rt.Channel[int](0)
    receiver = rt.spawn(channel.receive)
    rt.yield_now()
    channel.send(1)
    channel.close()
    assert receiver.result() == 1
    channel = rt.Channel(0)
    sender = rt.spawn(channel.send, 2)
    rt.yield_now()
    assert channel.receive() == 2
    channel.close()
    assert sender.join(1)
    assert sender.state == "finished"


@in_hub
def test_iterating_ends_with_the_channel() -> None:
    channel = rt.Channel[int](0)
    collected: list[int] = []

    def collect() -> None:
        collected.extend(channel)

    collector = rt.spawn(collect)
    for number in range(3):
        channel.send(number)
    channel.close()
    assert collector.join(1)
    assert collected == [0, 1, 2]


# -- timeouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, 0.001])
@pytest.mark.parametrize("capacity", [0, 1])
@in_hub
def test_an_item_that_found_no_room_in_time_was_not_sent(capacity: int, timeout: float) -> None:
    channel = rt.Channel[str](capacity)
    for _ in range(capacity):
        channel.send("first")
    with pytest.raises(TimeoutError, match="no room"):
        channel.send("late", timeout)
    channel.close()
    assert list(channel) == ["first"] * capacity


@pytest.mark.parametrize("timeout", [0, 0.001])
@in_hub
def test_a_receiver_that_gave_up_takes_nothing(timeout: float) -> None:
    channel = rt.Channel[str](1)
    with pytest.raises(TimeoutError, match="no item arrived"):
        channel.receive(timeout)
    channel.send("item")
    assert channel.receive(timeout) == "item"


@in_hub
def test_who_is_served_in_time_is_not_late() -> None:
    channel = rt.Channel[int](0)
    receiver = rt.spawn(channel.receive, 5)
    rt.yield_now()
    channel.send(1, 5)
    assert receiver.result() == 1
    sender = rt.spawn(channel.send, 2, 5)
    rt.yield_now()
    assert channel.receive(5) == 2
    assert sender.join(1)
    assert sender.state == "finished"


@pytest.mark.parametrize("side", ["receive", "send"])
@in_hub
def test_who_gave_up_on_a_channel_is_not_woken_by_it_later(
    side: Literal["receive", "send"],
) -> None:
    channel, event = rt.Channel[str](0), rt.Event()

    def give_up_and_wait() -> bool:
        with pytest.raises(TimeoutError):
            channel.receive(0.001) if side == "receive" else channel.send("stale", 0.001)
        return event.wait(0.01)

    waiter = rt.spawn(give_up_and_wait)
    rt.sleep(0.003)
    with pytest.raises(TimeoutError):
        channel.send("item", 0) if side == "receive" else channel.receive(0)
    assert waiter.result() is False


# -- cancellation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [0, 1])
@in_hub
def test_a_cancelled_sender_has_not_sent(capacity: int) -> None:
    channel = rt.Channel[str](capacity)
    for _ in range(capacity):
        channel.send("buffered")
    cancelled, other = rt.spawn(channel.send, "cancelled"), rt.spawn(channel.send, "other")
    rt.yield_now()
    cancelled.cancel()
    assert [channel.receive() for _ in range(capacity + 1)] == ["buffered"] * capacity + ["other"]
    assert other.join(1)
    assert cancelled.join(1)
    assert cancelled.cancelled
    with pytest.raises(TimeoutError):
        channel.receive(0)


@pytest.mark.parametrize("capacity", [0, 1])
@pytest.mark.parametrize("first", ["cancel", "send"])
@in_hub
def test_cancel_and_send_in_one_turn_neither_lose_nor_double_the_item(
    first: Literal["cancel", "send"], capacity: int
) -> None:
    channel = rt.Channel[str](capacity)
    received: list[str] = []

    def receive() -> None:
        received.append(channel.receive())

    def send() -> None:
        channel.send("item", 0.001)

    task = rt.spawn(receive)
    rt.yield_now()
    if first == "cancel":
        task.cancel()
        late = rt.spawn(receive)
        send()
        late.join()
    else:
        send()
        task.cancel()
    task.join()
    assert received == ["item"]
    assert task.cancelled == (first == "cancel")


@pytest.mark.parametrize("first", ["cancel", "receive"])
@in_hub
def test_cancel_and_receive_in_one_turn_agree_on_who_has_the_item(
    first: Literal["cancel", "receive"],
) -> None:
    channel = rt.Channel[str](0)
    sender = rt.spawn(channel.send, "item")
    rt.yield_now()
    if first == "cancel":
        sender.cancel()
        with pytest.raises(TimeoutError):
            channel.receive(0.001)
    else:
        assert channel.receive() == "item"
        sender.cancel()
    sender.join()
    assert sender.cancelled == (first == "cancel")


@in_hub
def test_an_item_passes_by_receivers_that_are_being_cancelled() -> None:
    channel = rt.Channel[str](0)
    receivers = [rt.spawn(channel.receive) for _ in range(3)]
    rt.yield_now()
    receivers[0].cancel()
    receivers[1].cancel()
    channel.send("item")
    assert receivers[2].result(1) == "item"


# -- any schedule ---------------------------------------------------------------------------------

TIMEOUTS = st.sampled_from([None, None, None, 0, 1e-9, 1e-4])
STEP = st.tuples(TIMEOUTS, st.integers(0, 3))
PROGRAMS = st.lists(st.lists(STEP, max_size=8), min_size=1, max_size=4)
EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["cancel", "cancel", "close"]), st.integers(0, 9)),
    max_size=5,
)


class Exchange:
    """Senders and receivers on one channel, and what they know of each item."""

    def __init__(self, capacity: int) -> None:
        self.channel = rt.Channel[tuple[int, int]](capacity)
        self.sent: list[tuple[int, int]] = []
        self.not_sent: list[tuple[int, int]] = []
        self.received: list[tuple[int, int]] = []
        self.lengths: set[int] = set()

    def send(self, sender: int, steps: list[tuple[float | None, int]]) -> None:
        for number, (timeout, turns) in enumerate(steps):
            item = sender, number
            try:
                self.channel.send(item, timeout)
            except (rt.ChannelClosed, TimeoutError):
                self.not_sent.append(item)
            except rt.Cancelled:
                self.not_sent.append(item)
                raise
            else:
                self.sent.append(item)
            self.lengths.add(len(self.channel))
            turn(turns)

    def receive(self, steps: list[tuple[float | None, int]]) -> None:
        for timeout, turns in steps:
            try:
                self.received.append(self.channel.receive(timeout))
            except (rt.ChannelClosed, TimeoutError):
                pass
            self.lengths.add(len(self.channel))
            turn(turns)

    def run(
        self,
        senders: list[list[tuple[float | None, int]]],
        receivers: list[list[tuple[float | None, int]]],
        events: list[tuple[int, str, int]],
    ) -> None:
        with rt.deadline(5), rt.scope() as block:
            tasks = [block.spawn(self.send, number, steps) for number, steps in enumerate(senders)]
            tasks += [block.spawn(self.receive, steps) for steps in receivers]
            for turns, event, chosen in events:
                turn(turns)
                if event == "cancel":
                    tasks[chosen % len(tasks)].cancel()
                else:
                    self.channel.close()
            turn(3)
            self.channel.close()
        self.received.extend(self.channel)


@pytest.mark.slow
@settings(max_examples=250)
@given(capacity=st.integers(0, 3), senders=PROGRAMS, receivers=PROGRAMS, events=EVENTS)
def test_under_any_schedule_every_sent_item_is_received_once_and_in_order(
    capacity: int,
    senders: list[list[tuple[float | None, int]]],
    receivers: list[list[tuple[float | None, int]]],
    events: list[tuple[int, str, int]],
) -> None:
    exchange = Exchange(capacity)
    rt.run(exchange.run, senders, receivers, events)
    assert Counter(exchange.received) == Counter(exchange.sent)
    assert not set(exchange.received) & set(exchange.not_sent)
    assert max(exchange.lengths, default=0) <= capacity
    if len(receivers) == 1:  # several may note what they received in another order
        assert in_order(exchange.received)
