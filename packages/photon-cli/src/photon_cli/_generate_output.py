"""What ``photon generate`` and ``photon destroy`` show."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

import click

from .generation import LEDGER

if TYPE_CHECKING:
    from .generation import EditResult, FileChange, Plan

_COLOURS = {
    "added": "green",
    "injected": "green",
    "updated": "green",
    "changed": "yellow",
    "removed": "red",
    "kept": "yellow",
    "skipped": "bright_black",
    "conflict": "bright_red",
}


def show_plan(plan: Plan, *, is_written: bool, has_diff: bool, as_json: bool) -> None:
    """Show the effect of a generator.

    Args:
        plan: The effect.
        is_written: Whether it is on the disk.
        has_diff: Show the changes of each file, too.
        as_json: Show a JSON object.
    """
    results = list(dict.fromkeys(plan.results))
    if as_json:
        members = [
            {"verb": each.verb, "path": each.path, "reason": each.reason, "by_hand": each.by_hand}
            for each in results
        ]
        click.echo(json.dumps({"written": is_written, "results": members}, indent=2))
        return
    for result in results:
        click.echo(_line(result))
    if has_diff:
        for change in plan.changes:
            if change.name != LEDGER:
                click.echo(_diff(change), nl=False)


def raise_if_incomplete(plan: Plan) -> None:
    """End the command with an error if there are conflicts, or if something has to be done by hand.

    Raises:
        ClickException: There are.
    """
    count = len(plan.conflicts)
    if count:
        conflicts = "1 conflict" if count == 1 else f"{count} conflicts"
        raise click.ClickException(f"{conflicts}; nothing was written")
    kept = [result for result in plan.missing if result.verb == "kept"]
    if kept:
        raise click.ClickException(
            "what was changed since is kept; --force removes changed files and keys, and other"
            " code is removed by hand"
        )
    if plan.missing:
        raise click.ClickException("some code has no place; add the lines above by hand")


def _line(result: EditResult) -> str:
    verb = click.style(f"{result.verb}:", fg=_COLOURS[result.verb])
    return verb + str(result).removeprefix(f"{result.verb}:")


def _diff(change: FileChange) -> str:
    before = (change.before or b"").decode(errors="replace").splitlines(keepends=True)
    after = (change.text or "").splitlines(keepends=True)
    lines = difflib.unified_diff(
        before,
        after,
        "/dev/null" if change.before is None else f"a/{change.name}",
        "/dev/null" if change.after is None else f"b/{change.name}",
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
