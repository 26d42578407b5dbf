"""The slope of made-up figures, and a short run against real servers: what is over is let go."""

import os
import shutil
import sys

import pytest

from bench import endurance
from bench.endurance import Look


def test_slope_is_that_of_the_line_behind_the_warm_up() -> None:
    flat = [Look(number, 5_000_000, 9) for number in range(1000, 101_000, 1000)]
    assert endurance.slope(flat) == 0
    filling = [Look(look.done, min(look.done, 20_000) * 100, 9) for look in flat]
    assert endurance.slope(filling) == 0
    leaking = [Look(look.done, 5_000_000 + look.done * 48, 9) for look in flat]
    assert endurance.slope(leaking) == pytest.approx(48_000)
    jagged = [Look(look.done, look.memory + look.done % 3000, 9) for look in leaking]
    assert endurance.slope(jagged) == pytest.approx(48_000, rel=0.02)


def test_each_connection_sends_all_kinds_of_requests_one_after_the_other() -> None:
    kinds = {request for request, _ in endurance._REQUESTS}
    assert {request.split(b" ")[1] for request in kinds} >= {b"/json", b"/orders"}
    turns = [list(endurance._turned(number)) for number in range(len(endurance._REQUESTS))]
    for connection in range(endurance._KEPT):
        assert {turn[connection][0] for turn in turns} == kinds


def test_a_request_is_written_with_the_length_of_its_body() -> None:
    [post] = {request for request, _ in endurance._REQUESTS if b'"qty":1,' in request}
    head, _, body = post.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /orders HTTP/1.1\r\nHost: a\r\n")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("taskset"), reason="needs /proc and taskset"
)
@pytest.mark.parametrize("server", ["photon-runtime", "photon"])
def test_requests_and_connections_that_are_over_leave_nothing_behind(server: str) -> None:
    with endurance.running(server, core=min(os.sched_getaffinity(0))) as (pid, port):
        requests = endurance.endure(endurance.ask, port=port, pid=pid, count=20_000)
        cycles = endurance.endure(endurance.connect, port=port, pid=pid, count=2_000)
    # The smallest object kept of each request would be 16,000; the heap's breathing is far below.
    assert endurance.slope(requests) < 8_000
    # A connection has thousands of bytes, and a descriptor.
    assert endurance.slope(cycles) < 50_000
    kept = endurance._KEPT  # connections that were open with the requests
    assert cycles[-1].descriptors <= requests[0].descriptors - kept + 2
