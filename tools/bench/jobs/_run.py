"""The run: the throughput in interleaved rounds, then the other scenarios once.

*Throughput.* A queue is filled while its worker does not run; then the worker is started. Each job
appends a byte to a file, so the size of the file is the number of jobs that have run, whatever
runs them. The clock and the CPU time begin when the first fifth of the jobs has run, and end with
the last job: the start of the worker and its warm-up are not part of a figure. Afterwards each job
must have run once, and the store of Photon must have recorded its end.

All workers run on one core, the servers and what enqueues on the other one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench._process import ServerProcess
from bench._results import Row
from bench._run import blaming, errors_into, say
from bench._servers import FOLDER
from bench.errors import BenchError
from bench.jobs._asking import ask, run_command
from bench.jobs._runners import PHOTON, RUNNERS, WORKER, Runner, client
from bench.jobs._samples import JobsSample, of_durations
from bench.jobs._scenarios import (
    BESIDE,
    DELAYED,
    ENQUEUE,
    JOINED,
    NOOP,
    PICKUP,
    PICKUP_BETWEEN,
    SCENARIOS,
    WAITS,
)
from bench.jobs._stores import JobStores, run_stores

_WARM_UP = 5  # the first fifth of the jobs
_PATIENCE = 60.0  # seconds without another job, until the worker is given up
_LOOK = 0.002  # seconds between two looks at the effects
_SETTLE = 0.3  # seconds in which a job would run a second time
_RECORDED = 10.0  # seconds in which the ends of jobs must be recorded
_AT_REST = 4.0  # seconds with the delayed jobs before the memory is read
_PROCESSES = 4
_JOBS_BESIDE = 250_000  # more than four processes run in the time


@dataclass(frozen=True, slots=True)
class JobsOptions:
    """The options of the command line, and the cores.

    Attributes:
        part: The share of the jobs that is measured: 1 for all, 10 for a tenth.
    """

    runners: tuple[str, ...]
    scenarios: tuple[str, ...]
    rounds: int
    part: int
    worker_core: int
    load_core: int


def plan(options: JobsOptions) -> list[Row]:
    """List the rows to fill."""
    return [
        Row(scenario, name)
        for scenario in options.scenarios
        for name in options.runners
        if scenario == NOOP
        or (RUNNERS[name].library == PHOTON and RUNNERS[name].store in SCENARIOS[scenario].stores)
    ]


def measure(rows: Sequence[Row], options: JobsOptions) -> None:
    """Fill the rows with samples or errors. Blocks: for minutes."""
    kinds = {RUNNERS[row.server].store for row in rows}
    with run_stores(sorted(kinds), options.load_core) as stores:
        run = Run(stores, options)
        throughput = [row for row in rows if row.scenario == NOOP]
        for name in {row.server for row in throughput}:
            with errors_into([row for row in throughput if row.server == name]):
                RUNNERS[name].prepare()
        for number in range(1, options.rounds + 1):
            for row in throughput:
                if row.error is None:
                    say(f"round {number} of {options.rounds}: {row.server}")
                    with errors_into([row]):
                        row.samples[number] = run.noop(RUNNERS[row.server])
        for row in rows:
            if row.scenario != NOOP:
                say(f"{row.scenario}: {row.server}")
                with errors_into([row]):
                    row.samples[1] = run.once(row.scenario, RUNNERS[row.server])


class Run:
    """Measures with the stores of one run."""

    def __init__(self, stores: JobStores, options: JobsOptions) -> None:
        """Begin with nothing measured."""
        self._stores = stores
        self._options = options

    def once(self, scenario: str, runner: Runner) -> JobsSample:
        """Measure a scenario of Photon. Blocks.

        Raises:
            BenchError: Something went wrong.
        """
        methods: Mapping[str, Callable[[str, str, int], JobsSample]] = {
            WAITS: self._waits,
            PICKUP: self._pickup,
            PICKUP_BETWEEN: self._pickup_between,
            ENQUEUE: self._enqueue,
            JOINED: self._enqueue_joined,
            BESIDE: self._beside,
            DELAYED: self._delayed,
        }
        size = max(5, SCENARIOS[scenario].size // self._options.part)
        return methods[scenario](runner.store, f"{scenario}-{runner.store}", size)

    # -- throughput -------------------------------------------------------------------------------

    def noop(self, runner: Runner) -> JobsSample:
        """Measure jobs that do nothing. Blocks.

        Raises:
            BenchError: The worker has failed, or a job has run twice or not at all.
        """
        count = runner.jobs // self._options.part
        environ = self._stores.environ(runner.store, runner.name)
        before = self._effects(runner.name)
        run_command(runner.fill(count), environ, self._options.load_core)
        with self._worker(runner.worker, environ) as process:
            sample = self._timed(process, runner.name, before, count)
            time.sleep(_SETTLE)
            if (done := self._effects(runner.name) - before) != count:
                raise BenchError(f"{done} jobs have run, not {count}")
            if runner.is_photon:
                self._wait_recorded(environ, before + count)
        return sample

    def _timed(self, process: ServerProcess, name: str, before: int, count: int) -> JobsSample:
        first = count // _WARM_UP
        self._wait_effects(process, name, before + first)
        begun, usage, first = time.perf_counter(), process.usage(), self._effects(name) - before
        self._wait_effects(process, name, before + count)
        seconds, after = time.perf_counter() - begun, process.usage()
        if first >= count:
            raise BenchError(f"all {count} jobs had run before the first look: take more")
        return JobsSample(
            cpu_us=(after.cpu - usage.cpu) * 1e6 / (count - first),
            rate=(count - first) / seconds,
            memory=after.memory,
            seconds=seconds,
        )

    def _wait_effects(self, process: ServerProcess, name: str, wanted: int) -> None:
        seen, until = -1, 0.0
        while (found := self._effects(name)) < wanted:
            if found != seen:
                seen, until = found, time.monotonic() + _PATIENCE
            if time.monotonic() > until:
                raise BenchError(f"no further job has run for {_PATIENCE:.0f} s: {found}")
            process.check_alive()
            time.sleep(_LOOK)

    def _effects(self, name: str) -> int:
        path = self._stores.effects(name)
        return path.stat().st_size if path.exists() else 0

    # -- the other scenarios ----------------------------------------------------------------------

    def _waits(self, store: str, name: str, size: int) -> JobsSample:
        environ = self._stores.environ(store, name)
        self._ask(environ, "fill", "wait", str(size))
        with self._worker((*WORKER, "--concurrency", "100"), environ) as process:
            self._wait_effects(process, name, 1)
            begun, usage = time.monotonic() - 1, process.usage()  # the first one has waited, too
            self._wait_effects(process, name, size)
            seconds, after = time.monotonic() - begun, process.usage()
            self._wait_recorded(environ, size)
        return JobsSample(seconds=seconds, cpu_us=(after.cpu - usage.cpu) * 1e6 / size)

    def _pickup(self, store: str, name: str, size: int) -> JobsSample:
        environ = {**self._stores.environ(store, name), "PHOTON__TASKS__MODE": "in_process"}
        return of_durations(self._ask(environ, "pickup", str(size), core=self._options.worker_core))

    def _pickup_between(self, store: str, name: str, size: int) -> JobsSample:
        environ = self._stores.environ(store, name)
        with self._worker(WORKER, environ):
            return of_durations(self._ask(environ, "pickup", str(size)))

    def _enqueue(self, store: str, name: str, size: int) -> JobsSample:
        return self._called(self._stores.environ(store, name), "enqueue", size)

    def _enqueue_joined(self, store: str, name: str, size: int) -> JobsSample:
        return self._called(self._stores.environ(store, name), "enqueue_joined", size)

    def _called(self, environ: Mapping[str, str], command: str, size: int) -> JobsSample:
        found = self._ask(environ, command, str(size), core=self._options.worker_core)
        if (queued := self._ask(environ, "states")["queued"]) < size:
            raise BenchError(f"{queued} jobs are queued, not {size} or more")
        return of_durations(found["durations"], cpu=found["cpu"])

    def _beside(self, store: str, name: str, size: int) -> JobsSample:
        environ = self._stores.environ(store, name)
        self._ask(environ, "fill", "noop", str(_JOBS_BESIDE))
        command = (*WORKER, "--processes", str(_PROCESSES))
        with self._worker(command, environ) as process:
            self._wait_effects(process, name, 1)
            found = self._ask(environ, "beside", str(size))
            if found["errors"]:
                raise BenchError(f"{len(found['errors'])} errors, such as {found['errors'][0]}")
            if self._effects(name) >= _JOBS_BESIDE:
                raise BenchError(f"the worker was not busy: it had run all {_JOBS_BESIDE} jobs")
            everything = _JOBS_BESIDE + len(found["durations"])
            self._wait_effects(process, name, everything)
            self._wait_recorded(environ, everything)
        return of_durations(found["durations"], rate=found["rate"])

    def _delayed(self, store: str, name: str, size: int) -> JobsSample:
        environ = self._stores.environ(store, name)
        with self._worker(WORKER, environ) as process:
            # A thousand jobs are run first, so that what is loaded once is not counted.
            self._ask(environ, "fill", "noop", "1000")
            self._wait_effects(process, name, 1000)
            time.sleep(1)
            before = process.usage().memory
            self._ask(environ, "fill", "noop", str(size), "3600")
            time.sleep(_AT_REST)
            after = process.usage().memory
        if (found := self._ask(environ, "states").get("scheduled")) != size:
            raise BenchError(f"{found} jobs are scheduled, not {size}")
        return JobsSample(before=before, memory=after, growth=after - before)

    # -- programs ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _worker(
        self, command: Sequence[str], environ: Mapping[str, str]
    ) -> Iterator[ServerProcess]:
        core = self._options.worker_core
        process = ServerProcess(command, port=0, folder=FOLDER, core=core, environ=environ)
        with process, blaming(process):
            yield process

    def _ask(self, environ: Mapping[str, str], *arguments: str, core: int | None = None) -> Any:
        core = self._options.load_core if core is None else core
        return ask(client(*arguments), environ, core)

    def _completed(self, environ: Mapping[str, str]) -> int:
        completed: int = self._ask(environ, "states").get("completed", 0)
        return completed

    def _wait_recorded(self, environ: Mapping[str, str], count: int) -> None:
        until = time.monotonic() + _RECORDED
        while (completed := self._completed(environ)) != count:
            if time.monotonic() > until:
                raise BenchError(f"{completed} jobs are recorded as completed, not {count}")
