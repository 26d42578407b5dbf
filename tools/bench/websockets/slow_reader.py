"""What one member of a room that does not read costs the server and the other members.

``PYTHONPATH=tools python -m bench.websockets.slow_reader [MEMBERS [BROADCASTS]]`` starts a server
of its own with a room of that many members (1,000), and sends messages of 10 KB to all of them.
Then one more member joins, which never reads, and that many further messages (10,000) are sent.
Each is sent when the last one has arrived at all others. At the end it prints the memory of the
server before and at its highest, the times until all had a message, and what has become of the slow
member.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench._probe import ask
from bench._process import ServerProcess, free_port
from bench._servers import FOLDER
from bench.errors import BenchError
from bench.scenarios import Exchange
from bench.websockets._frames import open_socket
from bench.websockets._load_client import Client
from bench.websockets._scenarios import BROADCAST, LoadTask

_SIZE = 10_000
_TIMEOUT = 30.0
_SMALL_BUFFER = 4096
_LOOK_EVERY = 50  # broadcasts between two looks at the memory
_END_TIMEOUT = 10.0  # seconds until the handler of the slow member must have ended


@dataclass(slots=True)
class SlowReaderFigures:
    """The figures of a run.

    Attributes:
        before: Resident bytes of the server before the slow member joined.
        highest: The highest value afterwards.
        times_before: Seconds until all members had a message, before the slow member joined.
        times_with: The same while it was a member.
        times_after: The same after it had been closed.
        codes: Close codes of the handlers that have ended.
        extra_tasks: Number of tasks at the end, less those before the slow member joined.
    """

    before: int = 0
    highest: int = 0
    times_before: list[float] = field(default_factory=list)
    times_with: list[float] = field(default_factory=list)
    times_after: list[float] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    extra_tasks: int = 0


def measure(members: int, broadcasts: int, *, server_core: int) -> SlowReaderFigures:
    """Run a server and its members; return the figures.

    Raises:
        BenchError: A member did not get a message, or the slow member was not closed.

    Blocks: until all broadcasts have arrived.
    """
    port = free_port()
    command = [sys.executable, "-m", "photon_cli", "run", "photon_slow_reader_app:app"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with ServerProcess(command, port=port, folder=FOLDER, core=server_core) as server:
        server.wait_listening(timeout=_TIMEOUT)
        with Client(LoadTask(BROADCAST, port, members, _SIZE, deflate=False, seconds=0)) as client:
            client.open()
            client.learn_broadcast()
            return _measure(server, client, broadcasts)


def _measure(server: ServerProcess, client: Client, broadcasts: int) -> SlowReaderFigures:
    figures = SlowReaderFigures()
    figures.times_before = [client.broadcast() for _ in range(max(50, broadcasts // 10))]
    tasks = _ask(server)["tasks"]
    figures.before = server.usage().memory
    slow, _, _ = open_socket(
        server.port, "/broadcast", deflate=False, timeout=_TIMEOUT, buffer=_SMALL_BUFFER
    )
    with slow:
        for number in range(broadcasts):
            times = figures.times_after if figures.codes else figures.times_with
            times.append(client.broadcast())
            if not number % _LOOK_EVERY:
                figures.highest = max(figures.highest, server.usage().memory)
                figures.codes = _ask(server)["codes"]
        figures.highest = max(figures.highest, server.usage().memory)
        end = time.monotonic() + _END_TIMEOUT
        while time.monotonic() < end:
            found = _ask(server)
            figures.codes, figures.extra_tasks = found["codes"], found["tasks"] - tasks
            if figures.codes and not figures.extra_tasks:
                return figures
            time.sleep(0.1)
    if not figures.codes:
        raise BenchError("the member that does not read was not closed")
    return figures


def _ask(server: ServerProcess) -> Any:
    _, body = ask(Exchange("/figures"), port=server.port)
    return json.loads(body)


def main(members: int, broadcasts: int) -> None:
    """Measure, and print."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    found = measure(members, broadcasts, server_core=cores[0])
    print(f"members                 {members:>12,}")
    print(f"broadcasts              {broadcasts:>12,}")
    print(f"memory before           {found.before:>12,} bytes")
    print(f"highest growth          {found.highest - found.before:>12,} bytes")
    print("until all had a message")
    for name, times in (
        ("before", found.times_before),
        ("with it", found.times_with),
        ("after its end", found.times_after),
    ):
        print(f"  {name:22}{_percentiles(times)}")
    print(f"close codes             {found.codes}")
    print(f"tasks left              {found.extra_tasks:>12,}")


def _percentiles(times: Sequence[float]) -> str:
    if not times:
        return "-"
    ordered = sorted(times)
    middle, high = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"{len(times):,} messages, p50 {middle * 1e3:.1f} ms, p99 {high * 1e3:.1f} ms"


if __name__ == "__main__":
    arguments = [int(each) for each in sys.argv[1:]]
    main(*arguments, *(1_000, 10_000)[len(arguments) :])
