"""``photon jobs replay``: the result of the job, or its error in the debugger."""

from __future__ import annotations

import pdb

import click

from photon_runtime.process import keyboard_interrupts
from photon_runtime.tracebacks import readable

from ..current import Tasks
from ..operations import replay


def run_again(tasks: Tasks, id: str, *, debug: bool) -> int:
    """Run a job, show what has become of it, and return the exit code.

    Args:
        tasks: The tasks of the application.
        id: Id of the job.
        debug: True to open the debugger where an error was raised.

    Blocks: the calling task.
    """
    with keyboard_interrupts():
        outcome = replay(tasks, id)
        if outcome.waits:
            click.echo(f"the job would wait for {outcome.waits}")
            return 0
        if outcome.error is None:
            click.echo(f"the job would be completed, with the result {outcome.result or 'null'}")
            return 0
        click.echo(readable(outcome.error), err=True, nl=False)
        if debug and outcome.error.__traceback__ is not None:
            pdb.post_mortem(outcome.error.__traceback__)
        return 1
