"""State machines that compare each single step of a primitive with a model of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import photon_runtime as rt
from photon_runtime import testing


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
        is_full = not self.receivers and len(self.buffer) == self.capacity
        if not receives and not self.closed and is_full:
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
