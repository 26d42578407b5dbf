"""psycopg's waiting in the hub, without a server; with one: integration-tests/libraries."""

from __future__ import annotations

import inspect
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator

import psycopg
import psycopg.waiting
import pytest

from photon_runtime import DeadlineExceeded, deadline, offload, run, scope, sleep
from photon_runtime.drivers.psycopg import ConnectionLock, _waiting, wait, wait_conn
from photon_runtime.drivers.psycopg._waiting import WaitTimeout

R, W = psycopg.waiting.Wait.R, psycopg.waiting.Wait.W


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    a, b = socket.socketpair()
    a.setblocking(False)
    with a, b:
        yield a, b


def receive(a: socket.socket, *, nothing: list[int]) -> Generator[int, int, bytes]:
    """Wait for readiness as a generator of psycopg does, then read."""
    while not (ready := (yield R)):
        nothing.append(ready)
    assert ready == R
    return a.recv(9)


def test_a_task_waits_and_the_others_run(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    nothing: list[int] = []

    def main() -> bytes:
        with scope() as tasks:
            task = tasks.spawn(lambda: wait(receive(a, nothing=nothing), a.fileno()))
            sleep(0.01)
            b.send(b"answer")
        return task.result()

    assert run(main) == b"answer"
    assert nothing == []


def test_the_generator_is_told_when_an_interval_passes(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    a, b = pair
    nothing: list[int] = []

    def main() -> bytes:
        with scope() as tasks:
            gen = receive(a, nothing=nothing)
            task = tasks.spawn(lambda: wait(gen, a.fileno(), 0.005))
            sleep(0.05)
            b.send(b"answer")
        return task.result()

    assert run(main) == b"answer"
    assert nothing
    assert set(nothing) == {0}


@pytest.mark.parametrize("interval", [None, 0.001, 10.0])
def test_a_timeout_ends_the_wait(
    pair: tuple[socket.socket, socket.socket], interval: float | None
) -> None:
    a, _ = pair

    def main() -> None:
        wait(receive(a, nothing=[]), a.fileno(), interval, 0.02)

    with pytest.raises(WaitTimeout, match="wait timeout expired"):
        run(main)


def test_what_is_ready_is_told_apart(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    seen: list[int] = []

    def ask() -> Generator[int, int, None]:
        seen.append((yield W))
        seen.append((yield R | W))
        b.send(b"x")
        seen.append((yield R | W))
        b.close()
        seen.append((yield R))

    run(lambda: wait(ask(), a.fileno()))
    assert seen == [W, W, R | W, R]


def test_a_descriptor_that_is_closed_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    a, _ = pair

    def main() -> None:
        number = a.fileno()
        a.close()
        wait(receive(a, nothing=[]), number)

    with pytest.raises(psycopg.OperationalError, match="socket closed"):
        run(main)


def test_what_never_has_to_wait_lets_the_others_run(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    a, _ = pair
    turns: list[str] = []

    def write() -> Generator[int, int, None]:
        for _ in range(3):
            yield W
            turns.append("write")

    def other() -> None:
        for _ in range(3):
            turns.append("other")
            sleep(0)

    def main() -> None:
        with scope() as tasks:
            tasks.spawn(lambda: wait(write(), a.fileno()))
            tasks.spawn(other)

    run(main)
    assert turns.index("other") < turns.index("write") < len(turns) - 1 - turns[::-1].index("other")


def test_a_deadline_leaves_the_generator_to_be_run_on(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    a, b = pair

    def main() -> bytes:
        gen = receive(a, nothing=[])
        with pytest.raises(DeadlineExceeded), deadline(0.01):
            wait(gen, a.fileno())
        b.send(b"late")
        return wait(receive_on(gen), a.fileno())

    def receive_on(gen: Generator[int, int, bytes]) -> Generator[int, int, bytes]:
        try:
            gen.send((yield R))
        except StopIteration as end:
            return bytes(end.value)
        raise AssertionError("it went on waiting")

    assert run(main) == b"late"


def test_connecting_gives_up_its_generator_with_its_wait(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    a, _ = pair
    closed: list[BaseException] = []

    def connect() -> Generator[tuple[int, int], int, None]:
        try:
            while True:
                yield a.fileno(), R
        except GeneratorExit as error:
            closed.append(error)
            raise

    def main() -> None:
        with deadline(0.01):
            wait_conn(connect())

    with pytest.raises(DeadlineExceeded):
        run(main)
    assert len(closed) == 1


@pytest.mark.parametrize("method", ["wait", "wait_conn"])
def test_outside_of_tasks_the_originals_are_called(
    pair: tuple[socket.socket, socket.socket], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, float]] = []
    original: Callable[..., None] = lambda *args, **kwargs: calls.append(kwargs)  # noqa: E731
    monkeypatch.setattr(_waiting, f"_original_{method}", original)
    arguments = () if method == "wait_conn" else (pair[0].fileno(),)
    call: Callable[..., object] = wait if method == "wait" else wait_conn
    call(receive(pair[0], nothing=[]), *arguments, interval=0.5)
    assert calls == [{"interval": 0.5}]


BEFORE = "import psycopg; from photon_runtime.patch import patch_stdlib; patch_stdlib()"
AFTER = "from photon_runtime.patch import patch_stdlib; patch_stdlib(); import psycopg"
TWICE = "from photon_runtime.patch import patch_stdlib, _psycopg; import psycopg; patch_stdlib(); "
BY_ITS_DRIVER = (
    "from photon_runtime.patch import patch_stdlib; patch_stdlib(); "
    "import photon_runtime.drivers.psycopg"
)
NOT_AT_ALL = "import photon_runtime.patch, photon_runtime.drivers.psycopg"
WHO_WAITS = """
import psycopg.waiting, psycopg.connection
for waits in (psycopg.waiting.wait, psycopg.waiting.wait_conn,
              psycopg.Connection.wait, psycopg.Connection.__init__):
    code = getattr(waits, "__code__", None)
    print("photon_runtime" in (code.co_filename if code else repr(waits)))
print(hasattr(psycopg.Connection.wait, "__wrapped__") and
      hasattr(psycopg.Connection.wait.__wrapped__, "__wrapped__"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "patched"),
    [
        (BEFORE, True),
        (AFTER, True),
        (BY_ITS_DRIVER, True),
        (TWICE + "_psycopg.cooperate(psycopg)", True),
        (NOT_AT_ALL, False),
    ],
)
def test_psycopg_cooperates_wherever_it_is_imported(order: str, *, patched: bool) -> None:
    command = [sys.executable, "-c", order + WHO_WAITS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(patched)] * 4 + ["False"]


def test_psycopg_has_what_is_replaced() -> None:
    assert callable(psycopg.waiting.wait)
    assert callable(psycopg.waiting.wait_conn)
    assert callable(psycopg.Connection.wait)
    assert callable(psycopg.Connection.cancel_safe)
    assert inspect.ismethod(psycopg.Connection._connect_gen)
    assert inspect.ismethod(psycopg.Connection._get_connection_params)
    assert inspect.isgeneratorfunction(psycopg.Connection._rollback_gen)
    assert inspect.isgeneratorfunction(psycopg.Transaction._enter_gen)
    assert inspect.isgeneratorfunction(psycopg.Transaction._exit_gen)


def test_tasks_and_threads_share_the_lock_of_a_connection() -> None:
    lock = ConnectionLock()
    order: list[str] = []

    def use(name: str) -> None:
        with lock:
            order.append(name)

    def main() -> None:
        lock.acquire()
        with scope() as tasks:
            tasks.spawn(use, "task")
            sleep(0.01)
            tasks.spawn(offload, use, "thread")
            sleep(0.05)
            order.append("free")
            lock.release()

    run(main)
    assert order == ["free", "task", "thread"]
    assert not lock.locked()


def test_a_caller_that_holds_the_lock_is_refused_and_may_still_try() -> None:
    lock = ConnectionLock()
    with lock:
        with pytest.raises(psycopg.OperationalError, match="uses the connection already"):
            lock.acquire()
        assert not lock.acquire(blocking=False)
        assert not lock.acquire(timeout=0.001)
    assert lock.acquire()


def test_pending_input_is_seen_under_the_patch_too_and_does_not_let_others_run() -> None:
    program = """
from photon_runtime.patch import patch_stdlib
patch_stdlib()
import socket
from photon_runtime import spawn, run
from photon_runtime.drivers.psycopg import has_pending_input
def main():
    a, b = socket.socketpair()
    ran = []
    spawn(ran.append, 1)
    before = has_pending_input(a.fileno())
    b.send(b"x")
    sent = has_pending_input(a.fileno())
    a.recv(1)
    emptied = has_pending_input(a.fileno())
    b.close()
    print(before, sent, emptied, has_pending_input(a.fileno()), ran)
run(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "False True False True []\n"
