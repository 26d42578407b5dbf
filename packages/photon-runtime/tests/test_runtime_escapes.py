"""Exceptions that end programs end, in a service, only what has raised them."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable

import pytest
from greenlet import GreenletExit

import photon_runtime as rt
from photon_runtime._hub import current_hub
from photon_runtime._timer import TimerHeap
from photon_runtime.errors import ProgramExit
from photon_runtime.escapes import as_failure, in_service
from photon_runtime.http import Request, Response
from photon_runtime.testing import live_server


class Odd(BaseException):
    """Neither an error nor what ends a program, such as the time limit of a library."""


EXITS = [SystemExit(2), GreenletExit(), Odd("odd")]


def raising(error: BaseException) -> Callable[..., object]:
    def function(*_: object) -> object:
        raise error

    return function


@pytest.mark.parametrize("error", EXITS, ids=repr)
def test_in_a_service_it_is_a_failure_with_a_cause(error: BaseException) -> None:
    def main() -> Exception:
        with in_service():
            return as_failure(error)

    failure = rt.run(main)
    assert isinstance(failure, ProgramExit)
    assert failure.__cause__ is error
    assert repr(error) in str(failure)


@pytest.mark.parametrize("error", EXITS, ids=repr)
def test_in_a_program_it_passes(error: BaseException) -> None:
    with pytest.raises(type(error)):
        rt.run(as_failure, error)
    with pytest.raises(type(error)):
        as_failure(error)


def test_an_error_stays_what_it_is_everywhere() -> None:
    error = ValueError("x")
    assert as_failure(error) is error


def test_cancellation_and_the_ctrl_c_of_a_program_pass_in_a_service() -> None:
    def main() -> None:
        with in_service():
            with pytest.raises(KeyboardInterrupt):
                as_failure(KeyboardInterrupt())
            before = signal.signal(signal.SIGINT, lambda *_: None)
            try:
                assert isinstance(as_failure(KeyboardInterrupt()), ProgramExit)
            finally:
                signal.signal(signal.SIGINT, before)
            waiting = rt.spawn(rt.sleep, 60)
            rt.sleep(0)
            waiting.cancel()
            waiting.join()
            assert waiting.cancelled

    rt.run(main)


def test_a_task_of_a_service_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    def main() -> str:
        with in_service():
            ended = rt.spawn(sys.exit, 3)
            rt.sleep(0.01)
            assert ended.done
        return "went on"

    assert rt.run(main) == "went on"
    [record] = caplog.records
    assert "SystemExit: 3" in logging.Formatter().format(record)


def test_a_task_that_another_waits_for_raises_there() -> None:
    def main() -> None:
        with in_service():
            rt.spawn(sys.exit, 3).result()

    with pytest.raises(SystemExit):
        rt.run(main)


def test_a_program_ends_with_a_task() -> None:
    def main() -> None:
        rt.spawn(sys.exit, 3)
        rt.sleep(60)

    with pytest.raises(SystemExit):
        rt.run(main)


def test_what_is_raised_in_the_hub_of_a_service_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def late(number: int, frame: object) -> None:
        raise Odd("from a signal handler")

    def main() -> str:
        hub = current_hub()
        with in_service():
            hub.post(raising(SystemExit(1)))
            rt.sleep(0.01)
            before = signal.signal(signal.SIGALRM, late)
            signal.setitimer(signal.ITIMER_REAL, 0.01)  # the hub itself runs then
            try:
                rt.sleep(0.1)
            finally:
                signal.signal(signal.SIGALRM, before)
        return "went on"

    assert rt.run(main) == "went on"
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        SystemExit,
        Odd,
    ]


def test_a_hub_that_can_only_fail_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimerHeap, "fire_due", raising(OSError("broken")))

    def main() -> None:
        with in_service():
            rt.sleep(0.01)

    with pytest.raises(OSError, match="broken"):
        rt.run(main)


def test_a_handler_that_exits_is_answered_with_500_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def body(request: Request) -> object:
        yield b"first"
        sys.exit(4)

    def handle(request: Request) -> Response:
        if request.path == "/stream":
            return Response(body=body(request))  # type: ignore[arg-type]  # an iterable
        if request.path == "/after":
            request.after_response(raising(SystemExit(5)))
            return Response(body=b"answered")
        if request.path != "/":
            raise EXITS[int(request.path[1:])]
        rt.sleep(0.2)
        return Response(body=b"unharmed")

    with live_server(handle) as server:
        slow = server.connect()
        slow.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert [server.request("GET", f"/{number}").status for number in range(3)] == [500] * 3
        assert server.request("GET", "/after").body == b"answered"
        assert server.exchange(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").endswith(b"first\r\n")
        assert b"".join(iter(lambda: slow.recv(4096), b"")).endswith(b"unharmed")
        slow.close()
    text = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    for number in (2, 4, 5):
        assert f"SystemExit: {number}" in text
