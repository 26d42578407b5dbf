"""Tables for people (Markdown that also reads as plain text) and JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby

from bench._results import Outcome, Row, Spread, find, ratio
from bench._servers import FASTAPI, FLOOR, PHOTON
from bench.scenarios import JSON, SCENARIOS

_COLUMNS = (
    "server",
    "CPU µs/request",
    "to floor",
    "of FastAPI",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "p99 to photon",
    "memory MB",
)
_FIGURES = ("cpu_us", "rate", "p50_us", "p99_us", "memory")


def table(outcome: Outcome) -> str:
    """Write one table for each scenario, and below them how Photon ran, and where.

    The machine, the versions and the options are one line each.
    """
    parts: list[str] = []
    rows = sorted(outcome.rows, key=lambda row: list(SCENARIOS).index(row.scenario))
    for name, group in groupby(rows, key=lambda row: row.scenario):
        parts.append(f"### {name}: {SCENARIOS[name].about}\n")
        parts.append(_scenario(sorted(group, key=_cost), among=outcome.rows))
    ways = {row.server: row.way for row in rows if row.way is not None}
    if ways:
        parts.append("ways: " + "; ".join(f"{k} {v}" for k, v in ways.items()) + "  ")
    for title in ("machine", "versions", "options"):
        facts: Mapping[str, object] = getattr(outcome, title)
        parts.append(f"{title}: " + ", ".join(f"{k} {fact(v)}" for k, v in facts.items()) + "  ")
    return "\n".join(parts) + "\n"


def to_json(outcome: Outcome) -> str:
    """Write everything measured, every round of it.

    CPU and latencies are in microseconds, memory in bytes, ratios in CPU per request.
    """
    document = {
        "machine": dict(outcome.machine),
        "options": dict(outcome.options),
        "versions": dict(outcome.versions),
        "rows": [_row_object(row, among=outcome.rows) for row in outcome.rows],
    }
    return json.dumps(document, indent=2) + "\n"


def share(value: float) -> str:
    """Write a ratio as a person says it: ``1/4.3`` of the other's cost, or ``1.2`` times it."""
    return f"1/{1 / value:.1f}" if 0 < value < 1 else f"{value:.1f}"


def _scenario(rows: Sequence[Row], *, among: Sequence[Row]) -> str:
    lines = [_cells(row, among=among) for row in rows if row.error is None]
    table = aligned([_COLUMNS, *lines])
    width = table[0].index(" |", 1) - 2
    failed = [_error_line(row, width=width) for row in rows if row.error is not None]
    return "\n".join([*table, *failed, ""])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table whose first row is its head and whose first column holds names."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    head, *body = (_line(row, widths=widths) for row in rows)
    rule = "|" + "-" * (widths[0] + 2) + "".join(f"|{'-' * (w + 1)}:" for w in widths[1:]) + "|"
    return [head, rule, *body]


def _line(cells: Sequence[str], *, widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return "| " + " | ".join(padded) + " |"


def _error_line(row: Row, *, width: int) -> str:
    reason = " ".join((row.error or "").split()).replace("|", "\\|")
    return f"| {row.server.ljust(width)} | ERROR: {reason} |" + " |" * (len(_COLUMNS) - 2)


def _cells(row: Row, *, among: Sequence[Row]) -> tuple[str, ...]:
    to_floor, to_fastapi, p99_to_photon = _ratios(row, among=among)
    return (
        row.server,
        spread_text(row.spread("cpu_us"), digits=1),
        "-" if to_floor is None else f"{to_floor.median:.2f}",
        "-" if to_fastapi is None else share(to_fastapi.median),
        spread_text(row.spread("rate"), digits=0),
        f"{row.spread('p50_us').median / 1e3:.2f}",
        f"{row.spread('p99_us').median / 1e3:.2f}",
        "-" if p99_to_photon is None else f"{p99_to_photon.median:.2f}",
        f"{row.spread('memory').median / 1e6:.0f}",
    )


def _ratios(row: Row, *, among: Sequence[Row]) -> tuple[Spread | None, ...]:
    floor = find(among, scenario=JSON.name, server=FLOOR)
    fastapi = find(among, scenario=row.scenario, server=FASTAPI)
    photon = find(among, scenario=row.scenario, server=PHOTON)
    return ratio(row, to=floor), ratio(row, to=fastapi), ratio(row, to=photon, figure="p99_us")


def _row_object(row: Row, *, among: Sequence[Row]) -> dict[str, object]:
    to_floor, to_fastapi, p99_to_photon = _ratios(row, among=among)
    summary = {name: asdict(row.spread(name)) for name in _FIGURES} if row.samples else {}
    return {
        "scenario": row.scenario,
        "server": row.server,
        "way": row.way,
        "error": row.error,
        **summary,
        "to_floor": None if to_floor is None else asdict(to_floor),
        "to_fastapi": None if to_fastapi is None else asdict(to_fastapi),
        "p99_to_photon": None if p99_to_photon is None else asdict(p99_to_photon),
        "rounds": {str(n): asdict(sample) for n, sample in row.samples.items()},
    }


def _cost(row: Row) -> float:
    return row.spread("cpu_us").median if row.error is None else float("inf")


def spread_text(spread: Spread, *, digits: int) -> str:
    """Write a median with the smallest and the largest figure."""
    if spread.low == spread.high:
        return f"{spread.median:,.{digits}f}"
    return f"{spread.median:,.{digits}f} ({spread.low:,.{digits}f}-{spread.high:,.{digits}f})"


def fact(value: object) -> str:
    """Write a value of the machine, the versions or the options."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
