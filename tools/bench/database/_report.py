"""The tables of the database suite, and JSON with every round."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from bench._report import aligned, fact, spread_text
from bench._results import find, ratio
from bench.database._applications import LOOP, POSTGRESQL, SQLITE
from bench.database._run import DatabaseRow
from bench.database._scenarios import JSON, LIMITS, SCENARIOS

_COLUMNS = (
    "application",
    "CPU µs/request",
    "to the loop",
    "database CPU µs",
    "round trips",
    "requests/s",
    "p50 ms",
    "memory MB",
)
_TITLES = {POSTGRESQL: "PostgreSQL", SQLITE: "SQLite"}
_LOOP_NAME = "bare loop + JSON route"


@dataclass(frozen=True, slots=True)
class DatabaseOutcome:
    """All that one run reports."""

    machine: Mapping[str, object]
    options: Mapping[str, object]
    versions: Mapping[str, str]
    rows: Sequence[DatabaseRow]

    @property
    def failed(self) -> bool:
        """True if any row is an error."""
        return any(row.error is not None for row in self.rows)


def table(outcome: DatabaseOutcome) -> str:
    """Write one table for each kind and scenario, the limits, and what was measured where."""
    parts: list[str] = []
    for kind in dict.fromkeys(row.kind for row in outcome.rows):
        for name in dict.fromkeys(row.scenario for row in outcome.rows):
            if name == JSON:
                continue
            rows = [row for row in outcome.rows if (row.kind, row.scenario) == (kind, name)]
            parts.append(f"### {_TITLES[kind]}, {name}: {SCENARIOS[name].about}\n")
            parts.append(_scenario(rows))
    if limits := _limits(outcome.rows):
        parts += ["### Limits on PostgreSQL\n", limits]
    for title in ("machine", "versions", "options"):
        facts: Mapping[str, object] = getattr(outcome, title)
        parts.append(f"{title}: " + ", ".join(f"{k} {fact(v)}" for k, v in facts.items()) + "  ")
    return "\n".join(parts) + "\n"


def to_json(outcome: DatabaseOutcome) -> str:
    """Write everything measured: CPU and latencies in microseconds, memory in bytes."""
    document = {
        "machine": dict(outcome.machine),
        "options": dict(outcome.options),
        "versions": dict(outcome.versions),
        "rows": [
            {
                "database": row.kind,
                "scenario": row.scenario,
                "application": row.server,
                "error": row.error,
                "round_trips": row.round_trips,
                "rounds": {str(n): asdict(sample) for n, sample in row.samples.items()},
            }
            for row in outcome.rows
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _scenario(rows: Sequence[DatabaseRow]) -> str:
    loop = next((row for row in rows if row.server == LOOP), None)
    sound = sorted(
        (row for row in rows if row.error is None), key=lambda row: row.spread("cpu_us").median
    )
    failed = [
        f"| {row.server} | ERROR: {' '.join((row.error or '').split())} |"
        for row in rows
        if row.error is not None
    ]
    return "\n".join([*aligned([_COLUMNS, *(_cells(row, loop) for row in sound)]), *failed, ""])


def _cells(row: DatabaseRow, loop: DatabaseRow | None) -> tuple[str, ...]:
    is_loop = row.server == LOOP
    share = ratio(row, to=loop)
    return (
        _LOOP_NAME if is_loop else row.server,
        spread_text(row.spread("cpu_us"), digits=0),
        "-" if share is None else f"{share.median:.2f}",
        f"{row.spread('database_us').median:,.0f}" if row.kind != SQLITE else "-",
        "-" if row.round_trips is None else f"{row.round_trips:.1f}".removesuffix(".0"),
        "-" if is_loop else spread_text(row.spread("rate"), digits=0),
        "-" if is_loop else f"{row.spread('p50_us').median / 1e3:.2f}",
        "-" if is_loop else f"{row.spread('memory').median / 1e6:.0f}",
    )


def _limits(rows: Sequence[DatabaseRow]) -> str:
    """Write the limits beside what was measured; empty where nothing of it was."""
    own = [row for row in rows if row.kind == POSTGRESQL]
    lines = []
    for limit in LIMITS:
        row = find(own, scenario=limit.scenario, server=limit.application)
        loop = find(own, scenario=limit.scenario, server=LOOP)
        share = None if row is None else ratio(row, to=loop)
        if share is not None:
            verdict = "kept" if share.median <= limit.share else "EXCEEDED"
            lines.append(
                (
                    f"{limit.application}, {limit.scenario}",
                    f"{share.median:.2f} ({share.low:.2f}-{share.high:.2f})",
                    f"{limit.share:.2f}",
                    verdict,
                )
            )
    if not lines:
        return ""
    head = ("application, scenario", "to the loop", "limit", "verdict")
    return "\n".join([*aligned([head, *lines]), ""])
