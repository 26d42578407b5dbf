"""The tables of the WebSocket suite, and JSON with every round."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from bench._report import aligned, fact, spread_text
from bench._results import find, ratio
from bench.websockets._run import IdleSample, WebSocketRow
from bench.websockets._scenarios import IDLE, IDLE_LIMIT, SCENARIOS, Scenario
from bench.websockets._servers import PHOTON

_COLUMNS = ("server", "CPU µs/message", "to photon", "messages/s", "p50 ms", "p99 ms", "memory MB")
_IDLE_COLUMNS = ("server", "bytes/socket", "to photon", "sockets", "memory MB", "CPU at rest %")


@dataclass(frozen=True, slots=True)
class WebSocketOutcome:
    """All that one run reports."""

    machine: Mapping[str, object]
    options: Mapping[str, object]
    versions: Mapping[str, str]
    rows: Sequence[WebSocketRow]

    @property
    def failed(self) -> bool:
        """True if any row is an error."""
        return any(row.error is not None for row in self.rows)


def table(outcome: WebSocketOutcome) -> str:
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


def to_json(outcome: WebSocketOutcome) -> str:
    """Write everything measured: CPU and latencies in microseconds, memory in bytes."""
    document = {
        "machine": dict(outcome.machine),
        "options": dict(outcome.options),
        "versions": dict(outcome.versions),
        "rows": [
            {
                "scenario": row.scenario,
                "server": row.server,
                "error": row.error,
                "is_deflated": row.is_deflated,
                "rounds": {str(n): asdict(sample) for n, sample in row.samples.items()},
            }
            for row in outcome.rows
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _scenario(rows: Sequence[WebSocketRow], scenario: Scenario) -> str:
    is_idle = scenario.kind == IDLE
    sound = sorted((row for row in rows if row.error is None), key=cost)
    photon = find(sound, scenario=scenario.name, server=PHOTON)
    own = photon if isinstance(photon, WebSocketRow) else None
    cells = [_idle_cells(row, own) if is_idle else _cells(row, own, scenario) for row in sound]
    failed = [
        f"| {row.server} | ERROR: {' '.join((row.error or '').split())} |"
        for row in rows
        if row.error is not None
    ]
    head = _IDLE_COLUMNS if is_idle else _COLUMNS
    return "\n".join([*aligned([head, *cells]), *failed, ""])


def cost(row: WebSocketRow) -> float:
    """Return the figure to compare: CPU microseconds per message, or bytes per idle socket."""
    idle = row.samples.get(1)
    return idle.each if isinstance(idle, IdleSample) else row.spread("cpu_us").median


def _name(row: WebSocketRow, scenario: Scenario) -> str:
    return (
        f"{row.server}, not compressed" if scenario.deflate and not row.is_deflated else row.server
    )


def _cells(row: WebSocketRow, photon: WebSocketRow | None, scenario: Scenario) -> tuple[str, ...]:
    share = ratio(row, to=photon)
    return (
        _name(row, scenario),
        spread_text(row.spread("cpu_us"), digits=1),
        "-" if share is None else f"{share.median:.2f}",
        spread_text(row.spread("rate"), digits=0),
        f"{row.spread('p50_us').median / 1e3:.2f}",
        f"{row.spread('p99_us').median / 1e3:.2f}",
        f"{row.spread('memory').median / 1e6:.0f}",
    )


def _idle_cells(row: WebSocketRow, photon: WebSocketRow | None) -> tuple[str, ...]:
    sample = row.samples[1]
    assert isinstance(sample, IdleSample)
    return (
        _name(row, SCENARIOS[row.scenario]),
        f"{sample.each:,.0f}",
        "-" if photon is None else f"{sample.each / cost(photon):.2f}",
        f"{sample.sockets:,}",
        f"{sample.memory / 1e6:.0f}",
        f"{sample.cpu_share * 100:.1f}",
    )


def _limits(rows: Sequence[WebSocketRow]) -> Iterator[tuple[str, ...]]:
    """Give the limits beside the figures of Photon; nothing where it was not measured."""
    for name in dict.fromkeys(row.scenario for row in rows):
        sound = [row for row in rows if row.scenario == name and row.error is None]
        photon = next((row for row in sound if row.server == PHOTON), None)
        if photon is None:
            continue
        scenario, own = SCENARIOS[name], cost(photon)
        if scenario.kind == IDLE:
            verdict = _verdict(own <= IDLE_LIMIT)
            yield name, f"{own:,.0f} bytes", f"{IDLE_LIMIT:,} bytes", verdict
        if scenario.limit_us is not None:
            verdict = _verdict(own <= scenario.limit_us)
            yield name, f"{own:.1f} µs", f"{scenario.limit_us:.0f} µs", verdict
        peers = [row for row in sound if row is not photon]
        if scenario.is_compared and peers:
            best = min(peers, key=cost)
            quotient = ratio(photon, to=best)
            if quotient is not None:
                figure = f"{quotient.median:.2f} ({quotient.low:.2f}-{quotient.high:.2f})"
                verdict = _verdict(quotient.median < 1)
                yield f"{name}, to {best.server}", figure, "below 1.00", verdict


def _verdict(is_kept: bool) -> str:
    return "kept" if is_kept else "EXCEEDED"
