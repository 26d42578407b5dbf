"""Metrics, spans and log fields of jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import photon_runtime as rt
from photon_runtime.logs import bind_log_fields, log_fields
from photon_runtime.observability import Meter, Tracer
from photon_runtime.testing import in_hub, in_virtual_time
from photon_tasks import Backoff, JobState, StoreUnavailable, Task, Tasks, step, task
from photon_tasks._health import TasksHealth
from photon_tasks.errors import TasksError
from photon_tasks.observability import DepthReader, JobMetrics, Origin
from photon_tasks.records import Claim, ClaimedJob, Enqueued, NewJob, QueueDepth, Recovered

from .running_worker import Running, run_with_worker

FAST = Backoff(first=0.01, factor=1, jitter=0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracer(provider)


def make(function: Any, **options: Any) -> Task[..., Any]:
    made: Task[..., Any] = task(name=function.__name__, **options)(function)
    return made


def figures(meter: Meter) -> dict[str, float]:
    """Return the figures of a meter, as its page has them."""
    meter.expose()
    lines = meter.page()[0].decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line.startswith("photon_jobs"))
    return {name: float(value) for name, _, value in pairs}


# -- metrics ------------------------------------------------------------------------------------


def test_jobs_and_attempts_are_counted(file: Path) -> None:
    attempts: list[int] = []

    def flaky() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")

    flaking = make(flaky, retries=5, backoff=FAST, queue="slow")
    seen: dict[str, float] = {}

    def main(running: Running) -> None:
        running.ended(flaking.enqueue())
        while running.worker.running:
            rt.sleep(0.005)
        seen.update(figures(running.tasks.meter))

    run_with_worker(file, [flaking], main)
    assert seen['photon_jobs_enqueued_total{queue="slow",task="flaky"}'] == 1
    assert seen['photon_jobs_attempts_total{outcome="failed",task="flaky"}'] == 2
    assert seen['photon_jobs_attempts_total{outcome="completed",task="flaky"}'] == 1
    assert seen['photon_jobs_attempt_duration_seconds_count{task="flaky"}'] == 3
    assert seen['photon_jobs_claim_latency_seconds_count{queue="slow"}'] == 3
    assert seen["photon_jobs_running"] == 0


def test_a_job_that_exists_already_is_not_counted_again() -> None:
    meter = Meter()
    metrics = JobMetrics(meter)
    jobs = [NewJob(id="1", task="work"), NewJob(id="2", task="work")]
    metrics.enqueued(jobs, [Enqueued("1", is_new=True), Enqueued("0", is_new=False)])
    assert figures_in_hub(meter)['photon_jobs_enqueued_total{queue="default",task="work"}'] == 1


def test_lost_leases_and_recovered_jobs_are_counted() -> None:
    meter = Meter()
    metrics = JobMetrics(meter)
    metrics.refused("outcome")
    metrics.refused("renewal")
    metrics.recovered(Recovered(["1", "2"], ["3"]))
    seen = figures_in_hub(meter)
    assert seen['photon_jobs_refused_total{operation="outcome"}'] == 1
    assert seen['photon_jobs_refused_total{operation="renewal"}'] == 1
    assert seen['photon_jobs_recovered_total{state="queued"}'] == 2
    assert seen['photon_jobs_recovered_total{state="dead"}'] == 1


def figures_in_hub(meter: Meter) -> dict[str, float]:
    return rt.run(lambda: figures(meter))


class Depths:
    """A store of which only the number of jobs is read."""

    def __init__(self, *answers: Sequence[QueueDepth] | Exception, seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.seconds = seconds
        self.now = 0.0
        self.readings = 0

    def depths(self) -> Sequence[QueueDepth]:
        self.readings += 1
        self.now += self.seconds
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer


@in_hub
def test_figures_of_queues_that_are_empty_by_now_are_zero() -> None:
    meter = Meter()
    store = Depths(
        [QueueDepth("mail", JobState.QUEUED, 3, 12.5), QueueDepth("mail", JobState.DEAD, 1, 99.0)],
        [QueueDepth("mail", JobState.DEAD, 2, 100.0)],
        StoreUnavailable("down"),
    )
    reader = DepthReader(store, JobMetrics(meter), leads=lambda: True)  # type: ignore[arg-type]
    reader.read()
    seen = figures(meter)
    assert seen['photon_jobs_depth{queue="mail",state="queued"}'] == 3
    assert seen['photon_jobs_oldest_age_seconds{queue="mail",state="queued"}'] == 12.5
    assert seen["photon_jobs_store_up"] == 1
    reader.read()
    seen = figures(meter)
    assert seen['photon_jobs_depth{queue="mail",state="queued"}'] == 0
    assert seen['photon_jobs_oldest_age_seconds{queue="mail",state="queued"}'] == 0
    assert seen['photon_jobs_depth{queue="mail",state="dead"}'] == 2
    reader.read()
    assert figures(meter)["photon_jobs_store_up"] == 0


@in_virtual_time
def test_a_slow_store_is_read_less_often() -> None:
    store = Depths(seconds=5.0)
    reader = DepthReader(
        store,  # type: ignore[arg-type]
        JobMetrics(Meter()),
        leads=lambda: True,
        clock=lambda: store.now,
    )
    running = rt.spawn(reader.run)
    rt.sleep(500)
    running.cancel()
    assert 3 <= store.readings <= 6, "at most a twentieth of the time is spent reading"


@in_virtual_time
def test_a_process_that_does_not_lead_reads_nothing_until_it_does() -> None:
    store = Depths()
    leads = False
    metrics = JobMetrics(Meter())
    reader = DepthReader(store, metrics, leads=lambda: leads)  # type: ignore[arg-type]
    running = rt.spawn(reader.run)
    rt.sleep(100)
    assert store.readings == 0
    leads = True
    rt.sleep(30)
    running.cancel()
    assert store.readings


def test_the_metrics_of_a_job_cost_a_few_microseconds() -> None:
    metrics = JobMetrics(Meter())
    job = ClaimedJob(claim=Claim("1", 1), task="work", queue="default", arguments="{}", waited=0.01)
    best = float("inf")
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(200):
            metrics.began(job)
            metrics.ended(job, "completed", 0.01)
        best = min(best, (time.perf_counter() - begun) / 200)
    assert best < 20e-6, f"{1e6 * best:.1f} µs"


# -- spans --------------------------------------------------------------------------------------


def by_name(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [each for each in spans.get_finished_spans() if each.name == name]


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    assert span.attributes is not None
    return span.attributes


def test_a_request_its_job_and_every_attempt_are_one_trace(
    file: Path, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    attempts: list[int] = []

    def charge() -> None:
        attempts.append(1)
        step(f"pay {len(attempts)}", int)
        if len(attempts) < 2:
            raise ValueError("declined")

    charging = make(charge, retries=1, backoff=FAST, queue="money")
    ids: list[str] = []

    def trace(tasks: Tasks) -> None:
        tasks.tracer = tracer

    def main(running: Running) -> None:
        with tracer.use(), tracer.span("POST /orders", "server", {}):
            job = charging.enqueue()
        ids.append(job.id)
        running.ended(job)

    run_with_worker(file, [charging], main, prepare=trace)
    [request] = by_name(spans, "POST /orders")
    [sent] = by_name(spans, "send charge")
    first, second = by_name(spans, "process charge")
    assert sent.kind is SpanKind.PRODUCER
    assert sent.parent is not None
    assert request.context is not None
    assert sent.parent.span_id == request.context.span_id
    assert sent.context is not None
    for number, attempt in enumerate((first, second), start=1):
        assert attempt.kind is SpanKind.CONSUMER
        assert attempt.parent is not None
        assert attempt.parent.span_id == sent.context.span_id
        assert attempt.context is not None
        assert attempt.context.trace_id == request.context.trace_id
        assert attributes(attempt)["messaging.message.id"] == ids[0]
        assert attributes(attempt)["messaging.destination.name"] == "money"
        assert attributes(attempt)["photon.job.task"] == "charge"
        assert attributes(attempt)["photon.job.attempt"] == number
    assert attributes(first)["photon.job.outcome"] == "failed"
    assert first.status.status_code is StatusCode.ERROR
    assert attributes(first)["error.type"] == "ValueError"
    assert attributes(second)["photon.job.outcome"] == "completed"
    assert second.status.status_code is StatusCode.UNSET
    steps = by_name(spans, "step")
    assert [attributes(each)["photon.job.step"] for each in steps] == ["pay 1", "pay 2"]
    assert [each.parent.span_id for each in steps if each.parent] == [
        each.context.span_id for each in (first, second) if each.context
    ]


def test_a_job_that_was_enqueued_without_a_trace_begins_one(
    file: Path, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    def work() -> None: ...

    working = make(work)

    def trace(tasks: Tasks) -> None:
        tasks.tracer = tracer

    def main(running: Running) -> None:
        running.ended(working.enqueue())

    run_with_worker(file, [working], main, prepare=trace)
    [attempt] = by_name(spans, "process work")
    assert attempt.parent is None
    assert by_name(spans, "send work") == []


def test_a_job_that_a_job_enqueues_belongs_to_its_trace(
    file: Path, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    def child() -> None: ...

    def parent() -> str:
        return children.enqueue().id

    children, parents = make(child), make(parent)

    def trace(tasks: Tasks) -> None:
        tasks.tracer = tracer

    def main(running: Running) -> None:
        running.ended(parents.enqueue().result(timeout=10))

    run_with_worker(file, [children, parents], main, prepare=trace)
    [outer], [sent] = by_name(spans, "process parent"), by_name(spans, "send child")
    [inner] = by_name(spans, "process child")
    assert sent.parent is not None
    assert outer.context is not None
    assert sent.parent.span_id == outer.context.span_id
    assert inner.parent is not None
    assert sent.context is not None
    assert inner.parent.span_id == sent.context.span_id


# -- log fields ---------------------------------------------------------------------------------


def test_records_of_a_job_name_the_job_and_the_request(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[dict[str, object]] = []

    class Fields(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(log_fields(record))

    def work() -> None:
        logging.getLogger("shop").warning("packed")
        rt.spawn(logging.getLogger("shop").warning, "labelled").join()

    working = make(work)
    ids: list[str] = []

    def main(running: Running) -> None:
        with bind_log_fields(request_id="abc-1"):
            ids.append(working.enqueue().id)
        running.ended(ids[0])

    handler = Fields()
    logging.getLogger("shop").addHandler(handler)
    try:
        run_with_worker(file, [working], main)
    finally:
        logging.getLogger("shop").removeHandler(handler)
    expected = {"job_id": ids[0], "task": "work", "attempt": 1, "request_id": "abc-1"}
    assert [expected.items() <= fields.items() for fields in seen] == [True, True]


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@given(
    st.sampled_from(["", TRACEPARENT]),
    st.from_regex(r"[A-Za-z0-9._~+/=:@-]{0,128}", fullmatch=True),
)
def test_an_origin_is_read_as_it_was_written(traceparent: str, request_id: str) -> None:
    origin = Origin(traceparent, request_id)
    assert Origin.of(str(origin)) == origin


@given(st.text(max_size=60))
def test_any_text_is_an_origin_without_what_is_invalid(text: str) -> None:
    origin = Origin.of(text)
    assert Origin.of(str(origin)) == origin
    assert "\n" not in str(origin)


# -- readiness ----------------------------------------------------------------------------------


def test_a_process_whose_store_has_never_responded_is_not_ready() -> None:
    health = TasksHealth()
    health.check()
    health.store_awaited()
    with pytest.raises(TasksError, match="has not responded since the start"):
        health.check()
    health.store_opened()
    health.check()


@in_hub
def test_a_process_whose_worker_has_ended_is_not_ready() -> None:
    health = TasksHealth()
    release = rt.Event()
    worker = rt.spawn(release.wait)
    health.worker_started(worker)  # type: ignore[arg-type]
    health.check()
    release.set()
    worker.join()
    with pytest.raises(TasksError, match="the worker of this process has ended"):
        health.check()
