"""What applications show of their databases: the log, metrics, traces and readiness."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import ForeignKey, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

import photon_runtime as rt
from photon import Photon
from photon.testing import Client, live_client
from photon_lifeguard import (
    Database,
    DatabasePart,
    DatabaseSettings,
    assert_queries,
    count_queries,
)
from photon_router.observability import Tracing
from photon_runtime.settings import load_settings
from servers import run_postgres

NUMBER = 5


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "observed_authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Post(Base):
    __tablename__ = "observed_posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("observed_authors.id"))
    author: Mapped[Author] = relationship()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with authors and posts."""
    url = f"sqlite:///{tmp_path / 'app.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    database = Database(DatabaseSettings(url=url))
    Base.metadata.create_all(database.engine)
    with database.session() as session:
        for number in range(1, NUMBER + 1):
            session.add(Post(id=number, author=Author(id=number, name=f"author {number}")))
        session.commit()
    yield url
    Base.metadata.drop_all(database.engine)
    database.close()


def application(
    url: str, folder: Path, *, environment: str = "development", settings: str = ""
) -> Photon:
    app = Photon()
    (folder / "photon.toml").write_text(
        f'[observability]\nmetrics = "/metrics"\n[database]\nurl = "{url}"\n{settings}'
    )
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    app.use_settings(load_settings(folder, environment=environment, environ=environ))
    app.add(DatabasePart())

    @app.get("/names")
    def names(db: Session) -> list[str]:
        return [post.author.name for post in db.scalars(select(Post))]

    @app.get("/posts/{number}")
    def post(number: int, db: Session) -> int:
        return db.get_one(Post, number).id

    @app.get("/stream")
    def stream(db: Session) -> Iterator[str]:
        for post in db.scalars(select(Post)).all():
            yield post.author.name

    @app.get("/nothing")
    def nothing() -> int:
        return 1

    return app


def repeated(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [each for each in caplog.records if each.name == "photon.database.repeated"]
    return [each.getMessage() for each in records]


def test_a_request_with_lazy_loads_is_reported_with_route_line_and_remedy(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(application(url, tmp_path)) as client:
        client.get("/names")
    [message] = repeated(caplog)
    assert message.startswith("GET /names: 5 statements in 0.")
    assert f"at {__file__}:" in message
    assert "Post.author is loaded for one object after the other" in message
    assert message.endswith(".options(selectinload(Post.author))")


def test_lazy_loads_of_a_streamed_body_are_reported(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(application(url, tmp_path)) as client:
        client.get("/stream")
    [message] = repeated(caplog)
    assert message.startswith("GET /stream: 5 statements")


def test_the_same_lookup_in_different_requests_is_not_repeated(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(application(url, tmp_path)) as client:
        for number in (1, 2, 3, 4, 4, 4):
            assert client.get(f"/posts/{number}").json() == number
    assert repeated(caplog) == []


@pytest.mark.parametrize(
    ("environment", "settings", "is_reported"),
    [
        ("production", "", False),
        ("production", "repeated_statements = 5", True),
        ("production", "repeated_statements = 6", False),
        ("test", "", True),
        ("test", "repeated_statements = 0", False),
    ],
)
def test_the_environment_and_the_settings_decide_what_is_reported(
    postgres_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    environment: str,
    settings: str,
    is_reported: bool,
    request: pytest.FixtureRequest,
) -> None:
    database = Database(DatabaseSettings(url=postgres_url))
    Base.metadata.create_all(database.engine)
    request.addfinalizer(lambda: Base.metadata.drop_all(database.engine) or database.close())  # type: ignore[func-returns-value]
    with database.session() as session:
        session.add_all(Post(id=n, author=Author(id=n, name="")) for n in range(1, NUMBER + 1))
        session.commit()
    app = application(postgres_url, tmp_path, environment=environment, settings=settings)
    with Client(app, development=False) as client:
        client.get("/names")
    assert bool(repeated(caplog)) is is_reported


def test_a_test_counts_the_statements_of_a_handler(url: str, tmp_path: Path) -> None:
    with Client(application(url, tmp_path)) as client:
        with assert_queries(exact=1 + NUMBER):
            client.get("/names")
        with assert_queries(max=1):
            client.get("/posts/1")
        with assert_queries(exact=0):
            client.get("/nothing")
            client.get("/ready")
        with pytest.raises(AssertionError) as failure, assert_queries(max=2):
            client.get("/names")
    assert ".options(selectinload(Post.author))" in str(failure.value)


def test_a_test_counts_the_statements_of_a_live_server(url: str, tmp_path: Path) -> None:
    with live_client(application(url, tmp_path)) as client, count_queries() as queries:
        client.get("/posts/1")
    assert queries.count == 1


def test_statements_of_requests_are_metrics(url: str, tmp_path: Path) -> None:
    with Client(application(url, tmp_path)) as client:
        client.get("/names")
        client.get("/posts/1")
        client.get("/nothing")
        page = client.get("/metrics").text
    name = "photon_database_statements_per_request"
    assert f'{name}_sum{{method="GET",route="/names"}} 6.0' in page
    assert f'{name}_bucket{{le="1.0",method="GET",route="/posts/{{number}}"}} 1.0' in page
    assert 'route="/nothing"' not in "".join(
        line for line in page.splitlines() if line.startswith(name)
    )
    assert 'photon_database_pool_size{database="default",role="primary"} 10.0' in page
    assert 'photon_database_idle_connections{database="default",role="primary"} 1.0' in page


def test_a_slow_statement_is_logged_with_its_route(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(postgres_url, tmp_path, settings="slow_query = 0.02")

    @app.get("/slow/{name}")
    def slow(name: str, db: Session) -> None:
        db.execute(text("SELECT pg_sleep(0.03), CAST(:name AS text)"), {"name": name})

    with Client(app) as client:
        client.get("/slow/secret")
    [record] = [each for each in caplog.records if each.name == "photon.database.slow"]
    assert record.getMessage().endswith("(GET /slow/{name})")
    assert "secret" not in str(vars(record))


def test_spans_of_statements_belong_to_the_request(url: str, tmp_path: Path) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    app = application(url, tmp_path)
    app.middleware(Tracing(provider))
    with Client(app) as client:
        client.get("/posts/1")
    by_name = {span.name: span for span in spans.get_finished_spans()}
    query, request = by_name["SELECT observed_posts"], by_name["GET /posts/{number}"]
    assert query.parent is not None
    assert query.parent.span_id == request.context.span_id


@pytest.mark.slow
def test_readiness_follows_the_server(tmp_path: Path) -> None:
    with run_postgres() as server:
        settings = "connect_timeout = 0.5\nacquire_timeout = 1.0"
        app = application(server.url, tmp_path, settings=settings)

        @app.get("/now")
        def now(db: Session) -> str:
            return str(db.scalar(select(func.now())))

        with Client(app, raise_errors=False) as client:
            assert client.get("/ready").status_code == 200
            server.stop(immediate=True)
            response = client.get("/ready")
            assert response.status_code == 503
            assert response.json()["checks"]["database"]["status"] == "failed"
            assert client.get("/now").status_code == 503
            server.start()
            wait_until(lambda: client.get("/ready").status_code == 200)
            assert client.get("/now").status_code == 200


def wait_until(condition: Callable[[], bool]) -> None:
    def wait() -> None:
        with rt.deadline(10):
            while not rt.offload(condition):
                rt.sleep(0.02)

    rt.run(wait)


def test_an_application_logs_nothing_else_of_its_database(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Client(application(url, tmp_path)) as client:
        client.get("/posts/1")
    loggers: set[Any] = {each.name for each in caplog.records}
    assert not {name for name in loggers if name.startswith(("photon.database", "sqlalchemy"))}
