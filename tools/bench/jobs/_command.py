"""The command line of the jobs suite."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench import _machine, _peers
from bench._command import end_run, file_path, names, own_version, positive
from bench._load import require_tools
from bench._results import Outcome
from bench.errors import BenchError
from bench.jobs import _report
from bench.jobs._run import JobsOptions, measure, plan
from bench.jobs._runners import PHOTON, RUNNERS
from bench.jobs._scenarios import SCENARIOS
from servers import ServerUnavailable

_OWN = ("photon", "photon-tasks", "photon-lifeguard", "photon-runtime", "sqlalchemy", "psycopg")
_QUICK_ROUNDS, _QUICK_PART = 1, 5


def main(arguments: Sequence[str]) -> int:
    """Run the jobs suite.

    Returns:
        0 when every row was measured, 1 when any is an error, 130 after Ctrl-C.
    """
    chosen = _parser().parse_args(arguments)
    if chosen.list:
        print(_listing(), end="")
        return 0
    signal.signal(signal.SIGTERM, end_run)
    try:
        require_tools("taskset", "setpriv")
        outcome = _outcome(chosen)
    except (BenchError, ServerUnavailable) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; the workers were ended", file=sys.stderr)
        return 130
    print(_report.table(outcome), end="")
    if chosen.json is not None:
        chosen.json.write_text(_report.to_json(outcome))
    return 1 if outcome.failed else 0


def _outcome(chosen: argparse.Namespace) -> Outcome:
    machine = _machine.describe()
    worker_core, load_core = _machine.cores()
    options = JobsOptions(
        runners=chosen.runners,
        scenarios=chosen.scenarios,
        rounds=_QUICK_ROUNDS if chosen.quick else chosen.rounds,
        part=_QUICK_PART if chosen.quick else 1,
        worker_core=worker_core,
        load_core=load_core,
    )
    rows = plan(options)
    if not rows:
        raise BenchError("the workers that were chosen take part in none of these scenarios")
    measure(rows, options)
    return Outcome(machine, asdict(options), _versions(options), rows)


def _versions(options: JobsOptions) -> Mapping[str, str]:
    libraries = dict.fromkeys(RUNNERS[name].library for name in options.runners)
    peers = [each for each in libraries if each != PHOTON]
    return {**{name: own_version(name) for name in _OWN}, **_peers.versions(peers)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench --jobs", description="Measure what a job costs in a worker."
    )
    for option, known, what in (
        ("runners", RUNNERS, "workers"),
        ("scenarios", SCENARIOS, "scenarios"),
    ):
        parser.add_argument(
            f"--{option}",
            type=names(known),
            default=tuple(known),
            metavar="A,B",
            help=f"{what} (default: {','.join(known)})",
        )
    parser.add_argument(
        "--rounds",
        type=positive,
        default=3,
        metavar="N",
        help="rounds of the throughput (default: 3)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round, and a fifth of the jobs: to try it out"
    )
    parser.add_argument("--json", type=file_path, metavar="FILE", help="also write all figures")
    parser.add_argument("--list", action="store_true", help="list what is measured, and end")
    return parser


def _listing() -> str:
    lines = ["workers:"]
    lines += [f"  {each.name:18} {each.about}" for each in RUNNERS.values()]
    lines.append("scenarios:")
    lines += [f"  {each.name:18} {each.about}" for each in SCENARIOS.values()]
    return "\n".join(lines) + "\n"
