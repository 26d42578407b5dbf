"""Connections off the backlog, in one thread: a connect() over loopback needs no accept()."""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import TYPE_CHECKING

import pytest

import photon_runtime as rt
from photon_runtime.http import _acceptor as acceptor_module
from photon_runtime.http import listen
from photon_runtime.http._acceptor import Acceptor
from photon_runtime.slices import SLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from photon_runtime.http._wire import RawSocket


class Backlog:
    """A listener, its clients, and the accepted connections."""

    def __init__(self, stack: contextlib.ExitStack, *, max_connections: int = 1000) -> None:
        self._stack = stack
        self.listener = stack.enter_context(listen("127.0.0.1", 0))
        self.started: list[RawSocket] = []
        self.on_start: Callable[[], object] = lambda: None
        self.acceptor = Acceptor(
            [self.listener],
            connections=self.started,
            max_connections=max_connections,
            start=self._start,
        )

    def connect(self, count: int) -> None:
        for _ in range(count):
            self._stack.enter_context(socket.create_connection(self.listener.getsockname(), 5))

    def is_empty(self) -> bool:
        """Return whether no connection waits; a waiting one is accepted by the check."""
        try:
            self._stack.enter_context(self.listener.accept()[0])
        except BlockingIOError:
            return True
        return False

    def close_one(self) -> None:
        self.started.pop().close()
        self.acceptor.note_room()

    def _start(self, accepted: RawSocket, address: object) -> None:
        self._stack.callback(accepted.close)
        self.started.append(accepted)
        self.on_start()

    @contextlib.contextmanager
    def accepting(self) -> Iterator[None]:
        """Accept while the block runs, and first until the backlog is empty."""
        with rt.scope() as service:
            service.spawn(self.acceptor.accept_from, self.listener)
            rt.sleep(0)
            yield
            service.cancel()


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def test_accepting_goes_before_all_that_is_runnable(stack: contextlib.ExitStack) -> None:
    backlog = Backlog(stack)
    busy = 1000
    ran: list[int] = []
    ran_on_start: list[int] = []
    backlog.on_start = lambda: ran_on_start.append(len(ran))

    def main() -> None:
        with backlog.accepting(), rt.scope() as others:
            rt.sleep(0)  # nothing has come: the acceptor waits
            for number in range(busy):
                others.spawn(ran.append, number)
            backlog.connect(1)

    rt.run(main)
    assert len(ran) == busy
    (before,) = ran_on_start
    assert before < busy / 2  # it does not stand behind them


def test_all_that_wait_are_taken_before_one_is_begun(stack: contextlib.ExitStack) -> None:
    backlog = Backlog(stack)
    empty: list[bool] = []
    backlog.on_start = lambda: empty.append(backlog.is_empty())

    def main() -> None:
        backlog.connect(50)
        with backlog.accepting():
            pass

    rt.run(main)
    assert empty == [True] * 50


def test_those_that_come_while_others_are_begun_are_taken_soon(
    stack: contextlib.ExitStack,
) -> None:
    backlog = Backlog(stack)
    at_once = acceptor_module._STARTS_PER_LOOK
    looks: list[bool] = []

    def on_start() -> None:
        if len(backlog.started) == 1:
            backlog.connect(1)
        elif len(backlog.started) == at_once + 1:
            looks.append(backlog.is_empty())

    backlog.on_start = on_start

    def main() -> None:
        backlog.connect(2 * at_once)
        with backlog.accepting():
            pass

    rt.run(main)
    assert looks == [True]
    assert len(backlog.started) == 2 * at_once + 1


def test_those_beyond_the_limit_stay_in_the_backlog_until_there_is_room(
    stack: contextlib.ExitStack,
) -> None:
    backlog = Backlog(stack, max_connections=3)
    begun: list[int] = []

    def main() -> None:
        backlog.connect(5)
        with backlog.accepting():
            begun.append(len(backlog.started))
            backlog.close_one()
            rt.sleep(0)
            begun.append(len(backlog.started))

    rt.run(main)
    assert begun == [3, 3]
    assert not backlog.is_empty()
    assert backlog.is_empty()


def test_an_endless_burst_lets_others_have_their_turn(
    stack: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor_module, "_LOOKS_PER_TURN", 2)
    backlog = Backlog(stack)
    backlog.on_start = lambda: backlog.connect(1) if not turns else None
    turns: list[int] = []

    def main() -> None:
        backlog.connect(10)
        with rt.scope() as service:
            service.spawn(backlog.acceptor.accept_from, backlog.listener)
            service.spawn(turns.append, 1)
            rt.sleep(0.01)
            service.cancel()

    rt.run(main)
    assert turns == [1]


def test_the_last_are_taken_and_the_listener_is_closed(stack: contextlib.ExitStack) -> None:
    backlog = Backlog(stack)

    def main() -> None:
        backlog.connect(3)
        backlog.acceptor.drain_backlog()

    rt.run(main)
    assert len(backlog.started) == 3
    assert backlog.listener.fileno() == -1


def test_errors_of_single_connections_are_passed_over_and_others_are_raised(
    stack: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [
        ConnectionAbortedError(103, "it left"),
        PermissionError(1, "the firewall"),
        OSError(113, "no way back"),
        OSError(24, "no more"),
        OSError(24, "no more"),
        OSError(22, "no sense"),
    ]

    def accept(listener: socket.socket) -> tuple[RawSocket, object]:
        raise errors.pop(0)

    monkeypatch.setattr(acceptor_module, "accept", accept)
    monkeypatch.setattr(acceptor_module, "_PAUSE_WITHOUT_DESCRIPTORS", 0.001)
    backlog = Backlog(stack)
    with caplog.at_level(logging.WARNING), pytest.raises(OSError, match="no sense"):
        rt.run(backlog.acceptor.accept_from, backlog.listener)
    assert errors == []
    assert caplog.text.count("accepting connections is paused") == 1


def test_a_burst_is_started_in_slices(stack: contextlib.ExitStack) -> None:
    backlog = Backlog(stack)
    seen: list[int] = []

    def main() -> None:
        backlog.connect(2 * SLICE + 100)
        with rt.scope() as service:
            service.spawn(backlog.acceptor.accept_from, backlog.listener)
            service.spawn(lambda: seen.append(len(backlog.started)))
            rt.sleep(0.05)
            service.cancel()

    rt.run(main)
    assert seen == [SLICE]
    assert len(backlog.started) == 2 * SLICE + 100


def test_connections_that_were_accepted_are_started_although_the_task_is_cancelled(
    stack: contextlib.ExitStack,
) -> None:
    backlog = Backlog(stack)

    def main() -> None:
        backlog.connect(2 * SLICE)
        with rt.scope() as service:
            service.spawn(backlog.acceptor.accept_from, backlog.listener)
            service.spawn(service.cancel)

    rt.run(main)
    assert len(backlog.started) == 2 * SLICE


def test_the_last_are_started_in_slices_and_also_when_the_stop_is_cancelled(
    stack: contextlib.ExitStack,
) -> None:
    backlog = Backlog(stack)
    seen: list[int] = []

    def main() -> None:
        backlog.connect(2 * SLICE)
        with rt.scope() as service:
            service.spawn(backlog.acceptor.drain_backlog)
            service.spawn(lambda: seen.append(len(backlog.started)))
            service.spawn(service.cancel)

    rt.run(main)
    assert seen == [SLICE]
    assert len(backlog.started) == 2 * SLICE


def test_connections_of_two_listeners_stay_within_the_limit(stack: contextlib.ExitStack) -> None:
    first = Backlog(stack, max_connections=SLICE + 200)
    second = stack.enter_context(listen("127.0.0.1", 0))
    most: list[int] = []
    first.on_start = lambda: most.append(len(first.started))

    def main() -> None:
        first.connect(SLICE + 100)
        for _ in range(200):
            stack.enter_context(socket.create_connection(second.getsockname(), 5))
        with rt.scope() as service:
            service.spawn(first.acceptor.accept_from, first.listener)
            service.spawn(first.acceptor.accept_from, second)
            with rt.deadline(10):
                while len(first.started) < SLICE + 200:
                    rt.sleep(0.01)
            rt.sleep(0.05)
            assert len(first.started) == SLICE + 200
            for _ in range(100):
                first.close_one()
            rt.sleep(0.05)
            service.cancel()

    rt.run(main)
    assert max(most) == SLICE + 200
    assert len(first.started) == SLICE + 200
