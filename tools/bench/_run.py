"""The run: start every server, probe it, warm it up, then measure in interleaved rounds.

All servers live from the first round to the last and take turns (A B C, A B C, …), so that a change
of the machine's speed falls on all of them. An idle server costs its core next to nothing, and its
CPU time is read just before and just after its own turn.

What goes wrong becomes the row's error and ends that row only; a server that cannot be prepared or
started gives its error to all its rows.
"""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import _servers
from bench._load import run_load
from bench._probe import probe
from bench._process import ServerProcess, free_port
from bench._results import Row, Sample
from bench._servers import FLOOR, Server
from bench._speedups import way_of
from bench.errors import BenchError
from bench.scenarios import JSON, SCENARIOS

_WARM_UP = 2  # seconds
_START_TIMEOUT = 20.0  # seconds until a server must listen
_END_TIMEOUT = 0.5  # seconds a server that refused to answer gets to end, and to say why


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line, and the cores."""

    servers: tuple[str, ...]
    scenarios: tuple[str, ...]
    rounds: int
    seconds: int
    connections: int
    server_core: int
    load_core: int


def plan(options: Options) -> list[Row]:
    """List the rows to fill; the floor is measured by its own request, whatever was asked."""
    rows = [
        Row(scenario, server)
        for scenario in options.scenarios
        for server in options.servers
        if server != FLOOR and scenario in _servers.SERVERS[server].scenarios
    ]
    floor = [Row(JSON.name, FLOOR)] if FLOOR in options.servers else []
    return floor + rows


def measure(rows: Sequence[Row], *, options: Options) -> None:
    """Fill the rows with samples or errors.

    Blocks: for about ``rows * (rounds * seconds + 2)`` seconds.
    """
    with contextlib.ExitStack() as stack:
        running: dict[str, ServerProcess] = {}
        stack.callback(end_all, running)
        for name in dict.fromkeys(row.server for row in rows):
            mine = [row for row in rows if row.server == name]
            with errors_into(mine):
                say(f"starting {name}")
                way = way_of(_servers.SERVERS[name])
                for row in mine:
                    row.way = None if way is None else str(way)
                _start(_servers.SERVERS[name], running=running, core=options.server_core)
        for row in _sound(rows):
            say(f"warming up {row.server}, {row.scenario}")
            with errors_into([row]), blaming(running[row.server]):
                probe(SCENARIOS[row.scenario], port=running[row.server].port)
                _sample(row, running[row.server], options=options, seconds=_WARM_UP)
        for number in range(1, options.rounds + 1):
            for row in _sound(rows):
                say(f"round {number} of {options.rounds}: {row.server}, {row.scenario}")
                with errors_into([row]), blaming(running[row.server]):
                    row.samples[number] = _sample(
                        row, running[row.server], options=options, seconds=options.seconds
                    )


@contextlib.contextmanager
def errors_into(rows: Sequence[Row]) -> Iterator[None]:
    """Turn a BenchError of the block into the error of ``rows``."""
    try:
        yield
    except BenchError as error:
        say(f"{rows[0].server}: {error}")
        for row in rows:
            row.error = str(error)


@contextlib.contextmanager
def blaming(process: ServerProcess) -> Iterator[None]:
    """Prefer the server's own last words to what was seen of its end from outside."""
    try:
        yield
        process.check_alive()
    except BenchError:
        process.check_alive(within=_END_TIMEOUT)
        raise


def _sound(rows: Sequence[Row]) -> Iterator[Row]:
    return (row for row in rows if row.error is None)


def _start(server: Server, *, running: dict[str, ServerProcess], core: int) -> None:
    server.prepare()
    port = free_port()
    process = ServerProcess(
        server.command(port),
        port=port,
        folder=_servers.FOLDER,
        core=core,
        environ=server.environ,
    )
    running[server.name] = process
    process.wait_listening(timeout=_START_TIMEOUT)


def _sample(row: Row, process: ServerProcess, *, options: Options, seconds: int) -> Sample:
    before = process.usage()
    load = run_load(
        SCENARIOS[row.scenario].load,
        port=process.port,
        seconds=seconds,
        connections=options.connections,
        core=options.load_core,
    )
    after = process.usage()
    return Sample(
        cpu_us=(after.cpu - before.cpu) * 1e6 / load.requests,
        rate=load.rate,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        memory=after.memory,
    )


def end_all(running: dict[str, ServerProcess]) -> None:
    with contextlib.ExitStack() as stack:
        for process in running.values():
            stack.callback(process.stop)
            process.ask_to_end()  # all at once; then `stop` waits for each


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
