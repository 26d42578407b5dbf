"""Races, hunted: every primitive under orders of chance and cancellations at chance moments.

Two kinds of tests. The first run a program of many tasks in a seeded order while another task
cancels some of them, and look at what must hold afterwards: nothing lost, nothing doubled, permits
conserved, everything ended (a waiter left behind is a `Deadlock`). The second are state machines
that compare each single step with a model.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from random import Random
from typing import ParamSpec

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import photon_runtime as rt
from photon_runtime import testing

P = ParamSpec("P")
seeds = st.integers(0, 2**32 - 1)
thorough = settings(max_examples=120)


def dawdle(chance: Random) -> None:
    """Wait for nothing, some turns or some time."""
    for _ in range(chance.randrange(3)):
        rt.yield_now()
    if not chance.randrange(4):
        rt.sleep(chance.random())


class Crowd:
    """Tasks of a test, some of which are cancelled while they run."""

    def __init__(self, seed: int, *, cancel_one_in: int = 3) -> None:
        self.chance = Random(seed)
        self._one_in = cancel_one_in
        self._tasks: list[rt.Task[None]] = []

    def spawn(self, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        self._tasks.append(rt.spawn(function, *args, **kwargs))

    def cancel_some(self) -> None:
        victims = [task for task in self._tasks if not self.chance.randrange(self._one_in)]
        for victim in victims:
            dawdle(self.chance)
            victim.cancel()

    def wait(self) -> None:
        for task in self._tasks:
            task.join()
            assert task.error is None, task.error


# -- channels -------------------------------------------------------------------------------------


@thorough
@given(seed=seeds, capacity=st.integers(0, 3))
def test_a_channel_loses_nothing_and_doubles_nothing(seed: int, capacity: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        chance = crowd.chance
        channel: rt.Channel[tuple[int, int]] = rt.Channel(capacity)
        sent: list[tuple[int, int]] = []
        received: list[tuple[int, int]] = []

        def send(sender: int) -> None:
            for number in range(6):
                try:
                    channel.send((sender, number), chance.choice([None, 0, 0.2, 5]))
                except TimeoutError:
                    continue
                except rt.ChannelClosed:
                    return
                sent.append((sender, number))
                dawdle(chance)

        def receive() -> None:
            while True:
                try:
                    received.append(channel.receive(chance.choice([None, 0, 0.2, 5])))
                except TimeoutError:
                    pass
                except rt.ChannelClosed:
                    return
                dawdle(chance)
                rt.yield_now()

        for sender in range(4):
            crowd.spawn(send, sender)
            crowd.spawn(receive)
        crowd.cancel_some()
        rt.sleep(chance.random() * 10)
        channel.close()
        received.extend(channel)
        crowd.wait()
        assert Counter(received) == Counter(sent)
        assert max(Counter(sent).values(), default=1) == 1

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
                dawdle(crowd.chance)

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


@thorough
@given(seed=seeds, capacities=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_a_losing_case_of_select_takes_nothing(seed: int, capacities: tuple[int, int]) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        chance = crowd.chance
        channels: list[rt.Channel[int]] = [rt.Channel(capacity) for capacity in capacities]
        sent: list[int] = []
        received: list[int] = []

        def cases(base: int) -> list[rt.Case]:
            chosen: list[rt.Case] = [rt.Receive(channel) for channel in channels]
            chosen += [rt.Send(channel, base + at) for at, channel in enumerate(channels)]
            chosen.append(rt.After(chance.choice([0, 0.5, 20])))
            return chance.sample(chosen, 3)

        def work(who: int) -> None:
            for turn in range(6):
                timeout = chance.choice([0, 0.1, 30])
                try:
                    won = rt.select(*cases(100 * who + 10 * turn), timeout=timeout)
                except rt.ChannelClosed:
                    return
                if isinstance(won, rt.Send):
                    sent.append(won.item)
                elif isinstance(won, rt.Receive) and not won.ended:
                    received.append(won.value)
                dawdle(chance)

        def plain(who: int) -> None:
            try:
                channels[who % 2].send(10_000 + who)
                sent.append(10_000 + who)
                received.append(channels[(who + 1) % 2].receive(1))
            except (TimeoutError, rt.ChannelClosed):
                pass

        for who in range(5):
            crowd.spawn(work, who)
            crowd.spawn(plain, who)
        crowd.cancel_some()
        rt.sleep(60)
        for channel in channels:
            channel.close()
            received.extend(channel)
        crowd.wait()
        assert Counter(received) == Counter(sent)
        assert [(len(c._receivers), len(c._senders)) for c in channels] == [(0, 0)] * 2

    testing.run(main, seed=seed)


# -- broadcast ------------------------------------------------------------------------------------


@thorough
@given(seed=seeds, capacity=st.integers(1, 3))
def test_a_waiting_broadcast_gives_all_subscribers_the_same(seed: int, capacity: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        chance = crowd.chance
        broadcast: rt.Broadcast[tuple[int, int]] = rt.Broadcast(capacity)
        sent: list[tuple[int, int]] = []
        seen: list[list[tuple[int, int]]] = []

        def send(sender: int) -> None:
            for number in range(5):
                try:
                    broadcast.send((sender, number), chance.choice([None, 0, 0.3]))
                except TimeoutError:
                    continue
                except rt.ChannelClosed:
                    return
                sent.append((sender, number))
                dawdle(chance)

        def read(
            mine: list[tuple[int, int]], subscription: rt.Subscription[tuple[int, int]]
        ) -> None:
            with subscription:
                for item in subscription:
                    mine.append(item)
                    dawdle(chance)
                    if not chance.randrange(20):
                        return

        for _ in range(4):
            seen.append([])
            crowd.spawn(read, seen[-1], broadcast.subscribe())
        witness = rt.spawn(list, broadcast.subscribe())
        for sender in range(3):
            crowd.spawn(send, sender)
        crowd.cancel_some()
        rt.sleep(50)
        broadcast.close()
        crowd.wait()
        everything = witness.result()
        assert Counter(everything) == Counter(sent)
        for mine in seen:
            assert mine == everything[: len(mine)]
        assert not broadcast._senders
        assert not broadcast._full

    testing.run(main, seed=seed)


@thorough
@given(seed=seeds, capacity=st.integers(1, 3), newest=st.booleans())
def test_a_dropping_broadcast_never_waits_and_counts_losses(
    seed: int, capacity: int, newest: bool
) -> None:
    def main() -> None:
        chance = Random(seed)
        broadcast: rt.Broadcast[int] = rt.Broadcast(
            capacity, slow="drop_newest" if newest else "drop_oldest"
        )
        readers = []

        def read(subscription: rt.Subscription[int]) -> list[int]:
            mine = []
            for item in subscription:
                mine.append(item)
                dawdle(chance)
            return mine

        subscriptions = [broadcast.subscribe() for _ in range(3)]
        readers = [rt.spawn(read, subscription) for subscription in subscriptions]
        for number in range(20):
            broadcast.send(number, timeout=0)
            dawdle(chance)
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
                if semaphore.acquire(crowd.chance.choice([None, 0, 0.3])):
                    holders += 1
                    assert holders <= permits
                    try:
                        dawdle(crowd.chance)
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
                if not lock.acquire(crowd.chance.choice([None, 0, 0.3])):
                    continue
                try:
                    assert not holders
                    holders.add(me)
                    dawdle(crowd.chance)
                    if isinstance(lock, rt.RLock):
                        with lock:
                            dawdle(crowd.chance)
                finally:
                    holders.discard(me)
                    lock.release()

        for _ in range(6):
            crowd.spawn(work)
        crowd.cancel_some()
        crowd.wait()
        assert not lock.locked()

    testing.run(main, seed=seed)


@thorough
@given(seed=seeds, reentrant=st.booleans())
def test_a_notification_is_never_lost_to_a_cancelled_waiter(seed: int, reentrant: bool) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        chance = crowd.chance
        condition = rt.Condition(rt.RLock() if reentrant else rt.Lock())
        tokens: list[int] = []
        taken: list[int] = []

        def take(*, forever: bool) -> None:
            while True:
                with condition:
                    timeout = None if forever else chance.choice([None, 0, 0.5])
                    if condition.wait_for(lambda: bool(tokens), timeout):
                        token = tokens.pop()
                        if token < 0:
                            tokens.append(token)
                            condition.notify()  # the end is for everyone
                            return
                        taken.append(token)
                    assert condition.locked()
                dawdle(chance)

        def put(numbers: range) -> None:
            for number in numbers:
                with condition:
                    tokens.append(number)
                    condition.notify()
                dawdle(chance)

        for _ in range(4):
            crowd.spawn(take, forever=False)
        last = rt.spawn(take, forever=True)
        putters = [rt.spawn(put, range(start, start + 6)) for start in (0, 6)]
        crowd.cancel_some()
        for putter in putters:
            putter.join()
        rt.sleep(10)
        assert sorted(taken) == list(range(12))  # one waiter was always left to take them
        with condition:
            tokens.append(-1)
            condition.notify()
        crowd.wait()
        last.result()
        assert not condition.locked()
        assert not condition._queue.tasks

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
                    places.append(barrier.wait(crowd.chance.choice([0, 0.2, 3])))
                except TimeoutError:
                    pass
                rt.yield_now()
                dawdle(crowd.chance)

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
                dawdle(crowd.chance)
            finally:
                finished += 1
                group.done()

        def wait() -> None:
            if group.wait(crowd.chance.choice([None, 0, 0.1])):
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


@thorough
@given(seed=seeds)
def test_a_scope_outlives_its_children_whatever_happens(seed: int) -> None:
    def main() -> None:
        crowd = Crowd(seed)
        chance = crowd.chance
        alive = 0

        def child(depth: int) -> None:
            nonlocal alive
            alive += 1
            try:
                dawdle(chance)
                if not chance.randrange(6):
                    raise ValueError("on purpose")
                if depth and not chance.randrange(2):
                    branch(depth - 1)
            finally:
                with rt.shield():
                    dawdle(chance)
                alive -= 1

        def branch(depth: int) -> None:
            before: list[rt.Task[None]] = []
            try:
                with rt.scope() as children:
                    before += [children.spawn(child, depth) for _ in range(3)]
                    if not chance.randrange(4):
                        children.cancel()
            finally:
                assert all(task.done for task in before)

        def root() -> None:
            try:
                with rt.deadline(chance.choice([0.1, 2, 100])):
                    branch(2)
            except* (ValueError, rt.DeadlineExceeded):
                pass

        for _ in range(2):
            crowd.spawn(root)
        crowd.cancel_some()
        crowd.wait()
        assert alive == 0

    testing.run(main, seed=seed)


# -- streams --------------------------------------------------------------------------------------


@thorough
@given(seed=seeds, capacity=st.integers(1, 9))
def test_a_stream_in_memory_keeps_every_byte_in_order(seed: int, capacity: int) -> None:
    def main() -> None:
        chance = Random(seed)
        left, right = testing.memory_pair(capacity=capacity)
        data = bytes(chance.randrange(256) for _ in range(60))
        received = bytearray()

        def read() -> None:
            right.settimeout(0.1)
            while True:
                try:
                    part = right.recv(chance.randrange(1, 12))
                except TimeoutError:
                    continue
                if not part:
                    return
                received.extend(part)
                rt.yield_now()

        def send() -> None:
            rest = data
            while rest:
                rest = rest[left.send(rest[: chance.randrange(1, 12)]) :]
                dawdle(chance)
            left.close()

        sender = rt.spawn(send)
        while not (reader := rt.spawn(read)).join(chance.random()):
            reader.cancel()
            reader.join()
        sender.result()
        assert bytes(received) == data

    testing.run(main, seed=seed)


# -- models, step by step -------------------------------------------------------------------------


def settle() -> None:
    """Let everything run that can."""
    for _ in range(4):
        rt.yield_now()


@attrs.define
class Waiting:
    """A task of a state machine, and how its call ended."""

    item: int = -1
    task: rt.Task[None] | None = None
    outcome: object = None

    def start(self, call: Callable[[], object]) -> None:
        def record() -> None:
            try:
                self.outcome = call()
            except (rt.ChannelClosed, TimeoutError) as error:
                self.outcome = type(error)
            except rt.Cancelled:
                self.outcome = rt.Cancelled
                raise

        self.task = rt.spawn(record)
        settle()

    def cancel(self) -> None:
        assert self.task is not None
        self.task.cancel()
        settle()


class ChannelMachine(RuleBasedStateMachine):
    """A channel beside two queues of waiters and a list."""

    capacity = 2

    def __init__(self) -> None:
        super().__init__()
        self.channel: rt.Channel[int] = rt.Channel(self.capacity)
        self.buffer: deque[int] = deque()
        self.senders: deque[Waiting] = deque()
        self.receivers: deque[Waiting] = deque()
        self.expected: list[tuple[Waiting, object]] = []
        self.closed = False
        self.count = 0

    def ends(self, waiting: Waiting, outcome: object) -> None:
        self.expected.append((waiting, outcome))

    @rule(selects=st.booleans())
    def send(self, selects: bool) -> None:
        self.count += 1
        item = self.count
        waiting = Waiting(item)
        if self.closed:
            self.ends(waiting, rt.ChannelClosed)
        elif self.receivers:
            self.ends(self.receivers.popleft(), item)
            self.ends(waiting, "sent")
        elif len(self.buffer) < self.capacity:
            self.buffer.append(item)
            self.ends(waiting, "sent")
        else:
            self.senders.append(waiting)

        def call() -> str:
            if selects:
                rt.select(rt.Send(self.channel, item), rt.Receive(rt.Channel[int](0)))
            else:
                self.channel.send(item)
            return "sent"

        waiting.start(call)

    @rule(selects=st.booleans())
    def receive(self, selects: bool) -> None:
        waiting = Waiting()
        if self.buffer:
            self.ends(waiting, self.buffer.popleft())
            if self.senders:
                sender = self.senders.popleft()
                self.buffer.append(sender.item)
                self.ends(sender, "sent")
        elif self.senders:
            sender = self.senders.popleft()
            self.ends(waiting, sender.item)
            self.ends(sender, "sent")
        elif self.closed:
            self.ends(waiting, rt.ChannelClosed)
        else:
            self.receivers.append(waiting)

        def call() -> int:
            if not selects:
                return self.channel.receive()
            case = rt.Receive(self.channel)
            rt.select(case, rt.Send(rt.Channel[int](0), 0))
            return case.value

        waiting.start(call)

    @rule(at=st.integers(0, 5), sends=st.booleans())
    def cancel(self, at: int, sends: bool) -> None:
        queue = self.senders if sends else self.receivers
        if at < len(queue):
            waiting = queue[at]
            del queue[at]
            self.ends(waiting, rt.Cancelled)
            waiting.cancel()

    @rule(receives=st.booleans())
    def try_without_waiting(self, receives: bool) -> None:
        if receives and not self.buffer and not self.senders:
            with pytest.raises(rt.ChannelClosed if self.closed else TimeoutError):
                self.channel.receive(0)
        elif not receives and not self.closed:
            if not self.receivers and len(self.buffer) == self.capacity:
                with pytest.raises(TimeoutError):
                    self.channel.send(0, 0)

    @rule()
    def close(self) -> None:
        if self.count % 5 == 4:  # not too early
            self.closed = True
            for waiting in [*self.senders, *self.receivers]:
                self.ends(waiting, rt.ChannelClosed)
            self.senders.clear()
            self.receivers.clear()
            self.channel.close()
            settle()

    @invariant()
    def every_call_ended_as_in_the_model(self) -> None:
        for waiting, outcome in self.expected:
            assert waiting.outcome == outcome
        for waiting in [*self.senders, *self.receivers]:
            assert waiting.outcome is None
        assert len(self.channel) == len(self.buffer)

    def teardown(self) -> None:
        for waiting in [*self.senders, *self.receivers]:
            waiting.cancel()


class Rendezvous(ChannelMachine):
    """The same with a channel that holds nothing."""

    capacity = 0


@pytest.mark.slow
@pytest.mark.parametrize("machine", [ChannelMachine, Rendezvous])
def test_a_channel_does_step_by_step_what_its_model_does(machine: type[ChannelMachine]) -> None:
    testing.run(run_state_machine_as_test, machine, clock=testing.VirtualClock())


class ConditionMachine(RuleBasedStateMachine):
    """A condition's waiters, its lock's waiters, and who holds the lock, beside the real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = rt.Lock()
        self.condition = rt.Condition(self.lock)
        self.waiting: deque[Waiting] = deque()
        self.queueing: deque[tuple[Waiting, object]] = deque()
        self.expected: list[tuple[Waiting, object]] = []
        self.held = False

    def pass_on(self) -> None:
        """The lock is released by its holder; every waiter takes it and releases it at once."""
        self.expected += self.queueing
        self.queueing.clear()

    @rule()
    def take_the_lock(self) -> None:
        if not self.held:
            assert self.lock.acquire(0)
            self.held = True

    @rule()
    def release_the_lock(self) -> None:
        if self.held:
            self.held = False
            self.pass_on()
            self.lock.release()
            settle()
            for _ in range(len(self.expected)):
                rt.yield_now()

    @rule()
    def wait(self) -> None:
        if self.held:
            return
        waiting = Waiting()
        self.waiting.append(waiting)

        def call() -> bool:
            with self.condition:
                return self.condition.wait()

        waiting.start(call)

    @rule(n=st.integers(0, 3))
    def notify(self, n: int) -> None:
        if not self.held:
            with pytest.raises(RuntimeError, match="needs the lock"):
                self.condition.notify(n)
            return
        for _ in range(min(n, len(self.waiting))):
            self.queueing.append((self.waiting.popleft(), True))
        self.condition.notify(n)
        settle()

    @rule(at=st.integers(0, 3))
    def cancel(self, at: int) -> None:
        if at < len(self.waiting):
            waiting = self.waiting[at]
            del self.waiting[at]
            self.queueing.append((waiting, rt.Cancelled))
            if not self.held:
                self.pass_on()
            waiting.cancel()

    @invariant()
    def every_wait_ended_as_in_the_model(self) -> None:
        for waiting, outcome in self.expected:
            assert waiting.outcome == outcome
        for waiting in [*self.waiting, *(waiting for waiting, _ in self.queueing)]:
            assert waiting.outcome is None
        assert self.lock.locked() == self.held
        assert len(self.condition._queue) == len(self.waiting)

    def teardown(self) -> None:
        if self.held:
            self.lock.release()
        for waiting in self.waiting:
            waiting.cancel()
        settle()


@pytest.mark.slow
def test_a_condition_does_step_by_step_what_its_model_does() -> None:
    testing.run(run_state_machine_as_test, ConditionMachine)
