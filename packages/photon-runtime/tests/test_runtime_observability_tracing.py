from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from photon_runtime import DeadlineExceeded, deadline, sleep, spawn
from photon_runtime.observability import Tracer, span, trace_headers
from photon_runtime.testing import run


@pytest.fixture
def spans() -> Iterator[tuple[Tracer, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Tracer(provider), exporter
    provider.shutdown()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {each.name: each for each in exporter.get_finished_spans()}


def parent_of(child: ReadableSpan) -> int | None:
    return None if child.parent is None else int(child.parent.span_id)


def id_of(recorded: ReadableSpan) -> int:
    assert recorded.context is not None
    return int(recorded.context.span_id)


def test_a_span_in_a_spawned_task_is_a_child_of_the_one_that_spawned_it(
    spans: tuple[Tracer, InMemorySpanExporter],
) -> None:
    tracer, exporter = spans

    def child() -> None:
        with span("child", kind="client", rows=3):
            sleep(1)

    def main() -> None:
        with tracer.use(), span("parent"):
            task = spawn(child)
            with span("sibling"):
                task.join()
        with span("afterwards"):
            pass

    run(main)
    found = by_name(exporter)
    assert sorted(found) == ["child", "parent", "sibling"]
    assert parent_of(found["parent"]) is None
    assert parent_of(found["child"]) == parent_of(found["sibling"]) == id_of(found["parent"])
    assert dict(found["child"].attributes or {}) == {"rows": 3}
    assert found["child"].kind.name == "CLIENT"


def test_two_tasks_have_spans_of_their_own(spans: tuple[Tracer, InMemorySpanExporter]) -> None:
    tracer, exporter = spans

    def job(name: str) -> None:
        tracer.start(name, carrier={}).set_attribute("job", name)
        sleep(1)
        with span(f"{name} inner") as inner:
            inner.add_event("halfway", done=1)

    def main() -> None:
        for task in [spawn(job, name) for name in "ab"]:
            task.join()

    run(main)
    found = by_name(exporter)  # those of the jobs were not ended
    assert sorted(found) == ["a inner", "b inner"]
    assert parent_of(found["a inner"]) != parent_of(found["b inner"])
    assert [event.name for event in found["a inner"].events] == ["halfway"]


def test_a_failure_is_on_the_span_and_cancellation_too(
    spans: tuple[Tracer, InMemorySpanExporter],
) -> None:
    tracer, exporter = spans

    def main() -> None:
        with tracer.use():
            with pytest.raises(ZeroDivisionError), span("broken"):
                raise ZeroDivisionError
            with pytest.raises(DeadlineExceeded), deadline(1), span("late"):
                sleep(10)
            with span("declined") as declined:
                declined.fail("card_declined")

    run(main)
    found = by_name(exporter)
    kinds = {name: (each.attributes or {})["error.type"] for name, each in found.items()}
    assert kinds["broken"] == "ZeroDivisionError"
    assert kinds["declined"] == "card_declined"
    assert not any(each.status.is_ok for each in found.values())
    assert parent_of(found["declined"]) is None  # the previous span is current again


def test_a_trace_goes_on_in_the_process_that_gets_its_headers(
    spans: tuple[Tracer, InMemorySpanExporter],
) -> None:
    tracer, exporter = spans

    def consume(headers: dict[str, str]) -> str | None:
        started = tracer.start("consume", kind="consumer", carrier=headers)
        started.end()
        return started.trace_id

    def main() -> None:
        with tracer.use(), span("produce") as produced:
            headers = dict(trace_headers())
            trace_id = produced.trace_id
        assert spawn(consume, headers).result() == trace_id

    run(main)
    found = by_name(exporter)
    assert parent_of(found["consume"]) == id_of(found["produce"])


def test_without_a_tracer_a_span_does_nothing() -> None:
    with span("nothing", kind="server", rows=1) as recorded:
        recorded.set_attribute("rows", 2)
        recorded.add_event("nothing")
        recorded.fail(ValueError("x"))
        recorded.end()
        assert recorded.trace_id is None
    assert trace_headers() == {}
