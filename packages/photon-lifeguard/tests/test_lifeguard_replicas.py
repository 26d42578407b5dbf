"""Reads on a real standby that lags, stops, pauses, and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context

import attrs
import pytest
from sqlalchemy import (
    Engine,
    Executable,
    ForeignKey,
    column,
    event,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

import photon_runtime as rt
from photon_lifeguard import (
    Database,
    DatabaseConfigurationError,
    DatabaseSettings,
    DatabaseUnavailable,
    transaction,
    use_primary,
)
from photon_lifeguard.replicas import UNKNOWN, Replica, ReplicaObserver, Replicas
from photon_runtime.testing import in_hub
from servers import PgBouncer, PostgresServer, StandbyServer, run_postgres, run_standby

pytestmark = pytest.mark.slow


class Base(DeclarativeBase):
    """The models of this file."""


class Author(Base):
    """The writer of posts."""

    __tablename__ = "replica_authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    posts: Mapped[list[Post]] = relationship(back_populates="author")


class Post(Base):
    """A text."""

    __tablename__ = "replica_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("replica_authors.id"))
    author: Mapped[Author] = relationship(back_populates="posts")


@attrs.define
class Observer(ReplicaObserver):
    """Notes what it is informed of."""

    reads: list[str] = attrs.field(factory=list)
    fallbacks: list[str] = attrs.field(factory=list)
    lags: list[float] = attrs.field(factory=list)

    def read(self, server: str) -> None:
        self.reads.append(server)

    def fell_back(self, reason: str) -> None:
        self.fallbacks.append(reason)

    def measured(self, replica: str, lag: float) -> None:
        self.lags.append(lag)


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    with rt.deadline(seconds):
        while not condition():
            rt.sleep(0.01)


def replicas_of(database: Database) -> Replicas:
    assert database.replicas is not None
    return database.replicas


def only_replica(database: Database) -> Replica:
    [replica] = replicas_of(database)
    return replica


@contextmanager
def running(
    primary: PostgresServer, standby: PostgresServer | str, **settings: object
) -> Iterator[tuple[Database, Observer]]:
    """Yield a database whose replica is in service, with tables and one author."""
    address = standby if isinstance(standby, str) else standby.url
    observer = Observer()
    options = {"pool_size": 5, "acquire_timeout": 10} | settings
    database = Database(
        DatabaseSettings(url=primary.url, replicas=(address,), **options)  # type: ignore[arg-type]
    )
    replicas_of(database).observer = observer
    with database.life():
        wait_until(lambda: only_replica(database).is_in_service)
        yield database, observer


@contextmanager
def paused_replay(
    primary: PostgresServer, standby: StandbyServer, replica: Replica
) -> Iterator[None]:
    """Pause the replay for the time of a block, after a second in which the primary wrote nothing.

    It writes by itself, too, every few seconds.
    """
    try:
        while True:
            written = primary.execute("SELECT pg_current_wal_lsn()")
            rt.offload(standby.pause_replay)
            rt.sleep(1)
            if primary.execute("SELECT pg_current_wal_lsn()") == written:
                break
            rt.offload(standby.resume_replay)
            wait_until(lambda: replica.is_in_service)
        yield
    finally:
        rt.offload(standby.resume_replay)


def as_another_client(function: Callable[[], object]) -> object:
    """Call ``function`` in a context without the writes of the test."""
    return _FRESH.copy().run(function)


_FRESH = copy_context()


def required(database: Database) -> int:
    """Return the position that reads of the current context must have."""
    client = replicas_of(database)._client.get()
    return 0 if client is None else client.required


def is_on_standby(session: Session) -> bool:
    """Return whether the session's connection to a replica is open."""
    current = session.get_transaction()
    assert current is not None
    connections = {entry[0] for entry in current._connections.values()}
    return [each.engine.url.port for each in connections] == [_port_of_standby(session)]


def _port_of_standby(session: Session) -> int:
    route = session.info["photon_route"]
    [replica] = route.replicas
    port: int = replica.engine.url.port
    return port


def executed(engine: Engine) -> list[str]:
    """Return the list that the statements of an engine are added to."""
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    return statements


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    """A primary with the tables of this file."""
    with run_postgres() as server:
        server.execute("CREATE TABLE replica_authors (id serial PRIMARY KEY, name text UNIQUE)")
        server.execute(
            "CREATE TABLE replica_posts (id serial PRIMARY KEY, title text NOT NULL, "
            "author_id int NOT NULL REFERENCES replica_authors DEFERRABLE INITIALLY DEFERRED)"
        )
        server.execute("INSERT INTO replica_authors VALUES (0, 'Ada')")
        yield server


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[StandbyServer]:
    """A standby without a delay, which may be stopped and paused."""
    with run_standby(primary) as server:
        server.catch_up(primary)
        yield server


@pytest.fixture(scope="module")
def late_standby(primary: PostgresServer) -> Iterator[StandbyServer]:
    """A standby that shows changes after 0.4 seconds."""
    with run_standby(primary, apply_delay=0.4) as server:
        server.catch_up(primary)
        yield server


@in_hub
def test_reads_go_to_the_replica_until_the_session_writes(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, observer):
        with database.session(read="replica") as session:
            author = session.get(Author, 0)
            assert author is not None
            assert author.posts == []
            assert is_on_standby(session)
            session.add(Post(title="first", author=author))
            assert session.scalar(select(func.count()).select_from(Post)) == 1  # flushes first
            session.rollback()
            assert session.scalar(select(func.count()).select_from(Post)) == 0
        assert observer.reads == ["replica", "replica", "primary", "primary"]
        assert observer.fallbacks == []
        assert database.pool.in_use == 0
        assert only_replica(database).pool.in_use == 0


@in_hub
def test_sessions_read_from_the_primary_unless_asked(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, observer):
        seen = executed(only_replica(database).engine)
        with database.session() as session:
            session.get(Author, 0)
        with database.session(read="replica") as session:
            use_primary(session)
            session.get(Author, 0)
        with database.transaction(read_only=True) as session:
            session.get(Author, 0)
        with (
            pytest.raises(ValueError, match="read_only=True"),
            database.transaction(read="replica"),
        ):
            pass
        assert seen == []
        assert observer.fallbacks == []


@in_hub
def test_statements_that_may_write_go_to_the_primary(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, _):
        seen = executed(only_replica(database).engine)
        statements: list[Executable] = [
            text("SELECT 1"),
            select(Author).with_for_update(),
            select(func.pg_current_xact_id()),
            insert(Author).values(name="Bo").returning(Author.id),
        ]
        for statement in statements:
            with database.session(read="replica") as session:
                session.execute(statement)
        assert seen == []


@in_hub
def test_a_read_only_transaction_stays_on_the_replica(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, _):
        in_recovery = text("SELECT pg_is_in_recovery()")
        with database.session(read="replica") as session:
            session.get(Author, 0)
            with transaction(session, read_only=True, isolation="REPEATABLE READ"):
                assert session.scalar(in_recovery) is True
                assert session.scalar(select(func.count()).select_from(Author)) == 1
                assert session.scalar(in_recovery) is True
            assert session.scalar(in_recovery) is False
        with database.transaction(read_only=True, read="replica") as session:
            assert session.scalar(in_recovery) is True
            with pytest.raises(DBAPIError, match="read-only transaction"):
                session.execute(insert(Author).values(name="Bo"))
        with database.transaction(
            read_only=True, read="replica", isolation="SERIALIZABLE"
        ) as session:
            assert session.scalar(in_recovery) is False


@in_hub
def test_a_caller_reads_its_own_write_three_hundred_times(
    primary: PostgresServer, late_standby: StandbyServer
) -> None:
    with running(primary, late_standby) as (database, observer):
        for number in range(300):
            with database.transaction() as session:
                author = Author(name=f"own {number}")
                session.add(author)
            with database.session(read="replica") as session:
                assert session.get(Author, author.id) is not None
        assert "position" in observer.fallbacks
        wait_until(lambda: only_replica(database).replayed >= required(database))
        observer.reads.clear()
        with database.session(read="replica") as session:
            assert session.get(Author, author.id) is not None
        assert observer.reads == ["replica"]
        primary.execute("DELETE FROM replica_authors WHERE id <> 0")


@in_hub
def test_another_client_may_see_old_data_but_never_older_than_the_limit(
    primary: PostgresServer, late_standby: StandbyServer
) -> None:
    limit = 1.0
    ages: list[float] = []
    with running(primary, late_standby, max_replica_lag=limit) as (database, observer):

        def read() -> int:
            with database.session(read="replica") as session:
                return session.scalar(select(func.count()).select_from(Author)) or 0

        def latest_in_time(written: dict[int, float], begun: float) -> int:
            return max((n for n, at in written.items() if at < begun - limit), default=1)

        written: dict[int, float] = {}
        for number in range(2, 60):
            with database.transaction() as session:
                session.add(Author(name=f"other {number}"))
            written[number] = time.monotonic()
            begun = time.monotonic()
            seen = as_another_client(read)
            assert isinstance(seen, int)
            assert seen >= latest_in_time(written, begun)
            if seen < number:
                ages.append(begun - written.get(seen + 1, begun))
            rt.sleep(0.02)
        assert "replica" in observer.reads
        assert max(ages) > 0.2
        primary.execute("DELETE FROM replica_authors WHERE id <> 0")


@in_hub
def test_a_replica_that_lags_too_much_is_not_used_until_it_has_caught_up(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with (
        running(primary, standby, max_replica_lag=0.4) as (database, observer),
        paused_replay(primary, standby, only_replica(database)),
    ):
        replica = only_replica(database)
        wait_until(lambda: replica.is_in_service)  # nothing has changed, so it is current
        primary.execute("INSERT INTO replica_authors (name) VALUES ('lag')")
        wait_until(lambda: not replica.is_in_service, 2)
        assert "behind" in replica.problem
        with database.session(read="replica") as session:
            assert session.scalar(select(Author.id).where(Author.name == "lag")) is not None
        assert observer.fallbacks == ["unusable"]
        assert replicas_of(database).status()[0].lag > 0.4
        rt.offload(standby.resume_replay)
        wait_until(lambda: replica.is_in_service)
        assert replica.problem == ""
        primary.execute("DELETE FROM replica_authors WHERE id <> 0")


@in_hub
def test_a_monitor_that_is_late_makes_replicas_unused(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, _):
        assert replicas_of(database).choose() is not None
        only_replica(database).current_at -= 1
        assert replicas_of(database).choose() is None
        [status] = replicas_of(database).status()
        assert not status.is_usable
        assert status.problem == "its last measurement is too old"


@in_hub
@pytest.mark.parametrize("way", ["stop", "crash"])
def test_a_replica_that_stops_costs_no_error_and_is_used_again_afterwards(
    primary: PostgresServer, standby: StandbyServer, way: str
) -> None:
    errors: list[BaseException] = []
    is_over = False
    longest = 0.0

    with running(primary, standby) as (database, observer):

        def client() -> None:
            nonlocal longest
            while not is_over:
                begun = time.monotonic()
                try:
                    with database.session(read="replica") as session:
                        assert session.get(Author, 0) is not None
                        assert session.scalar(select(Author.name)) == "Ada"
                except Exception as error:
                    errors.append(error)
                longest = max(longest, time.monotonic() - begun)
                rt.sleep(0.001)

        with rt.scope() as clients:
            for _ in range(8):
                clients.spawn(client)
            wait_until(lambda: observer.reads.count("replica") > 100)
            rt.offload(lambda: standby.stop(immediate=way == "crash"))
            stopped = time.monotonic()
            wait_until(lambda: not only_replica(database).is_in_service, 1.0)
            observer.reads.clear()
            wait_until(lambda: observer.reads.count("primary") > 100)
            assert "replica" not in observer.reads
            rt.offload(standby.start)
            wait_until(lambda: observer.reads.count("replica") > 100)
            is_over = True
        assert stopped
        assert errors == []
        assert longest < 2


@in_hub
def test_a_paused_replica_delays_reads_for_a_bounded_time_and_fails_none(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    waits: list[float] = []
    is_over = False

    with running(primary, standby) as (database, observer):

        def client() -> None:
            while not is_over:
                begun = time.monotonic()
                with database.session(read="replica") as session:
                    assert session.get(Author, 0) is not None
                waits.append(time.monotonic() - begun)
                rt.sleep(0.001)

        with rt.scope() as clients:
            for _ in range(8):
                clients.spawn(client)
            wait_until(lambda: observer.reads.count("replica") > 100)
            standby.pause()
            try:
                wait_until(lambda: not only_replica(database).is_in_service, 1.0)
                observer.reads.clear()
                rt.sleep(2)
            finally:
                standby.resume()
            assert observer.reads.count("primary") > 100
            assert "replica" not in observer.reads
            wait_until(lambda: observer.reads.count("replica") > 100)
            is_over = True
        assert max(waits) < 3
        wait_until(lambda: only_replica(database).pool.in_use == 0)


@in_hub
def test_a_read_only_transaction_on_a_paused_replica_ends_with_an_error(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, _):
        begun = time.monotonic()

        def read_from_paused(session: Session) -> None:
            assert session.get(Author, 0) is not None
            standby.pause()
            try:
                session.scalar(select(Author.name))
            finally:
                standby.resume()

        with (
            pytest.raises(DatabaseUnavailable, match="stopped responding"),
            database.transaction(read_only=True, read="replica") as session,
        ):
            read_from_paused(session)
        assert time.monotonic() - begun < 4
        wait_until(lambda: only_replica(database).pool.in_use == 0)


@in_hub
def test_a_deadline_ends_a_read_on_a_paused_replica(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, _):
        standby.pause()
        try:
            with (
                pytest.raises(rt.DeadlineExceeded),
                rt.deadline(0.1),
                database.session(read="replica") as session,
            ):
                session.get(Author, 0)
        finally:
            standby.resume()
        wait_until(lambda: only_replica(database).pool.in_use == 0)


@in_hub
def test_threads_beside_the_scheduler_read_from_the_replica_too(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, observer):

        def read() -> Author | None:
            with database.session(read="replica") as session:
                return session.get(Author, 0)

        assert rt.offload(read) is not None
        assert observer.reads == ["replica"]


@in_hub
def test_killed_connections_to_the_replica_cost_no_error(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, observer):
        for _ in range(5):
            with database.session(read="replica") as session:
                session.get(Author, 0)
                standby.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'photon'"
                )
                assert session.scalar(select(Author.name)) == "Ada"
            wait_until(lambda: only_replica(database).is_in_service)
        assert "connection" in observer.fallbacks


@in_hub
def test_a_statement_that_the_replay_cancels_is_executed_by_the_primary(
    primary: PostgresServer,
) -> None:
    primary.execute("CREATE TABLE large AS SELECT generate_series(1, 5000) AS x")
    primary.execute("CREATE TABLE vacuumed AS SELECT generate_series(1, 1000) AS x")
    one, other = (table("large", column("x")).alias(name) for name in ("one", "other"))
    slow = select(func.count()).select_from(one.join(other, one.c.x + other.c.x > 0))
    settings = ["max_standby_streaming_delay=0", "hot_standby_feedback=off"]
    with (
        run_standby(primary, settings=settings) as standby,
        running(primary, standby, max_replica_lag=30) as (database, observer),
        database.session(read="replica") as session,
    ):
        assert session.get(Author, 0) is not None
        running_query = (
            "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND backend_xmin IS NOT NULL "
            "AND query LIKE '%AS one%' AND application_name = 'photon'"
        )
        reading = rt.spawn(session.scalar, slow)
        wait_until(lambda: bool(rt.offload(standby.execute, running_query)))
        primary.execute("DELETE FROM vacuumed")
        primary.execute("VACUUM vacuumed")
        assert reading.result() == 5000 * 5000
        # The server cancels the statement or, if that takes too long, ends the connection.
        assert observer.fallbacks in (["statement"], ["connection"])
        assert session.get(Author, 0) is not None
        assert observer.reads == ["replica", "primary", "primary"]
        assert only_replica(database).pool.in_use == 0


@in_hub
def test_tables_that_the_replica_does_not_have_yet_are_read_from_the_primary(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    class Fresh(Base):
        __tablename__ = "fresh"
        id: Mapped[int] = mapped_column(primary_key=True)

    with running(primary, standby, max_replica_lag=30) as (database, observer):
        rt.offload(standby.pause_replay)
        try:
            primary.execute("CREATE TABLE fresh (id int)")
            with database.session(read="replica") as session:
                assert session.get(Author, 0) is not None
                assert session.scalar(select(func.count()).select_from(Fresh)) == 0
        finally:
            rt.offload(standby.resume_replay)
        assert observer.fallbacks == ["statement"]


@in_hub
def test_a_faulty_statement_fails_as_on_the_primary(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with (
        running(primary, standby) as (database, observer),
        database.session(read="replica") as session,
    ):
        with pytest.raises(DBAPIError, match="division by zero"):
            session.scalar(select(Author.id / Author.id))
        assert observer.fallbacks == []


@in_hub
def test_exhausted_replicas_let_reads_overflow_to_the_primary(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby, pool_size=2) as (database, observer):
        sessions = [database.session(read="replica") for _ in range(4)]
        for session in sessions:
            session.get(Author, 0)
        assert observer.reads == ["replica", "replica", "primary", "primary"]
        assert observer.fallbacks == ["busy", "busy"]
        for session in sessions:
            session.close()


@in_hub
def test_a_session_reads_from_one_replica_and_sessions_use_all(
    primary: PostgresServer, standby: StandbyServer, late_standby: StandbyServer
) -> None:
    settings = DatabaseSettings(url=primary.url, replicas=(standby.url, late_standby.url))
    database = Database(settings)
    with database.life():
        wait_until(lambda: all(each.is_in_service for each in replicas_of(database)))
        sessions = [database.session(read="replica") for _ in range(4)]
        for _ in range(5):
            for session in sessions:
                session.get(Author, 0, populate_existing=True)
        assert [each.pool.in_use for each in replicas_of(database)] == [2, 2]
        for session in sessions:
            session.close()


@in_hub
def test_results_are_streamed_from_the_replica(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, observer):
        with database.session(read="replica") as session:
            rows = session.scalars(select(Author).execution_options(yield_per=1))
            assert [author.name for author in rows] == ["Ada"]
        assert observer.reads == ["replica"]
        assert only_replica(database).pool.in_use == 0


@in_hub
def test_positions_are_known_through_a_pooler_in_transaction_mode(
    postgres_server: PostgresServer, standby_server: StandbyServer, pgbouncer_server: PgBouncer
) -> None:
    postgres_server.execute("CREATE TABLE IF NOT EXISTS pooled (x int)")
    settings = DatabaseSettings(
        url=pgbouncer_server.url, replicas=(standby_server.url,), transaction_pooling=True
    )
    database = Database(settings)
    with database.life():
        wait_until(lambda: only_replica(database).is_in_service)
        pooled = table("pooled", column("x"))
        for number in range(20):
            with database.transaction() as session:
                session.execute(insert(pooled).values(x=number))
            assert 0 < required(database) < UNKNOWN
            with database.session(read="replica") as session:
                assert session.scalar(select(func.max(pooled.c.x))) == number
    postgres_server.execute("DROP TABLE pooled")


@in_hub
def test_servers_that_are_not_standbys_of_the_primary_are_not_used(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with run_postgres() as other:
        for address, problem in ((primary.url, "not a standby"), (other.url, "another cluster")):
            settings = DatabaseSettings(url=primary.url, replicas=(address,))
            database = Database(settings)
            with database.life():
                replica = only_replica(database)
                wait_until(lambda of=replica, it=problem: it in of.problem)  # type: ignore[misc]
                assert replicas_of(database).choose() is None


@in_hub
def test_only_commits_that_wrote_something_have_a_position(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, _):
        with database.transaction() as session:
            session.execute(text("SELECT 1"))
        with database.session() as session:
            session.get(Author, 0)
            session.commit()
        assert required(database) == 0
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.add(Post(title="of a missing author", author_id=-1))
        assert required(database) == 0
        with database.transaction() as session:
            session.add(Author(name="Cy"))
        assert 0 < required(database) < UNKNOWN
        primary.execute("DELETE FROM replica_authors WHERE id <> 0")


@in_hub
def test_a_commit_succeeds_although_its_position_is_unavailable(
    primary: PostgresServer, standby: StandbyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photon_lifeguard.replicas._commits._POSITION", "SELECT missing()")
    with running(primary, standby) as (database, _):
        with database.transaction() as session:
            session.add(Author(name="Di"))
        assert required(database) == UNKNOWN
        with database.session(read="replica") as session:
            assert session.scalar(select(Author.id).where(Author.name == "Di")) is not None
        primary.execute("DELETE FROM replica_authors WHERE id <> 0")


@in_hub
def test_a_deadline_after_the_commit_does_not_undo_it(
    primary: PostgresServer, standby: StandbyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "SELECT 1 FROM pg_sleep(5)"
    monkeypatch.setattr("photon_lifeguard.replicas._commits._POSITION", slow)
    with running(primary, standby) as (database, _):

        def write_and_wait() -> None:
            with database.transaction() as session:
                session.add(Author(name="Ed"))
            rt.sleep(1)

        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.2):
            write_and_wait()
        assert required(database) == UNKNOWN
        with database.session() as session:
            assert session.scalar(select(Author.id).where(Author.name == "Ed")) is not None
        wait_until(lambda: database.pool.in_use == 0)
        primary.execute("DELETE FROM replica_authors WHERE id <> 0")


@in_hub
def test_a_write_in_autocommit_mode_sends_reads_to_the_primary(
    primary: PostgresServer, standby: StandbyServer
) -> None:
    with running(primary, standby) as (database, _):
        engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(insert(Author).values(name="auto"))
        assert required(database) == UNKNOWN
        primary.execute("DELETE FROM replica_authors WHERE id <> 0")


@in_hub
def test_sessions_of_an_own_class_keep_it(primary: PostgresServer, standby: StandbyServer) -> None:
    class ReportSession(Session):
        """Sessions of one database."""

    with (
        running(primary, standby) as (database, observer),
        database.session(ReportSession, read="replica") as session,
    ):
        assert isinstance(session, ReportSession)
        session.get(Author, 0)
        assert observer.reads == ["replica"]


def test_databases_without_replicas_use_the_plain_class() -> None:
    database = Database(DatabaseSettings(url="postgresql://127.0.0.1:1/x"))
    assert type(database.session(read="replica")) is Session
    assert database.replicas is None


@pytest.mark.parametrize(
    ("url", "replica", "message"),
    [
        ("sqlite:///x.db", "postgresql://h/x", "replicas: the database is sqlite"),
        ("postgresql://h/x", "sqlite:///x.db", "replicas: sqlite is not the kind of the primary"),
        ("postgresql://h/x", "nonsense", "replicas is not an address"),
    ],
)
def test_replicas_that_cannot_be_are_refused_at_once(url: str, replica: str, message: str) -> None:
    with pytest.raises(DatabaseConfigurationError, match=message):
        Database(DatabaseSettings(url=url, replicas=(replica,)))
