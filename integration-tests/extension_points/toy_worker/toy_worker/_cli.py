"""``photon toy-worker``."""

from __future__ import annotations

import sys

import click

from photon_runtime import run
from photon_runtime.process import prepare_process, reporting_failures
from photon_runtime.project import Project
from photon_runtime.workers import Link, supervise

from . import ToySettings, work_off


@click.command("toy-worker")
@click.option("--processes", type=click.IntRange(1), default=2)
@click.option("--worker-timeout", type=float)
@click.pass_obj
def toy_worker(project: Project, processes: int, worker_timeout: float | None) -> None:
    """Work in several processes."""
    project = project.defaulting_to("production")
    project.check_settings()
    settings = project.settings.read(ToySettings)

    def work(slot: int, link: Link) -> None:
        with reporting_failures():
            application = prepare_process(project)
            assert callable(application)
            run(work_off, application, settings, link)

    code = supervise(
        work,
        count=processes,
        worker_timeout=worker_timeout,
        report=lambda line: click.echo(line, err=True),
    )
    sys.exit(code)
