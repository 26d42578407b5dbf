"""The command line: read the options, run, report, and tell by the exit code how it went."""

import argparse
import importlib
import importlib.metadata
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from bench import _machine, _peers, _report
from bench._load import require_tools
from bench._results import Outcome
from bench._run import Options, measure, plan
from bench._servers import ALL, FLOOR, SERVERS
from bench.errors import BenchError
from bench.scenarios import SCENARIOS

_PHOTON = ("photon", "photon-router", "photon-runtime", "greenlet", "httptools", "msgspec")
_SUITES = {"database": "database", "websockets": "WebSocket", "jobs": "jobs"}


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark.

    Returns:
        0 when every row was measured, 1 when any is an error, 130 after Ctrl-C.
    """
    for suite in _SUITES:
        if f"--{suite}" in arguments:
            # Each is imported only here: its servers are needed by nothing else.
            run: Callable[[Sequence[str]], int] = importlib.import_module(f"bench.{suite}").main
            return run([each for each in arguments if each != f"--{suite}"])
    given = _parser().parse_args(arguments)
    if given.list:
        print(_listing(), end="")
        return 0
    signal.signal(signal.SIGTERM, end_run)
    try:
        require_tools()
        outcome = _outcome(given)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; the servers were ended", file=sys.stderr)
        return 130
    print(_report.table(outcome), end="")
    if given.json is not None:
        given.json.write_text(_report.to_json(outcome))
    return 1 if outcome.failed else 0


def _outcome(given: argparse.Namespace) -> Outcome:
    machine = _machine.describe()
    server_core, load_core = _machine.cores()
    if server_core == load_core:
        print("bench: only one core is allowed; load and server share it", file=sys.stderr)
    options = Options(
        servers=given.servers,
        scenarios=given.scenarios,
        rounds=given.rounds,
        seconds=given.seconds,
        connections=given.connections,
        server_core=server_core,
        load_core=load_core,
    )
    rows = plan(options)
    for name in set(options.servers) - {row.server for row in rows}:
        raise BenchError(
            f"{name} answers none of the scenarios chosen; it answers: "
            + ", ".join(SERVERS[name].scenarios)
        )
    measure(rows, options=options)
    return Outcome(machine, asdict(options), _versions(options.servers), rows)


def _versions(servers: Sequence[str]) -> Mapping[str, str]:
    peers = dict.fromkeys(peer for name in servers for peer in SERVERS[name].peers)
    own = {name: own_version(name) for name in _PHOTON} if _any_photon(servers) else {}
    return {"wrk": wrk_version(), **own, **_prefixed(_peers.versions(peers), own=own)}


def _any_photon(servers: Sequence[str]) -> bool:
    return any(name.startswith("photon") for name in servers)


def _prefixed(peers: Mapping[str, str], *, own: Mapping[str, str]) -> Mapping[str, str]:
    return {f"{k} (peers)" if k in own else k: version for k, version in peers.items()}


def own_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def wrk_version() -> str:
    done = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    match = re.search(r"wrk \S*?(\d[\w.+-]*)", done.stdout + done.stderr)
    return match[1] if match else "unknown"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measure server CPU per request: Photon beside its peers."
    )
    parser.add_argument(
        "--servers",
        type=names(SERVERS),
        default=tuple(SERVERS),
        metavar="A,B",
        help="servers, in the order they take turns (default: all)",
    )
    parser.add_argument(
        "--scenarios",
        type=names(SCENARIOS),
        default=tuple(SCENARIOS),
        metavar="A,B",
        help=f"scenarios (default: {','.join(ALL)})",
    )
    for name, default, what in (
        ("--rounds", 5, "rounds"),
        ("--seconds", 3, "seconds of load for each row and round"),
        ("--connections", 64, "kept-alive connections"),
    ):
        parser.add_argument(
            name, type=positive, default=default, metavar="N", help=f"{what} (default: {default})"
        )
    parser.add_argument(
        "--json", type=file_path, metavar="FILE", help="also write all figures as JSON"
    )
    for suite, name in _SUITES.items():
        parser.add_argument(
            f"--{suite}",
            action="store_true",
            help=f"measure the {name} suite instead; see its --help",
        )
    parser.add_argument("--list", action="store_true", help="list servers and scenarios, and end")
    return parser


def names(known: Mapping[str, object]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"{name!r} is unknown; known are: {', '.join(known)}"
                )
        return chosen

    return read


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of one or more")
    return int(text)


def file_path(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():  # said now, not after minutes of load
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: it needs an existing folder")
    return path


def _listing() -> str:
    lines = ["servers:"]
    for server in SERVERS.values():
        lines.append(f"  {server.name:21} {server.about} [{', '.join(server.scenarios)}]")
    lines.append("scenarios:")
    lines += [f"  {scenario.name:21} {scenario.about}" for scenario in SCENARIOS.values()]
    lines.append(f"{FLOOR} is measured by its json row, whatever the scenarios")
    return "\n".join(lines) + "\n"


def end_run(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
