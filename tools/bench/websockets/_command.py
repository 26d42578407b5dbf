"""The command line of the WebSocket suite."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench import _machine, _peers
from bench._command import end_run, file_path, names, own_version, positive
from bench._load import require_tools
from bench.errors import BenchError
from bench.websockets import _report
from bench.websockets._run import WebSocketOptions, measure, plan
from bench.websockets._scenarios import SCENARIOS
from bench.websockets._servers import SERVERS

_OWN = ("photon", "photon-ws", "photon-router", "photon-runtime", "greenlet", "websockets")


def main(arguments: Sequence[str]) -> int:
    """Run the WebSocket suite.

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
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; the servers were ended", file=sys.stderr)
        return 130
    print(_report.table(outcome), end="")
    if chosen.json is not None:
        chosen.json.write_text(_report.to_json(outcome))
    return 1 if outcome.failed else 0


def _outcome(chosen: argparse.Namespace) -> _report.WebSocketOutcome:
    machine = _machine.describe()
    server_core, load_core = _machine.cores()
    options = WebSocketOptions(
        servers=chosen.servers,
        scenarios=chosen.scenarios,
        rounds=chosen.rounds,
        seconds=chosen.seconds,
        connections=chosen.connections,
        members=chosen.members,
        idle_sockets=chosen.idle_sockets,
        server_core=server_core,
        load_core=load_core,
    )
    rows = plan(options)
    measure(rows, options)
    return _report.WebSocketOutcome(machine, asdict(options), _versions(options), rows)


def _versions(options: WebSocketOptions) -> Mapping[str, str]:
    peers = dict.fromkeys(peer for name in options.servers for peer in SERVERS[name].peers)
    own = {name: own_version(name) for name in _OWN}
    named = {
        f"{name} (peers)" if name in own else name: version
        for name, version in _peers.versions(peers).items()
    }
    return {**own, **named}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench --websockets", description="Measure what a message and an idle socket cost."
    )
    for option, known, what in (
        ("servers", SERVERS, "servers"),
        ("scenarios", SCENARIOS, "scenarios"),
    ):
        parser.add_argument(
            f"--{option}",
            type=names(known),
            default=tuple(known),
            metavar="A,B",
            help=f"{what} (default: {','.join(known)})",
        )
    for name, default, what in (
        ("--rounds", 5, "rounds"),
        ("--seconds", 2, "seconds of load for each row and round"),
        ("--connections", 100, "sockets of the echo"),
        ("--members", 1_000, "sockets of the broadcast"),
        ("--idle-sockets", 10_000, "idle sockets"),
    ):
        parser.add_argument(
            name, type=positive, default=default, metavar="N", help=f"{what} (default: {default})"
        )
    parser.add_argument("--json", type=file_path, metavar="FILE", help="also write all figures")
    parser.add_argument("--list", action="store_true", help="list what is measured, and end")
    return parser


def _listing() -> str:
    lines = ["servers:"]
    lines += [f"  {each.name:17} {each.about}" for each in SERVERS.values()]
    lines.append("scenarios:")
    lines += [f"  {each.name:17} {each.about}" for each in SCENARIOS.values()]
    return "\n".join(lines) + "\n"
