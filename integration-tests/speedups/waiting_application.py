"""A handler whose requests wait, meet signals, fork, and see what other requests do."""

from __future__ import annotations

import contextvars
import logging
import os
import signal
import time
from collections.abc import Callable
from types import FrameType

import attrs

from photon_runtime import Cancelled, Event, Lock, current_task, offload, scope, sleep, yield_now
from photon_runtime.http import Request, Response

log = logging.getLogger("application")
number: contextvars.ContextVar[str] = contextvars.ContextVar("number", default="unset")


class Struck(Exception):
    """What a signal handler raises."""


@attrs.define
class State:
    """What requests share.

    Attributes:
        released: Set by `release`.
        lock: Held by `count`.
        total: How often `count` was called.
    """

    released: Event = attrs.field(factory=Event)
    lock: Lock = attrs.field(factory=Lock)
    total: int = 0


state = State()


def release_all(signum: int, frame: FrameType | None) -> None:
    """Release the requests that wait, for a test that cannot send another request."""
    state.released.set()
    state.released = Event()


signal.signal(signal.SIGWINCH, release_all)


def hold(request: Request) -> Response:
    """Wait until another request releases this one."""
    request.after_response(lambda: log.info("after %s", request.target))
    log.info("holds %s", request.target)
    try:
        state.released.wait()
    except Cancelled:
        log.info("cancelled %s", request.target)
        raise
    return Response(body=f"held {request.raw_query}")


def hold_plainly(request: Request) -> Response:
    """Wait likewise, without a call after the response."""
    log.info("holds %s", request.target)
    state.released.wait()
    return Response(body=f"held {request.raw_query}")


def release(request: Request) -> Response:
    """Release the requests that wait, and make others wait from now on."""
    release_all(0, None)
    return Response(body="released")


def spin(request: Request) -> Response:
    """Let the others run again and again until one releases this request."""
    released = state.released
    log.info("holds %s", request.target)
    turns = 0
    while not released.is_set():
        yield_now()
        turns += 1
    return Response(body="spun" if turns else "did not wait")


def echo(request: Request) -> Response:
    """Return the query after several waits, in which other requests run."""
    before = number.get()
    number.set(request.raw_query)
    task = current_task()
    sleep(0.0005)
    with state.lock:
        yield_now()
        state.total += 1
    with scope() as group:
        inner = [group.spawn(number.get) for _ in range(3)]
    values = {each.result() for each in inner}
    same = current_task() is task
    return Response(body=f"{request.raw_query} {before} {number.get()} {values} {same}")


def in_thread(request: Request) -> Response:
    """Wait for a thread."""
    return Response(body=offload(str.upper, request.raw_query))


def numbered(request: Request) -> Response:
    """Return a large body that shows its number at every place."""
    return Response(body=f"{request.raw_query:>6}".encode() * 5000)


def strike(after: float, *, busy: bool) -> Callable[[Request], Response]:
    """Return a handler that sets an alarm, whose signal handler raises."""

    def raise_it(signum: int, frame: FrameType | None) -> None:
        raise Struck("an alarm")

    def handle(request: Request) -> Response:
        signal.signal(signal.SIGALRM, raise_it)
        signal.setitimer(signal.ITIMER_REAL, after)
        while busy:
            time.monotonic()
        return Response(body="set")

    return handle


def wait_for_strike(request: Request) -> Response:
    """Wait in the scheduler, and be woken by an alarm that raises nothing."""
    noted = Event()
    signal.signal(signal.SIGALRM, lambda signum, frame: noted.set())
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    return Response(body=str(noted.wait(10.0)))


def fork(request: Request) -> Response:
    """Fork; the child returns a response, too, which must not be sent."""
    pid = os.fork()
    if pid == 0:
        return Response(body="of the child")
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        sleep(0.005)
    return Response(body=f"the child has ended with {os.waitstatus_to_exitcode(ended[1])}")


def process(request: Request) -> Response:
    """Return the process."""
    return Response(body=str(os.getpid()))


HANDLERS: dict[str, Callable[[Request], Response]] = {
    "/hold": hold,
    "/hold-plainly": hold_plainly,
    "/release": release,
    "/spin": spin,
    "/echo": echo,
    "/thread": in_thread,
    "/numbered": numbered,
    "/strike": strike(0.02, busy=True),
    "/strike-later": strike(0.05, busy=False),
    "/wait-for-strike": wait_for_strike,
    "/fork": fork,
    "/process": process,
}


def handle(request: Request) -> Response:
    """Answer a request."""
    return HANDLERS[request.raw_path](request)
