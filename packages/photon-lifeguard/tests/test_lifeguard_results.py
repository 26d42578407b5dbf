"""Results that are objects: complete after a flush, and encoded without a statement."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import ForeignKey, String, event, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings, StatementRefused
from photon_lifeguard.results import refresh_expired, while_encoding
from photon_runtime.testing import in_hub


class Base(DeclarativeBase):
    """The models of this file."""


class Shelf(Base):
    """Something that books belong to."""

    __tablename__ = "result_shelves"
    id: Mapped[int] = mapped_column(primary_key=True)


class Book(Base):
    """A book, with values that the database makes."""

    __tablename__ = "result_books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))
    note: Mapped[str | None] = mapped_column(String(50))
    made: Mapped[datetime.datetime] = mapped_column(server_default=func.now())
    changed: Mapped[datetime.datetime | None] = mapped_column(onupdate=func.now())
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("result_shelves.id"))
    shelf: Mapped[Shelf | None] = relationship()
    body: Mapped[str | None] = mapped_column(String(50), deferred=True)


KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]
KINDS += [pytest.param("mysql", marks=pytest.mark.slow)]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/app.db"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    database = Database(DatabaseSettings(url=url, pool_size=2))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def statements(database: Database) -> list[str]:
    """The statements that are executed."""
    executed: list[str] = []
    event.listen(
        database.engine, "after_cursor_execute", lambda *arguments: executed.append(arguments[2])
    )
    return executed


@in_hub
def test_values_of_the_database_are_loaded_after_a_flush(
    database: Database, statements: list[str]
) -> None:
    with database.session() as session:
        books = [Book(title=str(number)) for number in range(300)]
        session.add_all(books)
        session.flush()
        for book in books:
            book.title += "!"
        session.flush()
        statements.clear()
        refresh_expired(session)
        assert len(statements) <= 2  # batches
        statements.clear()
        for book in books:
            assert book.made is not None
            assert book.changed is not None
            assert book.note is None
            assert book.title.endswith("!")
        assert statements == []


@in_hub
def test_one_object_is_refreshed_and_what_the_application_expired_is_not(
    database: Database, statements: list[str]
) -> None:
    with database.session() as session:
        session.add_all([Book(id=1, title="a"), Book(id=2, title="b"), Shelf(id=1)])
        session.commit()
        first, second = session.get_one(Book, 1), session.get_one(Book, 2)
        first.title = "c"
        session.flush()
        session.expire(second)
        statements.clear()
        refresh_expired(session)
        assert len(statements) == 1
        assert "changed" in first.__dict__
        assert "title" not in second.__dict__
        assert second.title == "b"


@in_hub
def test_objects_that_were_loaded_are_not_completed(
    database: Database, statements: list[str]
) -> None:
    with database.session() as session:
        session.add(Book(id=1, title="a", body="long"))
        session.commit()
    with database.session() as session:
        book = session.get_one(Book, 1)
        statements.clear()
        refresh_expired(session)
        assert statements == []
        assert "body" not in book.__dict__


@in_hub
def test_statements_are_refused_while_a_result_is_encoded(database: Database) -> None:
    with database.session() as session:
        session.add(Shelf(id=1))
        session.add(Book(id=1, title="a", shelf_id=1, body="b"))
        session.commit()
    with database.session() as session:
        book = session.get_one(Book, 1)
        with while_encoding():
            with pytest.raises(StatementRefused, match=r"selectinload\(Book\.shelf\)"):
                _ = book.shelf
            with pytest.raises(StatementRefused, match=r"undefer\(Book\.body\)"):
                _ = book.body
            with pytest.raises(StatementRefused, match=r"has executed one: SELECT 1\."):
                session.execute(text("SELECT 1"))
        assert book.shelf is not None
        assert book.body == "b"


@in_hub
def test_other_tasks_may_execute_statements_while_a_result_is_encoded(database: Database) -> None:
    def count() -> int | None:
        with database.session() as session:
            return session.scalar(select(func.count()).select_from(Book))

    with rt.scope() as scope:
        start = rt.Event()

        def counted() -> int | None:
            start.wait()
            return count()

        task = scope.spawn(counted)
        with while_encoding():
            start.set()
            assert task.result() == 0


@in_hub
def test_rows_can_be_fetched_in_parts(database: Database) -> None:
    with database.session() as session:
        session.add_all([Book(title=str(number)) for number in range(25)])
        session.commit()
    with database.session() as session:
        query = select(Book.title).order_by(Book.id).execution_options(yield_per=10)
        assert len(list(session.scalars(query))) == 25
