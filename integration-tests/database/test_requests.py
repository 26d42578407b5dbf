"""Requests with a database: the commit before the response, errors, clients that leave."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import attrs
import httpx2
import pytest
from sqlalchemy import ForeignKeyConstraint, String, func, insert, select, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon import BackgroundTasks, HttpError, Json, Photon, Stream
from photon.testing import Client
from photon_lifeguard import (
    Database,
    DatabasePart,
    Databases,
    DatabaseSettings,
    on_commit,
    transaction,
)
from photon_runtime.http import ServerSettings
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server


def can_defer(*_: object, dialect: Dialect, **__: object) -> bool:
    return dialect.name != "mysql"


class Base(DeclarativeBase):
    """The models of this file."""


class Author(Base):
    """The writer of posts."""

    __tablename__ = "request_authors"
    id: Mapped[int] = mapped_column(primary_key=True)


class Post(Base):
    """A text; whether its author exists is checked at the commit, if the database can."""

    __tablename__ = "request_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200), unique=True)
    author_id: Mapped[int | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["author_id"], ["request_authors.id"], deferrable=True, initially="DEFERRED"
        ).ddl_if(callable_=can_defer),
        ForeignKeyConstraint(["author_id"], ["request_authors.id"]).ddl_if(dialect="mysql"),
    )


@attrs.frozen
class NewPost:
    """The body of a request."""

    title: str
    author_id: int | None = None


@attrs.frozen
class PostOut:
    """The body of a response."""

    id: int
    title: str


@attrs.frozen
class Depended:
    """A dependency that uses the session, too."""

    session: Session


def depended(db: Session) -> Depended:
    return Depended(db)


def make_app(calls: list[str] | None = None) -> Photon:  # noqa: C901  many small handlers
    calls = [] if calls is None else calls
    app = Photon()
    app.add(DatabasePart())
    app.provide(Depended, depended)

    @app.post("/posts", status=201)
    def create(
        post: Json[NewPost], db: Session, author: Depended, tasks: BackgroundTasks
    ) -> PostOut:
        assert author.session is db
        row = Post(title=post.title, author_id=post.author_id)
        db.add(row)
        db.flush()
        tasks.add(calls.append, "background")
        on_commit(db, calls.append, "commit")
        return PostOut(row.id, row.title)

    @app.get("/posts/{id}")
    def read(id: int, db: Session) -> PostOut:
        post = db.get(Post, id)
        if post is None:
            raise HttpError(404)
        return PostOut(post.id, post.title)

    @app.post("/refused")
    def refused(db: Session) -> None:
        db.add(Post(title="refused"))
        db.flush()
        raise HttpError(422, "no")

    @app.post("/failed")
    def failed(db: Session) -> None:
        db.add(Post(title="failed"))
        db.flush()
        raise ValueError("failed")

    @app.post("/kept")
    def kept(db: Session) -> None:
        with transaction(db):
            db.add(Post(title="kept"))
        raise HttpError(422, "no")

    @app.post("/closed")
    def closed(db: Session) -> None:
        with transaction(db):
            db.add(Post(title="closed"))
        db.add(Post(title="not committed"))
        db.close()

    @app.post("/caught")
    def caught(db: Session) -> None:
        on_commit(db, calls.append, "commit")
        db.execute(insert(Post).values(title="caught"))
        with suppress(IntegrityError):
            db.execute(insert(Post).values(title="caught"))

    @app.get("/sleep")
    def sleep(db: Session) -> int:
        db.execute(text("SELECT pg_sleep(5)"))
        return 1

    @app.get("/titles")
    def titles(db: Session) -> Stream:
        def each() -> Iterator[str]:
            for title in db.scalars(select(Post.title).order_by(Post.id)):
                yield title + "\n"

        return Stream(each(), content_type="text/plain")

    @app.get("/pool")
    def pool(database: Database) -> dict[str, int]:
        return {"in_use": database.pool.in_use, "idle": database.pool.idle}

    @app.get("/names")
    def names(database: Database, databases: Databases) -> bool:
        return database is databases.default and not databases.named

    return app


KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]
KINDS += [pytest.param("mysql", marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path}/app.db"
    else:
        address = request.getfixturevalue(f"{request.param}_url")
    database = Database(DatabaseSettings(url=address))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    database.close()
    return address


@contextmanager
def client_of(app: Photon, url: str, tmp_path: Path, **settings: object) -> Iterator[Client]:
    configure(app, url, tmp_path, **settings)
    with Client(app, raise_errors=False) as client:
        yield client


def configure(app: Photon, url: str, tmp_path: Path, **settings: object) -> None:
    environ = {f"PHOTON__DATABASE__{name.upper()}": str(value) for name, value in settings.items()}
    environ["PHOTON__DATABASE__URL"] = url
    app.use_settings(load_settings(tmp_path, environment="test", environ=environ))


def count(url: str) -> int:
    database = Database(DatabaseSettings(url=url))
    try:
        with database.session() as session:
            return session.scalar(select(func.count()).select_from(Post)) or 0
    finally:
        database.close()


def test_what_the_client_is_told_has_happened(url: str, tmp_path: Path) -> None:
    with client_of(make_app(), url, tmp_path) as client:
        for number in range(100):
            created = client.post("/posts", json={"title": f"post {number}"})
            assert created.status_code == 201
            read = client.get(f"/posts/{created.json()['id']}")
            assert read.json() == created.json()
    assert count(url) == 100


def test_a_constraint_that_fails_at_the_commit_is_a_conflict(url: str, tmp_path: Path) -> None:
    calls: list[str] = []
    with client_of(make_app(calls), url, tmp_path) as client:
        response = client.post("/posts", json={"title": "a", "author_id": 7})
        assert response.status_code == 409
        assert response.headers["content-type"] == "application/problem+json"
        assert "author" not in response.text
    assert count(url) == 0
    assert calls == []


def test_a_value_that_does_not_fit_its_type_is_an_error_of_the_request(
    url: str, tmp_path: Path
) -> None:
    with client_of(make_app(), url, tmp_path) as client:
        response = client.post("/posts", json={"title": "a", "author_id": 2**70})
        assert response.status_code == 422
        assert "does not fit its type" in response.json()["detail"]
    assert count(url) == 0


def test_a_constraint_that_fails_in_the_handler_is_a_conflict(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with client_of(make_app(), url, tmp_path) as client:
        assert client.post("/posts", json={"title": "private"}).status_code == 201
        assert client.post("/posts", json={"title": "private"}).status_code == 409
    assert count(url) == 1
    assert "POST /posts: " in caplog.text
    if not url.startswith("mysql"):  # its first line has the value of the key
        assert "private" not in caplog.text


@pytest.mark.parametrize(("path", "status"), [("/refused", 422), ("/failed", 500)])
def test_an_error_of_the_handler_undoes_its_changes(
    url: str, tmp_path: Path, path: str, status: int
) -> None:
    with client_of(make_app(), url, tmp_path) as client:
        assert client.post(path).status_code == status
    assert count(url) == 0


def test_a_transaction_of_the_handler_is_committed_at_its_end(url: str, tmp_path: Path) -> None:
    with client_of(make_app(), url, tmp_path) as client:
        assert client.post("/kept").status_code == 422
    assert count(url) == 1


def test_a_handler_may_close_its_session(url: str, tmp_path: Path) -> None:
    with client_of(make_app(), url, tmp_path) as client:
        assert client.post("/closed").status_code == 204
    assert count(url) == 1


def test_success_is_not_reported_for_a_transaction_that_has_failed(
    url: str, tmp_path: Path
) -> None:
    calls: list[str] = []
    with client_of(make_app(calls), url, tmp_path) as client:
        status = client.post("/caught").status_code
    if url.startswith("postgresql"):  # where an error spoils the transaction
        assert (status, count(url), calls) == (500, 0, [])
    else:
        assert (status, count(url), calls) == (204, 1, ["commit"])


def test_work_after_the_response_begins_after_the_commit(url: str, tmp_path: Path) -> None:
    calls: list[str] = []
    with client_of(make_app(calls), url, tmp_path) as client:
        client.post("/posts", json={"title": "a"})
    assert calls == ["commit", "background"]


def test_a_streamed_response_holds_its_connection_to_its_end(url: str, tmp_path: Path) -> None:
    with client_of(make_app(), url, tmp_path) as client:
        for title in ("a", "b"):
            client.post("/posts", json={"title": title})
        with client.stream("GET", "/titles") as response:
            assert client.get("/pool").json()["in_use"] == 1
            assert response.read() == b"a\nb\n"
        assert client.get("/pool").json()["in_use"] == 0


def test_the_databases_are_provided_by_type(url: str, tmp_path: Path) -> None:
    with client_of(make_app(), url, tmp_path) as client:
        assert client.get("/names").json() is True
        assert client.get("/ready").status_code == 200


def test_an_exhausted_pool_is_a_503_with_a_log_of_its_holders(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    with client_of(app, url, tmp_path, pool_size=1, acquire_timeout=0.2) as client:
        for number in range(40):
            client.post("/posts", json={"title": f"{number} ".ljust(150, "x")})
        with client.stream("GET", "/titles"):
            refused = client.get("/posts/1")
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
        assert client.get("/posts/1").status_code != 503
    assert "Holders: GET /titles at " in caplog.text
    assert "test_requests.py" in caplog.text


@pytest.mark.parametrize("path", ["/posts", "/kept"])
def test_a_file_that_stays_locked_is_a_503(tmp_path: Path, path: str) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    database = Database(DatabaseSettings(url=url))
    Base.metadata.create_all(database.engine)
    database.close()
    with (
        closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as other,
        client_of(make_app(), url, tmp_path, acquire_timeout=0.3) as client,
    ):
        other.execute("BEGIN EXCLUSIVE")
        response = client.post(path, json={"title": "a"})
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        other.execute("COMMIT")
        assert client.post(path, json={"title": "a"}).status_code in (201, 422)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url="sqlite:///missing/app.db"), folder=tmp_path)
    with pytest.raises(OperationalError, match=r"missing/app\.db; its folder must exist"):
        database.check()


def test_a_server_that_cannot_be_reached_is_a_503(tmp_path: Path) -> None:
    app = make_app()
    address = "postgresql://127.0.0.1:1/none"
    with client_of(app, address, tmp_path, acquire_timeout=0.2) as client:
        response = client.get("/posts/1")
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert client.get("/ready").status_code == 503


@pytest.mark.slow
def test_clients_that_leave_leave_no_connection_and_no_query_behind(
    postgres_url: str, tmp_path: Path
) -> None:
    app = make_app()
    url = f"{postgres_url}?application_name=leaving"
    configure(app, url, tmp_path, pool_size=5, acquire_timeout=30)
    with live_server(app, settings=ServerSettings(cancel_on_disconnect=True)) as server:

        def leave(after: float) -> None:
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(b"GET /sleep HTTP/1.1\r\nHost: localhost\r\n\r\n")
                time.sleep(after)

        def leave_often() -> None:
            for number in range(100):
                leave(number % 10 / 500)

        threads = [threading.Thread(target=leave_often) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        observer = Database(DatabaseSettings(url=postgres_url))
        states = text("SELECT state FROM pg_stat_activity WHERE application_name = 'leaving'")

        def is_at_rest() -> bool:
            with observer.session() as session:
                found = session.scalars(states).all()
            assert len(found) <= 5
            in_use: int = client.get("/pool").json()["in_use"]
            return in_use == 0 and set(found) <= {"idle"}

        with httpx2.Client(base_url=server.url, trust_env=False) as client:
            wait_until(is_at_rest)  # the server may still accept connections that have ended
        observer.close()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    expires = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < expires
        time.sleep(0.05)
