from __future__ import annotations

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_virtual_time


@in_virtual_time
def test_every_subscriber_gets_every_item_in_order() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(2)
    readers = [rt.spawn(list, news.subscribe()) for _ in range(3)]
    with news:
        for number in range(10):
            news.send(number)
    assert [reader.result() for reader in readers] == [list(range(10))] * 3


@in_virtual_time
def test_who_subscribes_later_gets_what_is_sent_later() -> None:
    news: rt.Broadcast[str] = rt.Broadcast(5)
    news.send("nobody hears it")
    early = news.subscribe()
    news.send("first")
    late = news.subscribe()
    news.send("second")
    news.close()
    assert (list(early), list(late)) == (["first", "second"], ["second"])


@in_virtual_time
def test_send_waits_until_all_have_room_and_then_reaches_all_at_once() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(1)
    slow, quick = news.subscribe(), news.subscribe()
    news.send(1)
    sender = rt.spawn(news.send, 2)
    assert quick.receive() == 1
    rt.yield_now()
    assert not sender.done
    assert len(quick) == 0
    assert slow.receive() == 1
    assert (slow.receive(0), quick.receive(0)) == (2, 2)
    sender.result()


@in_virtual_time
def test_several_waiting_senders_go_on_in_their_order() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(2)
    reader = news.subscribe()
    for number in range(2):
        news.send(number)
    senders = [rt.spawn(news.send, number) for number in range(2, 6)]
    rt.yield_now()
    assert [reader.receive() for _ in range(6)] == list(range(6))
    for sender in senders:
        sender.result()


@in_virtual_time
def test_one_that_leaves_makes_room_for_every_waiting_sender_that_fits() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(3)
    slow = news.subscribe()
    for number in range(3):
        news.send(number)
    quick = news.subscribe()
    senders = [rt.spawn(news.send, number) for number in range(3, 5)]
    rt.yield_now()
    slow.close()
    for sender in senders:
        sender.result()
    assert [quick.receive(0), quick.receive(0)] == [3, 4]
    assert news.subscribers == 1


@in_virtual_time
def test_a_send_that_is_cancelled_or_too_late_reached_nobody() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(1)
    full, empty = news.subscribe(), news.subscribe()
    news.send(1)
    empty.receive()
    with pytest.raises(TimeoutError, match="within 2 seconds"):
        news.send(2, timeout=2)
    with pytest.raises(TimeoutError):
        news.send(2, timeout=0)
    sender = rt.spawn(news.send, 3)
    rt.yield_now()
    sender.cancel()
    assert full.receive() == 1
    assert (len(full), len(empty)) == (0, 0)


@in_virtual_time
def test_drop_oldest_keeps_the_newest_and_counts() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(2, slow="drop_oldest")
    reader = news.subscribe()
    for number in range(5):
        news.send(number)
    assert reader.dropped == 3
    assert "2 of 2, 3 dropped" in repr(reader)
    assert [reader.receive(), reader.receive()] == [3, 4]


@in_virtual_time
def test_drop_newest_keeps_the_oldest_and_counts() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(2, slow="drop_newest")
    reader = news.subscribe()
    for number in range(5):
        news.send(number)
    assert reader.dropped == 3
    assert [reader.receive(), reader.receive()] == [0, 1]


@in_virtual_time
def test_disconnect_ends_the_slow_subscription_only() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(2, slow="disconnect")
    slow, quick = news.subscribe(), news.subscribe()
    reader = rt.spawn(list, quick)
    for number in range(3):
        news.send(number)
        rt.yield_now()
    assert slow.closed
    assert news.subscribers == 1
    got: list[int] = []
    with pytest.raises(rt.FellBehind, match="2 items were waiting"):
        got.extend(item for item in slow)
    with pytest.raises(rt.FellBehind):
        slow.receive()
    with pytest.raises(rt.ChannelClosed):
        slow.receive(0)
    news.close()
    assert reader.result() == [0, 1, 2]


@in_virtual_time
def test_close_lets_subscribers_finish_and_turns_senders_away() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(1)
    reader = news.subscribe()
    news.send(1)
    sender = rt.spawn(news.send, 2)
    waiting = rt.spawn(list, reader)
    rt.yield_now()
    rt.yield_now()
    news.send(3)
    late = rt.spawn(news.send, 4)
    rt.yield_now()
    news.close()
    news.close()
    sender.result()
    late.join()
    assert waiting.result()[:3] == [1, 2, 3]
    for call in (lambda: news.send(5), news.subscribe):
        with pytest.raises(rt.ChannelClosed, match="closed broadcast"):
            call()


@in_virtual_time
def test_a_sender_that_waits_when_it_closes_is_told() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(1)
    reader = news.subscribe()
    news.send(1)
    sender = rt.spawn(news.send, 2)
    rt.yield_now()
    news.close()
    with pytest.raises(rt.ChannelClosed, match="before all subscribers had room"):
        sender.result()
    assert list(reader) == [1]


@in_virtual_time
def test_closing_a_subscription_wakes_who_receives_from_it() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(1)
    with news.subscribe() as reader:
        waiting = rt.spawn(reader.receive)
        rt.yield_now()
        assert "1 receiving" in repr(reader)
    with pytest.raises(rt.ChannelClosed):
        waiting.result()
    reader.close()
    assert news.subscribers == 0


@in_virtual_time
def test_select_can_wait_for_a_subscription() -> None:
    news: rt.Broadcast[str] = rt.Broadcast(1)
    case = rt.Receive(news.subscribe())
    rt.spawn(news.send, "hello")
    assert rt.select(case, rt.After(5)) is case
    assert case.value == "hello"


@in_virtual_time
def test_sending_without_contention_does_not_switch() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(1)
    reader = news.subscribe()
    others: list[str] = []
    rt.spawn(others.append, "ran")
    news.send(1)
    assert reader.receive() == 1
    assert others == []


def test_misuse_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="one or more, not 0"):
        rt.Broadcast[int](0)
    with pytest.raises(ValueError, match="wait, drop_oldest, drop_newest, disconnect, not 'no'"):
        rt.Broadcast[int](1, slow="no")  # type: ignore[arg-type]


@in_virtual_time
def test_its_repr_shows_the_state() -> None:
    news: rt.Broadcast[int] = rt.Broadcast(1)
    reader = news.subscribe()
    news.send(1)
    rt.spawn(news.send, 2)
    rt.yield_now()
    assert repr(news) == "<Broadcast open, 1 subscribers, slow='wait', 1 sending>"
    assert repr(reader) == "<Subscription open, 1 of 1>"
    assert (reader.capacity, news.closed) == (1, False)
