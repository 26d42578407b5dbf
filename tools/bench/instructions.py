"""How many instructions a request costs: counted, not timed.

``PYTHONPATH=tools python -m bench.instructions [SERVER ...] [--scenarios NAMES]`` starts each
server below valgrind's cachegrind, sends requests of each scenario one by one on one connection,
and prints the instructions per request that the server executed in user space. Without names the
servers are Photon with and without metrics, both with photon-speedups and in Python alone. It needs
valgrind and takes about a minute for each figure. The scenarios are those of the benchmark, and
``browser``: the constant object, asked for with ten more header fields.

Each scenario runs twice for the same time, with many requests and with few; the difference is the
cost of the requests, without the start and without what a server does by the clock (watchdog,
supervisor), which valgrind would multiply: it makes a request some fifty times longer. Other work
of the machine does not matter: figures repeat within about three percent, so small changes of the
request path are visible, which are noise in `dev.py bench`. But instructions are not time: those of
the kernel are not counted, nor the effect of caches, and with one connection every request pays for
a poll, which busy connections share. Compare two versions of the code with it, and confirm the
result in CPU time.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench._command import names
from bench._process import ServerProcess, free_port
from bench._servers import FOLDER, SERVERS
from bench._speedups import way_of
from bench.errors import BenchError
from bench.scenarios import BROWSER, JSON, SCENARIOS, Exchange, Scenario

COUNTED: Mapping[str, Scenario] = {**SCENARIOS, BROWSER.name: BROWSER}
DEFAULT = ("photon", "photon-metrics", "photon-python", "photon-metrics-python")

_FEW, _MANY = 500, 3_500
_START = 240.0  # seconds; all runs some fifty times slower below valgrind, and on a busy machine
_COUNT = "summary:"


def main(servers: Sequence[str], scenarios: Sequence[str]) -> None:
    """Count for the servers and scenarios of these names, and print."""
    if shutil.which("valgrind") is None:
        raise BenchError("valgrind is needed: apt-get install valgrind")
    for name in servers:
        way = way_of(SERVERS[name])
        for scenario in supported(name, scenarios):
            exchange = COUNTED[scenario].load
            many, seconds = _count(name, exchange, _MANY)
            few, _ = _count(name, exchange, _FEW, seconds)
            cost = (many - few) / (_MANY - _FEW)
            print(f"{name:<23}{scenario:<9}{cost:>10,.0f}  {way or ''}".rstrip(), flush=True)


def supported(server: str, scenarios: Sequence[str]) -> list[str]:
    """Return those of the scenarios that a server answers: with `JSON` it does `BROWSER`, too."""
    answered = set(SERVERS[server].scenarios)
    if JSON.name in answered:
        answered.add(BROWSER.name)
    return [name for name in scenarios if name in answered]


def _count(name: str, exchange: Exchange, requests: int, seconds: float = 0.0) -> tuple[int, float]:
    """Return the instructions of a whole life of a server with so many requests.

    The server runs for at least ``seconds`` from the first request on. The second result is how
    long it did.
    """
    os.environ["PYTHONHASHSEED"] = "0"  # the same places in every table
    with tempfile.TemporaryDirectory() as folder:
        out, port = Path(folder) / "counts", free_port()
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--quiet"]
        tested = SERVERS[name]
        # A file for each process: the supervisor's, and those of its workers.
        command += [f"--cachegrind-out-file={out}.%p", *tested.command(port)]
        core = min(os.sched_getaffinity(0))
        with ServerProcess(
            command, port=port, folder=FOLDER, core=core, environ=tested.environ
        ) as server:
            server.wait_listening(timeout=_START)
            begin = time.monotonic()
            _ask(exchange, port, requests)
            time.sleep(max(0.0, begin + seconds - time.monotonic()))
            lasted = time.monotonic() - begin
        return counted(out), lasted


def _ask(exchange: Exchange, port: int, requests: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START)
    for _ in range(requests):
        connection.request(exchange.method, exchange.target, exchange.body, {**exchange.headers})
        response = connection.getresponse()
        response.read()
        if response.status not in exchange.statuses:
            raise BenchError(f"{exchange.target}: got status {response.status}")
    connection.close()


def counted(out: Path) -> int:
    """Return the sum of what cachegrind wrote for all processes.

    Args:
        out: The files without the numbers of processes at their ends.

    Raises:
        BenchError: It wrote nothing.
    """
    counts = [
        int(line.removeprefix(_COUNT))
        for file in out.parent.glob(f"{out.name}.*")
        for line in file.read_text().splitlines()
        if line.startswith(_COUNT)
    ]
    if not counts:
        raise BenchError("cachegrind wrote no count: the server did not end by itself in time")
    return sum(counts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="bench.instructions", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "servers", nargs="*", metavar="SERVER", help=f"default: {' '.join(DEFAULT)}"
    )
    parser.add_argument("--scenarios", type=names(COUNTED), default=tuple(COUNTED), metavar="A,B")
    chosen = parser.parse_args()
    for each in chosen.servers:
        if each not in SERVERS:
            parser.error(f"{each!r} is unknown; known are: {', '.join(SERVERS)}")
    try:
        main(chosen.servers or DEFAULT, chosen.scenarios)
    except BenchError as error:
        sys.exit(f"bench.instructions: {error}")
