from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_runtime.observability import Tracer
from photon_runtime.testing import in_hub


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "traced_items"

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracer(provider)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=postgres_url, pool_size=1))
    Base.metadata.create_all(database.engine)
    yield database
    Base.metadata.drop_all(database.engine)
    database.close()


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    [span] = [span for span in spans.get_finished_spans() if span.name == name]
    return span


@in_hub
def test_a_statement_is_a_span_with_the_attributes_of_the_conventions(
    database: Database, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    with tracer.use(), database.session() as session:
        session.execute(select(Item).where(Item.id == 4711))
    span = named(spans, "SELECT traced_items")
    url = make_url(database.settings.url)
    assert span.kind is SpanKind.CLIENT
    assert span.attributes == {
        "db.system.name": "postgresql",
        "db.namespace": url.database,
        "db.operation.name": "SELECT",
        "db.collection.name": "traced_items",
        "db.query.summary": "SELECT traced_items",
        "db.query.text": "SELECT traced_items.id FROM traced_items "
        "WHERE traced_items.id = %(id_1)s::INTEGER",
        "server.address": url.host,
        "server.port": url.port,
    }


@in_hub
def test_values_in_the_text_are_not_in_the_span(
    database: Database, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    with tracer.use(), database.session() as session:
        session.execute(text("SELECT 'secret', 42"))
    attributes = named(spans, "SELECT").attributes
    assert attributes is not None
    assert attributes["db.query.text"] == "SELECT ?, ?"


@in_hub
def test_a_statement_that_fails_is_a_failed_span(
    database: Database, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    with tracer.use(), database.session() as session, pytest.raises(DBAPIError):
        session.execute(text("SELECT nothing"))
    span = named(spans, "SELECT")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "UndefinedColumn"
    assert span.attributes["db.response.status_code"] == "42703"


@in_hub
def test_commits_and_batches_are_spans(
    database: Database, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    with tracer.use():
        with database.transaction() as session:
            session.connection().execute(insert(Item), [{"id": 1}, {"id": 2}, {"id": 3}])
        with pytest.raises(ZeroDivisionError), database.transaction() as session:
            1 // 0  # noqa: B018
    attributes = named(spans, "INSERT traced_items").attributes
    assert attributes is not None
    assert attributes["db.operation.batch.size"] == 3
    commit = named(spans, "COMMIT").attributes
    assert commit is not None
    assert commit["db.operation.name"] == "COMMIT"
    assert named(spans, "ROLLBACK").kind is SpanKind.CLIENT
    assert [span.name for span in spans.get_finished_spans()].count("BEGIN") == 2


@in_hub
def test_a_wait_for_a_connection_is_a_span(
    database: Database, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    def other() -> None:
        with tracer.use(), database.session() as session:
            session.execute(select(Item))

    with database.session() as session:
        session.execute(select(1))
        task = rt.spawn(other)
        rt.sleep(0.02)
    task.join()
    wait, query = spans.get_finished_spans()
    assert (wait.name, query.name) == ("acquire connection", "SELECT traced_items")
    assert wait.end_time is not None
    assert wait.start_time is not None
    assert wait.end_time - wait.start_time > 10_000_000
    spans.clear()
    other()  # there is an idle connection
    assert [span.name for span in spans.get_finished_spans()] == ["SELECT traced_items"]


@in_hub
def test_spans_of_statements_are_children_of_the_current_span(
    database: Database, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    with tracer.use(), tracer.span("work", "internal", {}), database.session() as session:
        session.execute(select(Item))
    query, work = named(spans, "SELECT traced_items"), named(spans, "work")
    assert query.parent is not None
    assert query.parent.span_id == work.context.span_id


@in_hub
def test_without_a_tracer_nothing_is_recorded(
    database: Database, spans: InMemorySpanExporter
) -> None:
    with database.session() as session:
        session.execute(select(Item))
    assert spans.get_finished_spans() == ()
