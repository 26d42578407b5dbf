"""The run: every server at once in interleaved rounds, and then one after another for the memory.

As in `bench._run`, all servers live from the first round to the last and take turns. The memory of
idle sockets is measured afterwards, with a new process of each server: some hundred sockets are
opened before the first look, so that what is loaded or allocated once is not counted.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench._process import ServerProcess, free_port
from bench._results import Row, Sample
from bench._run import blaming, end_all, errors_into, say
from bench._servers import FOLDER
from bench.errors import BenchError
from bench.websockets._load import load_client
from bench.websockets._scenarios import BROADCAST, IDLE, SCENARIOS, LoadTask
from bench.websockets._servers import SERVERS

_WARM_UP = 1  # seconds
_START_TIMEOUT = 30.0  # seconds until a server must listen
_FIRST_SOCKETS = 500  # opened before the memory is read for the first time
_SPARE_DESCRIPTORS = 500
_SETTLE = 3.0  # seconds between the last message and the look at the memory
_OBSERVE = 5.0  # seconds during which the CPU time of idle sockets is measured


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """The options of the command line, and the cores."""

    servers: tuple[str, ...]
    scenarios: tuple[str, ...]
    rounds: int
    seconds: int
    connections: int
    members: int
    idle_sockets: int
    server_core: int
    load_core: int


@dataclass(frozen=True, slots=True)
class IdleSample(Sample):
    """Memory of idle sockets; the inherited figures of the load are zero.

    Attributes:
        each: Bytes of resident memory per socket.
        sockets: Number of sockets.
        cpu_share: CPU time of the server while all sockets are idle, as a share of one core.
    """

    each: float
    sockets: int
    cpu_share: float


@dataclass(slots=True)
class WebSocketRow(Row):
    """One server in one scenario.

    Attributes:
        is_deflated: True if the server agreed to compress.
    """

    is_deflated: bool = False


def plan(options: WebSocketOptions) -> list[WebSocketRow]:
    """List the rows to fill."""
    return [
        WebSocketRow(scenario, server)
        for scenario in options.scenarios
        for server in options.servers
    ]


def measure(rows: Sequence[WebSocketRow], options: WebSocketOptions) -> None:
    """Fill the rows with samples or errors. Blocks."""
    _raise_limit()
    _measure_loads([row for row in rows if SCENARIOS[row.scenario].kind != IDLE], options)
    for row in rows:
        if SCENARIOS[row.scenario].kind == IDLE:
            say(f"idle sockets of {row.server}")
            with errors_into([row]):
                row.samples[1] = _measure_idle(row, options)


def _raise_limit() -> None:
    """Allow this process, and those that it starts, as many descriptors as possible."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _measure_loads(rows: Sequence[WebSocketRow], options: WebSocketOptions) -> None:
    with contextlib.ExitStack() as stack:
        running: dict[str, ServerProcess] = {}
        stack.callback(end_all, running)
        for name in dict.fromkeys(row.server for row in rows):
            with errors_into([row for row in rows if row.server == name]):
                say(f"starting {name}")
                running[name] = _start(name, options)
                running[name].wait_listening(timeout=_START_TIMEOUT)
        for number in range(options.rounds + 1):
            for row in rows:
                if row.error is not None:
                    continue
                say(f"round {number} of {options.rounds}: {row.server}, {row.scenario}")
                with errors_into([row]), blaming(running[row.server]):
                    seconds = options.seconds if number else _WARM_UP
                    sample = _sample(row, running[row.server], options, seconds)
                    if number:  # round 0 is the warm-up
                        row.samples[number] = sample


def _start(name: str, options: WebSocketOptions) -> ServerProcess:
    server, port = SERVERS[name], free_port()
    server.prepare()
    return ServerProcess(server.command(port), port=port, folder=FOLDER, core=options.server_core)


def _task(scenario: str, port: int, sockets: int, seconds: float = 0.0) -> LoadTask:
    chosen = SCENARIOS[scenario]
    return LoadTask(chosen.kind, port, sockets, chosen.size, chosen.deflate, seconds)


def _sample(
    row: WebSocketRow, process: ServerProcess, options: WebSocketOptions, seconds: float
) -> Sample:
    kind = SCENARIOS[row.scenario].kind
    sockets = options.members if kind == BROADCAST else options.connections
    task = _task(row.scenario, process.port, sockets, seconds)
    with load_client(task, core=options.load_core) as client:
        row.is_deflated = client.deflate
        before = process.usage()
        load = client.run()
        after = process.usage()
    return Sample(
        cpu_us=(after.cpu - before.cpu) * 1e6 / load.messages,
        rate=load.messages / load.seconds,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        memory=after.memory,
    )


def _measure_idle(row: WebSocketRow, options: WebSocketOptions) -> IdleSample:
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = (limit - _SPARE_DESCRIPTORS) // SERVERS[row.server].descriptors - _FIRST_SOCKETS
    count = min(options.idle_sockets, most)
    if count <= 0:
        raise BenchError(f"the limit of {limit} descriptors is too low: ulimit -Hn")
    with _start(row.server, options) as process, blaming(process):
        process.wait_listening(timeout=_START_TIMEOUT)
        first = _task(row.scenario, process.port, _FIRST_SOCKETS)
        with load_client(first, core=options.load_core):
            time.sleep(1.0)
            before = process.usage()
            task = _task(row.scenario, process.port, count)
            with load_client(task, core=options.load_core) as client:
                row.is_deflated = client.deflate
                time.sleep(_SETTLE)
                after = process.usage()
                time.sleep(_OBSERVE)
                cpu = process.usage().cpu - after.cpu
    each = (after.memory - before.memory) / count
    return IdleSample(0.0, 0.0, 0.0, 0.0, after.memory, each, count, cpu / _OBSERVE)
