"""Races, hunted: every primitive under orders of random and cancellations at random moments.

Each test runs a program of many tasks in a seeded order while another task cancels some of them,
and looks at what must hold afterwards: nothing lost, nothing doubled, permits conserved,
everything ended (a waiter left behind is a `Deadlock`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import ParamSpec

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime import testing

P = ParamSpec("P")
seeds = st.integers(0, 2**32 - 1)
thorough = settings(max_examples=120)


def dawdle(random: Random) -> None:
    """Wait for nothing, some turns or some time."""
    for _ in range(random.randrange(3)):
        rt.yield_now()
    if not random.randrange(4):
        rt.sleep(random.random())


class Crowd:
    """Tasks of a test, some of which are cancelled while they run."""

    def __init__(self, seed: int, *, cancel_one_in: int = 3) -> None:
        self.random = Random(seed)
        self._one_in = cancel_one_in
        self._tasks: list[rt.Task[None]] = []

    def spawn(self, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        self._tasks.append(rt.spawn(function, *args, **kwargs))

    def cancel_some(self) -> None:
        victims = [task for task in self._tasks if not self.random.randrange(self._one_in)]
        for victim in victims:
            dawdle(self.random)
            victim.cancel()

    def wait(self) -> None:
        for task in self._tasks:
            task.join()
            assert task.error is None, task.error


# -- channels -------------------------------------------------------------------------------------


@attrs.define
class Traffic:
    """Tasks that send into a channel, or receive from it, with timeouts of random."""

    random: Random
    channel: rt.Channel[tuple[int, int]]
    sent: list[tuple[int, int]] = attrs.field(factory=list)
    received: list[tuple[int, int]] = attrs.field(factory=list)

    def send(self, sender: int) -> None:
        for number in range(6):
            try:
                self.channel.send((sender, number), self.random.choice([None, 0, 0.2, 5]))
            except TimeoutError:
                dawdle(self.random)
                continue
            except rt.ChannelClosed:
                return
            self.sent.append((sender, number))
            dawdle(self.random)

    def receive(self) -> None:
        while True:
            try:
                self.received.append(self.channel.receive(self.random.choice([None, 0, 0.2, 5])))
            except TimeoutError:
                pass
            except rt.ChannelClosed:
                return
            dawdle(self.random)
            rt.yield_now()


@thorough
@given(seed=seeds, capacity=st.integers(0, 3))
def test_a_channel_loses_nothing_and_doubles_nothing(seed: int, capacity: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        traffic = Traffic(crowd.random, rt.Channel(capacity))
        for sender in range(4):
            crowd.spawn(traffic.send, sender)
            crowd.spawn(traffic.receive)
        crowd.cancel_some()
        rt.sleep(crowd.random.random() * 10)
        traffic.channel.close()
        traffic.received.extend(traffic.channel)
        crowd.wait()
        assert Counter(traffic.received) == Counter(traffic.sent)
        assert max(Counter(traffic.sent).values(), default=1) == 1

    testing.run(main, seed=seed)


@thorough
@given(seed=seeds, capacity=st.integers(0, 3))
def test_a_single_receiver_gets_each_senders_items_in_order(seed: int, capacity: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        channel: rt.Channel[tuple[int, int]] = rt.Channel(capacity)

        def send(sender: int) -> None:
            for number in range(8):
                channel.send((sender, number))
                dawdle(crowd.random)

        for sender in range(3):
            crowd.spawn(send, sender)
        reader = rt.spawn(list, channel)
        crowd.cancel_some()
        crowd.wait()
        channel.close()
        received = reader.result()
        for sender in range(3):
            own = [number for who, number in received if who == sender]
            assert own == list(range(len(own)))

    testing.run(main, seed=seed)


# -- select ---------------------------------------------------------------------------------------


@attrs.define
class Choosing:
    """Tasks that select over two channels, and some that use them plainly."""

    random: Random
    channels: list[rt.Channel[int]]
    sent: list[int] = attrs.field(factory=list)
    received: list[int] = attrs.field(factory=list)

    def cases(self, base: int) -> list[rt.Case]:
        chosen: list[rt.Case] = [rt.Receive(channel) for channel in self.channels]
        chosen += [rt.Send(channel, base + at) for at, channel in enumerate(self.channels)]
        chosen.append(rt.After(self.random.choice([0, 0.5, 20])))
        return self.random.sample(chosen, 3)

    def select(self, who: int) -> None:
        for turn in range(6):
            cases, timeout = self.cases(100 * who + 10 * turn), self.random.choice([0, 0.1, 30])
            try:
                won = rt.select(*cases, timeout=timeout)
            except rt.ChannelClosed:
                return
            if isinstance(won, rt.Send):
                self.sent.append(won.item)
            elif isinstance(won, rt.Receive) and not won.ended:
                self.received.append(won.value)
            dawdle(self.random)

    def use(self, who: int) -> None:
        try:
            self.channels[who % 2].send(10_000 + who)
            self.sent.append(10_000 + who)
            self.received.append(self.channels[(who + 1) % 2].receive(1))
        except (TimeoutError, rt.ChannelClosed):
            pass


@thorough
@given(seed=seeds, capacities=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_a_losing_case_of_select_takes_nothing(seed: int, capacities: tuple[int, int]) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        choosing = Choosing(crowd.random, [rt.Channel(capacity) for capacity in capacities])
        for who in range(5):
            crowd.spawn(choosing.select, who)
            crowd.spawn(choosing.use, who)
        crowd.cancel_some()
        rt.sleep(60)
        for channel in choosing.channels:
            channel.close()
            choosing.received.extend(channel)
        crowd.wait()
        assert Counter(choosing.received) == Counter(choosing.sent)

    testing.run(main, seed=seed)


# -- broadcast ------------------------------------------------------------------------------------


@attrs.define
class Publishing:
    """Tasks that send to a broadcast, and subscribers some of which leave early."""

    random: Random
    broadcast: rt.Broadcast[tuple[int, int]]
    sent: list[tuple[int, int]] = attrs.field(factory=list)
    seen: list[list[tuple[int, int]]] = attrs.field(factory=list)

    def send(self, sender: int) -> None:
        for number in range(5):
            try:
                self.broadcast.send((sender, number), self.random.choice([None, 0, 0.3]))
            except TimeoutError:
                dawdle(self.random)
                continue
            except rt.ChannelClosed:
                return
            self.sent.append((sender, number))
            dawdle(self.random)

    def read(self, subscription: rt.Subscription[tuple[int, int]]) -> None:
        mine: list[tuple[int, int]] = []
        self.seen.append(mine)
        with subscription:
            for item in subscription:
                mine.append(item)
                dawdle(self.random)
                if not self.random.randrange(20):
                    return


@thorough
@given(seed=seeds, capacity=st.integers(1, 3))
def test_a_waiting_broadcast_gives_all_subscribers_the_same(seed: int, capacity: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        publishing = Publishing(crowd.random, rt.Broadcast(capacity))
        broadcast = publishing.broadcast
        witness = rt.spawn(list, broadcast.subscribe())
        for number in range(4):
            crowd.spawn(publishing.read, broadcast.subscribe())
            crowd.spawn(publishing.send, number)
        # A task that is cancelled before it begins would not end its subscription.
        while len(publishing.seen) < 4:
            rt.yield_now()
        crowd.cancel_some()
        rt.sleep(50)
        assert not broadcast._full
        assert not broadcast._senders
        broadcast.close()
        crowd.wait()
        everything = witness.result()
        assert Counter(everything) == Counter(publishing.sent)
        for mine in publishing.seen:
            assert mine == everything[: len(mine)]

    testing.run(main, seed=seed)


@thorough
@given(seed=seeds, capacity=st.integers(1, 3), newest=st.booleans())
def test_a_dropping_broadcast_never_waits_and_counts_losses(
    seed: int, capacity: int, newest: bool
) -> None:
    def main() -> None:
        random = Random(seed)
        broadcast: rt.Broadcast[int] = rt.Broadcast(
            capacity, slow="drop_newest" if newest else "drop_oldest"
        )
        readers = []

        def read(subscription: rt.Subscription[int]) -> list[int]:
            mine = []
            for item in subscription:
                mine.append(item)
                dawdle(random)
            return mine

        subscriptions = [broadcast.subscribe() for _ in range(3)]
        readers = [rt.spawn(read, subscription) for subscription in subscriptions]
        for number in range(20):
            broadcast.send(number, timeout=0)
            dawdle(random)
        broadcast.close()
        for subscription, reader in zip(subscriptions, readers, strict=True):
            mine = reader.result()
            assert mine == sorted(set(mine))
            assert len(mine) + subscription.dropped == 20

    testing.run(main, seed=seed)


# -- permits and locks ----------------------------------------------------------------------------


@thorough
@given(seed=seeds, permits=st.integers(1, 3))
def test_a_semaphore_conserves_its_permits(seed: int, permits: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        semaphore = rt.Semaphore(permits)
        holders = 0

        def work() -> None:
            nonlocal holders
            for _ in range(4):
                if semaphore.acquire(crowd.random.choice([None, 0, 0.3])):
                    holders += 1
                    assert holders <= permits
                    try:
                        dawdle(crowd.random)
                    finally:
                        holders -= 1
                        semaphore.release()

        for _ in range(6):
            crowd.spawn(work)
        crowd.cancel_some()
        crowd.wait()
        assert (semaphore.value, holders, len(semaphore._queue)) == (permits, 0, 0)

    testing.run(main, seed=seed)


@thorough
@given(seed=seeds, reentrant=st.booleans())
def test_a_lock_is_held_by_one_task_and_free_at_the_end(seed: int, reentrant: bool) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        lock = rt.RLock() if reentrant else rt.Lock()
        holders: set[object] = set()

        def work() -> None:
            me = object()
            for _ in range(4):
                if not lock.acquire(crowd.random.choice([None, 0, 0.3])):
                    continue
                try:
                    assert not holders
                    holders.add(me)
                    dawdle(crowd.random)
                    if isinstance(lock, rt.RLock):
                        with lock:
                            dawdle(crowd.random)
                finally:
                    holders.discard(me)
                    lock.release()

        for _ in range(6):
            crowd.spawn(work)
        crowd.cancel_some()
        crowd.wait()
        assert not lock.locked()

    testing.run(main, seed=seed)


END = -1


@attrs.define
class Basket:
    """Tasks that put tokens under a condition, and tasks that wait for them."""

    random: Random
    condition: rt.Condition
    tokens: list[int] = attrs.field(factory=list)
    taken: list[int] = attrs.field(factory=list)

    def take(self, *, is_patient: bool) -> None:
        while True:
            timeout = None if is_patient else self.random.choice([None, 0, 0.5])
            with self.condition:
                if self.condition.wait_for(lambda: bool(self.tokens), timeout):
                    token = self.tokens.pop()
                    if token == END:
                        self.put_one(END)  # for everyone
                        return
                    self.taken.append(token)
                assert self.condition.locked()
            dawdle(self.random)

    def put(self, numbers: range) -> None:
        for number in numbers:
            self.put_one(number)
            dawdle(self.random)

    def put_one(self, token: int) -> None:
        with self.condition:
            self.tokens.append(token)
            self.condition.notify()


@thorough
@given(seed=seeds)
def test_a_notification_is_never_lost_to_a_cancelled_waiter(seed: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        basket = Basket(crowd.random, rt.Condition())
        for _ in range(4):
            crowd.spawn(basket.take, is_patient=False)
        last = rt.spawn(basket.take, is_patient=True)
        putters = [rt.spawn(basket.put, range(start, start + 6)) for start in (0, 6)]
        crowd.cancel_some()
        for putter in putters:
            putter.join()
        rt.sleep(10)
        assert sorted(basket.taken) == list(range(12))  # one waiter was always left to take them
        basket.put_one(END)
        crowd.wait()
        last.result()
        assert not basket.condition.locked()
        assert not basket.condition._queue.tasks

    testing.run(main, seed=seed)


@thorough
@given(seed=seeds, parties=st.integers(1, 4))
def test_a_barrier_lets_through_whole_groups_only(seed: int, parties: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        barrier = rt.Barrier(parties)
        places: list[int] = []

        def come() -> None:
            for _ in range(4):
                try:
                    places.append(barrier.wait(crowd.random.choice([0, 0.2, 3])))
                except TimeoutError:
                    pass
                rt.yield_now()
                dawdle(crowd.random)

        for _ in range(7):
            crowd.spawn(come)
        crowd.cancel_some()
        crowd.wait()
        assert len(places) % parties == 0
        assert set(Counter(places).values()) <= {len(places) // parties}
        assert (barrier.waiting, barrier._arrivals) == (0, {})

    testing.run(main, seed=seed)


@thorough
@given(seed=seeds)
def test_a_wait_group_wakes_all_when_the_last_thing_is_done(seed: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        group = rt.WaitGroup()
        finished = 0

        def work() -> None:
            nonlocal finished
            try:
                dawdle(crowd.random)
            finally:
                finished += 1
                group.done()

        def wait() -> None:
            if group.wait(crowd.random.choice([None, 0, 0.1])):
                assert finished == 8

        group.add(8)
        for _ in range(8):
            crowd.spawn(wait)
            rt.spawn(work)
        crowd.cancel_some()
        assert group.wait()
        crowd.wait()
        assert (group.count, len(group._queue)) == (0, 0)

    testing.run(main, seed=seed)


# -- scopes ---------------------------------------------------------------------------------------


@attrs.define
class Family:
    """Tasks that fail, are cancelled, wait while they clean up, and have children of their own."""

    random: Random
    alive: int = 0

    def child(self, depth: int) -> None:
        self.alive += 1
        try:
            dawdle(self.random)
            if not self.random.randrange(6):
                raise ValueError("on purpose")
            if depth and not self.random.randrange(2):
                self.branch(depth - 1)
        finally:
            with rt.shield():
                dawdle(self.random)
            self.alive -= 1

    def branch(self, depth: int) -> None:
        children: list[rt.Task[None]] = []
        try:
            with rt.scope() as scope:
                children += [scope.spawn(self.child, depth) for _ in range(3)]
                dawdle(self.random)
                if not self.random.randrange(4):
                    scope.cancel()
        finally:
            assert all(child.done for child in children)

    def root(self) -> None:
        try:
            with rt.deadline(self.random.choice([0.1, 2, 100])):
                self.branch(2)
        except* (ValueError, rt.DeadlineExceeded):
            pass


@thorough
@given(seed=seeds)
def test_a_scope_outlives_its_children_whatever_happens(seed: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        family = Family(crowd.random)
        for _ in range(2):
            crowd.spawn(family.root)
        crowd.cancel_some()
        crowd.wait()
        assert family.alive == 0

    testing.run(main, seed=seed)


# -- streams --------------------------------------------------------------------------------------


@attrs.define
class Reading:
    """A task that reads a stream to its end; it may be cancelled and begun again."""

    random: Random
    stream: testing.MemoryStream
    received: bytearray = attrs.field(factory=bytearray)

    def read(self) -> None:
        self.stream.settimeout(0.1)
        while True:
            try:
                part = self.stream.recv(self.random.randrange(1, 12))
            except TimeoutError:
                continue
            if not part:
                return
            self.received += part
            rt.yield_now()


@thorough
@given(seed=seeds, capacity=st.integers(1, 9))
def test_a_stream_in_memory_keeps_every_byte_in_order(seed: int, capacity: int) -> None:
    def main() -> None:
        random = Random(seed)
        left, right = testing.memory_pair(capacity=capacity)
        reading = Reading(random, right)
        data = random.randbytes(60)

        def send() -> None:
            rest = data
            while rest:
                rest = rest[left.send(rest[: random.randrange(1, 12)]) :]
                dawdle(random)
            left.close()

        sender = rt.spawn(send)
        while not (reader := rt.spawn(reading.read)).join(random.random()):
            reader.cancel()
            reader.join()
        sender.result()
        assert bytes(reading.received) == data

    testing.run(main, seed=seed)
