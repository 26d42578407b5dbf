# mypy: disable-error-code="import-not-found"
"""The other side of the jobs suite: it enqueues, and prints figures as JSON.

``python jobs_client.py COMMAND [ARGUMENTS]``, with the settings in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import photon_runtime as rt
from photon_lifeguard import Database
from photon_runtime.http import Application
from photon_runtime.process import prepare_process
from photon_runtime.project import Project
from photon_tasks.current import current_tasks
from photon_tasks.errors import StoreUnavailable
from photon_tasks.records import Delivery

_BATCH = 500
_ENQUEUERS = 8
_JOINED = 20  # jobs of a transaction
_PAUSE = 0.02
_PATIENCE = 10.0  # seconds until a job must have run


def fill(name: str, count: str, delay: str = "0") -> object:
    """Enqueue jobs in batches."""
    import jobs_app

    tasks = current_tasks()
    task = getattr(jobs_app, name)
    left = int(count)
    while left:
        size = min(_BATCH, left)
        jobs = [task.new_job(tasks=tasks, delay=float(delay)) for _ in range(size)]
        tasks.deliver(Delivery(jobs))
        left -= size
    return int(count)


def states() -> object:
    """Return the number of jobs in each state."""
    counts: dict[str, int] = {}
    for each in current_tasks().store.depths():
        counts[each.state.value] = counts.get(each.state.value, 0) + each.jobs
    return counts


def pickup(count: str) -> object:
    """Enqueue jobs on an idle queue, one after another; return what each has waited."""
    from jobs_app import stamp

    effects = Path(os.environ["JOBS_EFFECTS"])
    with rt.deadline(_PATIENCE):
        stamp.enqueue(time.monotonic())  # the worker is ready, and everything is loaded
        while not _lines(effects):
            rt.sleep(0.01)
    for number in range(1, int(count) + 1):
        rt.sleep(0.03 + 0.0007 * number)  # idle, and at any moment of what polls
        stamp.enqueue(time.monotonic())
        with rt.deadline(_PATIENCE):
            while len(_lines(effects)) <= number:
                rt.sleep(0.002)
    return [float(each) for each in _lines(effects)[1:]]


def enqueue(count: str) -> object:
    """Enqueue jobs, each in a transaction of its own; return what each call has cost."""
    from jobs_app import noop

    costs = Costs()
    for _ in range(int(count) // 10):
        noop.enqueue()
    for _ in range(int(count)):
        costs.call(noop.enqueue)
    return costs.figures()


def enqueue_joined(count: str) -> object:
    """Enqueue jobs as a part of open transactions; return what each call has cost.

    The beginning and the commit of a transaction are not part of it: it would be there anyway.
    """
    from jobs_app import noop

    database = Database.of_project()
    costs = Costs()
    with database.life():
        for _ in range(int(count) // _JOINED):
            with database.transaction():
                noop.enqueue()
                for _ in range(_JOINED):
                    costs.call(noop.enqueue)
    return costs.figures()


def beside(seconds: str) -> object:
    """Enqueue jobs as the requests of a web process do; return the durations and errors."""
    from jobs_app import noop

    durations: list[float] = []
    errors: list[str] = []
    effects = Path(os.environ["JOBS_EFFECTS"])
    before = effects.stat().st_size
    until = time.monotonic() + float(seconds)

    def request() -> None:
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                noop.enqueue()
            except StoreUnavailable as error:
                errors.append(str(error))
            durations.append(time.monotonic() - begun)
            rt.sleep(_PAUSE)

    with rt.scope() as requests:
        for _ in range(_ENQUEUERS):
            requests.spawn(request)
    rate = (effects.stat().st_size - before) / float(seconds)
    return {"durations": durations, "errors": errors, "rate": rate}


class Costs:
    """What calls cost: CPU time of the whole process, and durations."""

    def __init__(self) -> None:
        """Begin with none."""
        self._cpu = 0.0
        self._durations: list[float] = []

    def call(self, function: Callable[[], object]) -> None:
        """Make a call. Blocks: as it does."""
        begun, cpu = time.perf_counter(), time.process_time()
        function()
        self._cpu += time.process_time() - cpu
        self._durations.append(time.perf_counter() - begun)

    def figures(self) -> object:
        """Return the figures of all calls."""
        return {"cpu": self._cpu, "durations": self._durations}


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


COMMANDS: dict[str, Callable[..., object]] = {
    each.__name__: each for each in (fill, states, pickup, enqueue, enqueue_joined, beside)
}


def main(name: str, *arguments: str) -> None:
    """Start the application, run a command, and print what it returns."""
    application = prepare_process(Project.here(environment="production"), "jobs_app:app")
    assert isinstance(application, Application)

    def run() -> None:
        with application.start(development=False):
            print(json.dumps(COMMANDS[name](*arguments)))

    rt.run(run)


if __name__ == "__main__":
    main(*sys.argv[1:])
