"""Rows of code that knows no database layer, as parts of the transactions of the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, String, create_engine, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings, TransactionError, transaction
from photon_lifeguard.transactions import end_management, manage
from photon_runtime.errors import AmbiguousTransaction
from photon_runtime.testing import in_hub
from photon_runtime.transactions import leave_transactions, on_commit, transaction_to_join


class Base(DeclarativeBase):
    """The models of this file."""


class Order(Base):
    """A row of the application."""

    __tablename__ = "joining_orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))


class Job(Base):
    """A row that joins."""

    __tablename__ = "joining_jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))


KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]
KINDS += [pytest.param("mysql", marks=pytest.mark.slow)]


class Shop:
    """A database, and rows that join its transactions."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.direct = 0

    def enqueue(self, title: str, of: object = None) -> bool:
        """Insert a job; return whether it was a part of a transaction."""
        joined = transaction_to_join(lambda each: each is self.database.engine, of=of)
        if joined is None:
            self.direct += 1
            with self.database.engine.begin() as connection:
                connection.execute(insert(Job).values(title=title))
            return False
        joined.connection().execute(insert(Job).values(title=title))
        return True

    @property
    def jobs(self) -> list[str]:
        """The jobs that were committed."""
        return self._titles(Job)

    @property
    def orders(self) -> list[str]:
        """The orders that were committed."""
        return self._titles(Order)

    def _titles(self, model: type[Order] | type[Job]) -> list[str]:
        with self.database.engine.connect() as connection:
            return list(connection.scalars(select(model.title).order_by(model.id)))


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/app.db"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    database = Database(DatabaseSettings(url=url, acquire_timeout=5, pool_size=5))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    try:
        yield Shop(database)
    finally:
        database.close()


def order(title: str = "an order") -> Order:
    return Order(title=title)


class Undo(Exception):
    """Ends a block."""


@contextmanager
def session_block(database: Database) -> Iterator[Session]:
    with database.session() as session, transaction(session):
        yield session


@contextmanager
def begin_block(database: Database) -> Iterator[Session]:
    with database.session() as session, session.begin():
        yield session


@contextmanager
def connect_block(database: Database) -> Iterator[Connection]:
    with database.engine.connect() as connection, connection.begin():
        yield connection


Block = Callable[[Database], AbstractContextManager[Session | Connection]]
BLOCKS: dict[str, Block] = {
    "transaction": lambda database: database.transaction(),
    "session": session_block,
    "begin": begin_block,
    "core": lambda database: database.engine.begin(),
    "options": lambda database: database.engine.execution_options(a=1).begin(),
    "connect": connect_block,
}


@in_hub
@pytest.mark.parametrize("is_undone", [False, True])
@pytest.mark.parametrize("when", ["before", "after", "alone"])
@pytest.mark.parametrize("block", BLOCKS)
def test_a_row_shares_the_fate_of_the_block_that_it_is_in(
    shop: Shop, block: str, when: str, is_undone: bool
) -> None:
    with suppress(Undo), BLOCKS[block](shop.database) as target:
        if when == "before":
            assert shop.enqueue("a job")
        if when != "alone":
            target.execute(insert(Order).values(title="an order"))
        if when != "before":
            assert shop.enqueue("a job")
        assert shop.enqueue("another")
        if is_undone:
            raise Undo
    assert shop.jobs == ([] if is_undone else ["a job", "another"])
    assert shop.orders == ([] if is_undone or when == "alone" else ["an order"])


@in_hub
def test_a_row_is_not_lost_in_a_session_that_nothing_commits(shop: Shop) -> None:
    with shop.database.session() as session:
        assert not shop.enqueue("before any statement")
        session.scalars(select(Order)).all()
        assert not shop.enqueue("after a read")
        session.add(order())
        assert shop.enqueue("beside a change")
        session.commit()
        assert not shop.enqueue("after the commit")
        session.add(order())
        assert shop.enqueue("rolled back")
    with shop.database.engine.connect() as connection:
        connection.execute(select(Order)).all()
        assert not shop.enqueue("after a read of Core")
    assert "rolled back" not in shop.jobs
    assert len(shop.jobs) == 5


@in_hub
@pytest.mark.parametrize("is_undone", [False, True])
def test_a_managed_session_counts_before_its_first_write(shop: Shop, is_undone: bool) -> None:
    with suppress(Undo), shop.database.session() as session:
        manage(session)
        try:
            session.scalars(select(Order)).all()
            assert shop.enqueue("a job")
            session.add(order())
            if is_undone:
                raise Undo
        finally:
            end_management(session)
        session.commit()
    assert shop.jobs == ([] if is_undone else ["a job"])
    assert shop.orders == ([] if is_undone else ["an order"])
    assert not shop.enqueue("later")


@in_hub
def test_a_managed_session_that_was_closed_takes_no_rows(shop: Shop) -> None:
    with shop.database.session(Session, is_reusable=False) as session:
        manage(session)
        session.close()
        assert not shop.enqueue("a job")
    assert shop.jobs == ["a job"]


@in_hub
def test_a_managed_session_that_is_not_begun_belongs_to_its_task(shop: Shop) -> None:
    with shop.database.session() as session:
        manage(session)
        assert not rt.spawn(shop.enqueue, "of a child").result()
        assert on_commit(lambda: None)
        session.execute(insert(Order).values(title="an order"))
        assert rt.spawn(shop.enqueue, "of a child, later").result()
        assert not on_commit(lambda: None)
        end_management(session)
        session.commit()
    assert shop.jobs == ["of a child", "of a child, later"]


@in_hub
@pytest.mark.parametrize("kind", ["session", "core"])
def test_a_row_belongs_to_the_innermost_savepoint(shop: Shop, kind: str) -> None:
    database = shop.database
    if kind == "session":
        with database.session() as session, session.begin():
            shop.enqueue("outer")
            with suppress(Undo), session.begin_nested():
                shop.enqueue("undone")
                raise Undo
            with transaction(session):
                shop.enqueue("inner")
                with suppress(Undo), transaction(session):
                    with session.begin_nested():
                        shop.enqueue("undone")
                    raise Undo
            shop.enqueue("last")
    else:
        with database.engine.begin() as connection:
            shop.enqueue("outer")
            with suppress(Undo), connection.begin_nested():
                shop.enqueue("undone")
                raise Undo
            with connection.begin_nested():
                shop.enqueue("inner")
                with suppress(Undo), connection.begin_nested():
                    with connection.begin_nested():
                        shop.enqueue("undone")
                    raise Undo
            shop.enqueue("last")
    assert shop.direct == 0
    assert shop.jobs == ["outer", "inner", "last"]


@in_hub
def test_the_first_statement_of_a_savepoint_may_be_the_row(shop: Shop) -> None:
    with shop.database.session() as session:
        manage(session)
        with suppress(Undo), session.begin_nested():
            assert shop.enqueue("undone")
            raise Undo
        end_management(session)
        session.commit()
    assert shop.jobs == []


@in_hub
def test_a_call_after_the_commit_is_outside_of_the_transaction(shop: Shop) -> None:
    joined: list[bool] = []

    def announce() -> None:
        on_commit(lambda: joined.append(shop.enqueue("a job")))

    with shop.database.engine.begin() as connection:
        connection.execute(insert(Order).values(title="an order"))
        announce()
    with shop.database.transaction() as session:
        session.add(order())
        announce()
    with shop.database.session() as session, session.begin():
        session.add(order())
        announce()
    with shop.database.engine.begin() as connection:
        connection.execute(insert(Order).values(title="an order"))
        announce()
        connection.commit()
    with shop.database.session() as session:
        manage(session)
        with transaction(session):
            session.add(order())
            announce()
        assert joined.pop()  # in the next transaction of the session, which is committed below
        end_management(session)
        session.commit()
    assert joined == [False] * 4
    assert shop.jobs == ["a job"] * 5


@in_hub
def test_calls_wait_for_the_commit_of_a_joined_transaction(shop: Shop) -> None:
    log: list[str] = []

    def enqueue(title: str) -> None:
        joined = transaction_to_join(lambda _: True)
        assert joined is not None
        joined.connection().execute(insert(Job).values(title=title))
        joined.on_commit(lambda: log.append(title))

    with shop.database.engine.begin():
        enqueue("core")
        assert log == []
    with shop.database.session() as session:
        manage(session)
        enqueue("managed")
        end_management(session)
        assert log == ["core"]
        session.commit()
    with suppress(Undo), shop.database.engine.begin():
        enqueue("undone")
        raise Undo
    assert log == shop.jobs == ["core", "managed"]


@in_hub
def test_a_connection_without_a_transaction_has_no_commit_to_wait_for(shop: Shop) -> None:
    with shop.database.engine.begin():
        joined = transaction_to_join(lambda _: True)
        assert joined is not None
        with pytest.raises(TransactionError, match="no transaction yet"):
            joined.on_commit(lambda: None)


@in_hub
def test_connections_that_commit_every_statement_are_not_transactions(shop: Shop) -> None:
    engine = shop.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.begin() as connection:
        connection.execute(insert(Order).values(title="an order"))
        assert not shop.enqueue("a job")


@in_hub
def test_a_row_is_refused_in_a_transaction_that_only_reads(shop: Shop) -> None:
    with (
        pytest.raises(TransactionError, match="read-only"),
        shop.database.transaction(read_only=True),
    ):
        shop.enqueue("a job")
    assert shop.jobs == []


@in_hub
def test_a_row_is_refused_where_two_transactions_are_begun(shop: Shop, tmp_path: Path) -> None:
    reports = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/reports.db"))
    archive = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/archive.db"))
    for each in (reports, archive):
        Base.metadata.create_all(each.engine)
    with reports.transaction() as first, archive.transaction() as second:
        with pytest.raises(AmbiguousTransaction, match="2 transactions are open here"):
            shop.enqueue("a job")
        assert shop.enqueue("first", of=first)
        assert shop.enqueue("second", of=second.connection())
        assert shop.enqueue("third", of=archive)
        with shop.database.transaction():
            assert shop.enqueue("own")
    assert shop.jobs == ["own"]
    assert Shop(reports).jobs == ["first"]
    assert Shop(archive).jobs == ["second", "third"]
    for each in (reports, archive):
        each.close()


@in_hub
def test_a_named_session_counts_whatever_it_has_done(shop: Shop) -> None:
    with shop.database.session() as session:
        assert shop.enqueue("a job", of=session)
        session.commit()
    with Session(shop.database.engine) as session:  # not made by the Database
        assert shop.enqueue("another", of=session)
        session.commit()
    with pytest.raises(AmbiguousTransaction, match="has no transaction"):
        shop.enqueue("nothing", of=shop.database)
    assert shop.jobs == ["a job", "another"]


@in_hub
def test_sessions_of_the_application_take_rows_from_their_first_write_on(shop: Shop) -> None:
    with Session(shop.database.engine) as session:
        session.scalars(select(Order)).all()
        assert not shop.enqueue("direct")
        session.add(order())
        session.flush()
        assert shop.enqueue("a job")
        session.commit()
        session.add(order())
        session.flush()
        assert shop.enqueue("undone")
    assert shop.jobs == ["direct", "a job"]


@in_hub
def test_background_work_can_leave_the_transactions_of_its_request(shop: Shop) -> None:
    def outlive() -> bool:
        leave_transactions()
        return shop.enqueue("of the background")

    with shop.database.session() as session, session.begin():
        session.scalars(select(Order)).all()
        assert not rt.spawn(outlive).result()
        assert shop.jobs == ["of the background"]


@in_hub
def test_a_transaction_that_can_only_be_rolled_back_takes_no_rows(shop: Shop) -> None:
    with shop.database.session() as session:
        manage(session)
        session.add(Order(id=1, title="an order"))
        session.flush()
        session.execute(insert(Order).values(id=2, title="another"))
        session.add(Order(id=2, title="the same"))
        with suppress(IntegrityError):
            session.flush()
        with pytest.raises(Exception, match="rolled back"):
            shop.enqueue("a job")
        session.rollback()
        end_management(session)
    assert shop.jobs == shop.orders == []


@in_hub
def test_engines_of_other_libraries_are_joined_by_sessions(shop: Shop, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/foreign.db")
    Base.metadata.create_all(engine)
    with shop.database.session() as session:
        session.bind = engine
        session.add(order())
        assert shop.enqueue("a job")
        session.commit()
        assert session.scalars(select(Job.title)).all() == ["a job"]
    engine.dispose()
