"""The tables of the jobs suite, and JSON with every round."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from bench._report import aligned, fact, spread_text
from bench._results import Outcome, Row, Spread, find
from bench.jobs._runners import RUNNERS
from bench.jobs._scenarios import (
    LEAST_OF_DRAMATIQ,
    LEAST_RATE,
    NOOP,
    SCENARIOS,
    Limit,
    Scenario,
)

_ON_REDIS = "photon-redis"
_IN_DATABASES = ("photon-sqlite", "photon-postgresql")
_PEERS = {"dramatiq": LEAST_OF_DRAMATIQ, "celery": 1.0, "rq": 1.0}


def table(outcome: Outcome) -> str:
    """Write one table for each scenario, the limits, and what was measured where."""
    parts: list[str] = []
    for name in dict.fromkeys(row.scenario for row in outcome.rows):
        rows = [row for row in outcome.rows if row.scenario == name]
        parts.append(f"### {name}: {SCENARIOS[name].about}\n")
        parts.append(_scenario(rows, SCENARIOS[name]))
    if limits := list(_limits(outcome.rows)):
        head = ("photon", "measured", "limit", "verdict")
        parts += ["### Limits\n", *aligned([head, *limits]), ""]
    for title in ("machine", "versions", "options"):
        facts: Mapping[str, object] = getattr(outcome, title)
        parts.append(f"{title}: " + ", ".join(f"{k} {fact(v)}" for k, v in facts.items()) + "  ")
    return "\n".join(parts) + "\n"


def to_json(outcome: Outcome) -> str:
    """Write everything measured: times in microseconds, memory in bytes."""
    document = {
        "machine": dict(outcome.machine),
        "options": dict(outcome.options),
        "versions": dict(outcome.versions),
        "rows": [
            {
                "scenario": row.scenario,
                "runner": row.server,
                "error": row.error,
                "rounds": {str(n): asdict(sample) for n, sample in row.samples.items()},
            }
            for row in outcome.rows
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _scenario(rows: Sequence[Row], scenario: Scenario) -> str:
    sound = [row for row in rows if row.error is None]
    is_compared = scenario.name == NOOP
    if is_compared:
        sound.sort(key=lambda row: row.spread("cpu_us").median)
    head = ["worker", *(title for _, title, _ in scenario.columns)]
    own = find(sound, scenario=scenario.name, server=_ON_REDIS) if is_compared else None
    cells = [_cells(row, scenario) for row in sound]
    if own is not None:
        head.append("rate of photon-redis")
        for row, line in zip(sound, cells, strict=True):
            share = rate_ratio(row, to=own)
            line.append("-" if share is None else f"{share.median:.2f}")
    failed = [
        f"| {row.server} | ERROR: {' '.join((row.error or '').split())} |"
        for row in rows
        if row.error is not None
    ]
    return "\n".join([*aligned([head, *cells]), *failed, ""])


def _cells(row: Row, scenario: Scenario) -> list[str]:
    cells = [row.server]
    for figure, _, scale in scenario.columns:
        spread = row.spread(figure)
        scaled = Spread(spread.median / scale, spread.low / scale, spread.high / scale)
        digits = 1 if abs(scaled.median) < 100 else 0
        cells.append(spread_text(scaled, digits=digits))
    return cells


def rate_ratio(row: Row, *, to: Row) -> Spread | None:
    """Divide jobs per second by those of another row, round by round; ``None`` without a round."""
    rounds = sorted(row.samples.keys() & to.samples.keys())
    quotients = [row.samples[n].rate / to.samples[n].rate for n in rounds if to.samples[n].rate]
    return Spread.of(quotients) if quotients else None


def _limits(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """Give the limits beside the figures of Photon; nothing where it was not measured."""
    sound = [row for row in rows if row.error is None and row.samples]
    for row in sound:
        if row.scenario == NOOP and row.server in _IN_DATABASES:
            rate = row.spread("rate").median
            verdict = _verdict(rate >= LEAST_RATE)
            yield f"{NOOP}, {row.server}", f"{rate:,.0f} /s", f"{LEAST_RATE:,} /s", verdict
    own = find(sound, scenario=NOOP, server=_ON_REDIS)
    for library, least in _PEERS.items() if own is not None else ():
        peers = [
            row for row in sound if row.scenario == NOOP and RUNNERS[row.server].library == library
        ]
        if own is None or not peers:
            continue
        best = max(peers, key=lambda row: row.spread("rate").median)
        if (share := rate_ratio(own, to=best)) is not None:
            measured = f"{share.median:.1f} ({share.low:.1f}-{share.high:.1f})"
            verdict = _verdict(share.median >= least)
            yield f"{NOOP}, {_ON_REDIS} to {best.server}", measured, f"{least:.1f}", verdict
    for row in sound:
        limit = SCENARIOS[row.scenario].limit
        if limit is not None:
            yield _limited(row, limit)


def _limited(row: Row, limit: Limit) -> tuple[str, ...]:
    figure = row.spread(limit.figure).median / limit.scale
    measured, most = f"{figure:.1f} {limit.unit}", f"{limit.most:g} {limit.unit}"
    return f"{row.scenario}, {row.server}", measured, most, _verdict(figure <= limit.most)


def _verdict(is_kept: bool) -> str:
    return "kept" if is_kept else "EXCEEDED"
