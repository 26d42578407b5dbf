"""What coroutines cost: Photon's runtime beside gevent and asyncio on uvloop.

``python tools/bench/coroutines.py`` prints a table; ``--rounds`` and ``--only`` make it shorter.
Every figure comes from a process of its own, pinned to one core, that does one workload of
``workloads/`` after a tenth of it to warm up. The processes are interleaved (Photon, gevent,
asyncio, Photon, …); a cell is the median of its rounds, and a ratio the median of the rounds'
ratios, which suffers less when the machine changes its speed. All run on the same release of
Python, gevent and uvloop in the peers' environment.

In the row of the lock that is held over a switch, Photon's and asyncio's locks go from one task to
the other each time, which costs a second switch. gevent's may be taken again by who has just freed
it, before the greenlet that waits has run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import _machine, _peers
from bench.errors import BenchError

_FOLDER = Path(__file__).parent / "workloads"
_PATIENCE = 120.0  # seconds for one process


@attrs.frozen
class Workload:
    """One row of the table.

    Attributes:
        name: As the functions in ``workloads/`` are called.
        meaning: As the table calls it.
        number: How often a process does it.
    """

    name: str
    meaning: str
    number: int


@attrs.frozen
class Contestant:
    """One column of the table: its title, its interpreter, and its script in ``workloads/``."""

    title: str
    python: str
    script: str


WORKLOADS = (
    Workload("spawn", "spawn and finish, 1,000 at a time", 100_000),
    Workload("switch", "switch round trip between two tasks", 200_000),
    Workload("channel", "channel round trip between two tasks", 100_000),
    Workload("lock", "lock hand-off", 200_000),
    Workload("contended_lock", "lock held over a switch, needed by two tasks", 200_000),
    Workload("echo", "echo of 100 bytes over TCP", 20_000),
    Workload("free_lock", "acquire and release, uncontended", 1_000_000),
    Workload("free_channel", "send and receive, uncontended", 1_000_000),
)

CONTESTANTS = (
    Contestant("Photon", sys.executable, "photon_workloads.py"),
    Contestant("gevent", str(_peers.PYTHON), "gevent_workloads.py"),
    Contestant("asyncio", str(_peers.PYTHON), "asyncio_workloads.py"),
)


def microseconds(contestant: Contestant, workload: Workload, *, core: int) -> float:
    """Run ``workload`` once in a process of its own and return its cost.

    Raises:
        BenchError: The process failed or took longer than two minutes.

    Blocks: until the process has ended.
    """
    command = [contestant.python, contestant.script, workload.name, str(workload.number)]
    try:
        done = subprocess.run(
            ["taskset", "-c", str(core), *command],
            cwd=_FOLDER,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired as expired:
        raise BenchError(f"{' '.join(command)} took longer than {_PATIENCE} seconds") from expired
    if done.returncode != 0:
        raise BenchError(
            f"{' '.join(command)} ended with status {done.returncode}: {done.stderr[-500:]}"
        )
    return float(done.stdout) / workload.number * 1e6


def row(workload: Workload, *, rounds: int, core: int) -> str:
    """Measure ``workload`` with every contestant and return its line of the table."""
    costs = [
        [microseconds(contestant, workload, core=core) for contestant in CONTESTANTS]
        for _ in range(rounds)
    ]
    medians = [median(column) for column in zip(*costs, strict=True)]
    ratios = [median(line[0] / line[at] for line in costs) for at in range(1, len(medians))]
    cells = [workload.meaning, *(f"{cost:.2f}" for cost in medians), *(f"{r:.2f}" for r in ratios)]
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repeats, 5 by default")
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="some workloads")
    asked = parser.parse_args(arguments)
    _peers.ensure()
    core = _machine.cores()[0]
    print("; ".join(f"{key}: {value}" for key, value in _machine.describe().items()))
    peers = ("greenlet", "gevent", "uvloop")
    print("; ".join(f"{name} {version}" for name, version in _peers.versions(peers).items()))
    print("\n| µs each | Photon | gevent | asyncio + uvloop | to gevent | to asyncio |")
    print("|---|---:|---:|---:|---:|---:|")
    for workload in WORKLOADS:
        if workload.name in asked.only:
            print(row(workload, rounds=asked.rounds, core=core), flush=True)


if __name__ == "__main__":
    os.environ["PYTHONHASHSEED"] = "0"
    main()
