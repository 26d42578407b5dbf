from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import ForeignKey, String, bindparam, func, insert, select, text, update
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    defer,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
)

from photon_lifeguard import Database, DatabaseSettings, QueryCount, Repetition, count_queries
from photon_lifeguard.observability._executed import ExecutedStatement
from photon_lifeguard.observability._repetitions import Repetitions
from photon_lifeguard.observability._statement_text import statement_text
from photon_runtime.testing import in_hub


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: String(50)}


class Author(Base):
    __tablename__ = "seen_authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    biography: Mapped[str] = mapped_column(default="", deferred=True)
    kind: Mapped[str] = mapped_column(default="author")
    country_id: Mapped[int] = mapped_column(ForeignKey("seen_countries.id"))
    country: Mapped[Country] = relationship()
    posts: Mapped[list[Post]] = relationship(back_populates="author")
    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "author"}  # noqa: RUF012


class Country(Base):
    __tablename__ = "seen_countries"

    id: Mapped[int] = mapped_column(primary_key=True)


class Critic(Author):
    __tablename__ = "seen_critics"

    id: Mapped[int] = mapped_column(ForeignKey("seen_authors.id"), primary_key=True)
    paper: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "critic"}  # noqa: RUF012


class Post(Base):
    __tablename__ = "seen_posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("seen_authors.id"))
    author: Mapped[Author] = relationship(back_populates="posts")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("seen_posts.id"))
    parent: Mapped[Post | None] = relationship(remote_side=[id])


NUMBER = 5


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'app.db'}"
    if request.param != "sqlite":
        url = request.getfixturevalue(f"{request.param}_url")
    database = Database(DatabaseSettings(url=url))
    Base.metadata.create_all(database.engine)
    with database.session() as session:
        for number in range(1, NUMBER + 1):
            author = Author(id=number, name=f"author {number}", country=Country(id=number))
            parent_id = number - 1 or None
            session.add(Post(id=number, title="post", author=author, parent_id=parent_id))
            session.flush()
        session.commit()
    yield database
    Base.metadata.drop_all(database.engine)
    database.close()


def the_only(queries: QueryCount, threshold: int = 3) -> Repetition:
    [found] = queries.repetitions(threshold)
    return found


def line_of(word: str) -> str:
    """Return the line of this file that ends in a comment with ``word``."""
    with open(__file__, encoding="utf-8") as file:
        [line] = [number for number, text in enumerate(file, 1) if text.endswith(f"# {word}\n")]
    return f"{__file__}:{line}"


@in_hub
def test_lazy_loads_of_a_relationship_are_named_with_line_and_remedy(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for post in session.scalars(select(Post)):
            post.author.name.upper()  # lazy
    found = the_only(queries)
    assert found.count == NUMBER
    assert found.line == line_of("lazy")
    assert "Post.author is loaded for one object after the other" in str(found)
    assert found.remedy.endswith(".options(selectinload(Post.author))")


@in_hub
def test_lazy_loads_of_a_collection_are_named(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for author in session.scalars(select(Author)):
            assert len(author.posts) == 1
    assert the_only(queries).remedy.endswith("selectinload(Author.posts))")


@in_hub
def test_the_remedy_of_a_nested_relationship_is_the_whole_path(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for post in session.scalars(select(Post).options(selectinload(Post.author))):
            assert post.author.country.id
    expected = ".options(selectinload(Post.author).selectinload(Author.country))"
    assert the_only(queries).remedy.endswith(expected)


@in_hub
def test_the_remedy_of_a_tree_is_recursive(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        post = session.get_one(Post, NUMBER)
        while post.parent is not None:
            post = post.parent
    # The first one was loaded by its key, and each parent by the relationship.
    [found] = [each for each in queries.repetitions(3) if "Post.parent" in each.problem]
    assert "selectinload(Post.parent, recursion_depth=-1)" in found.remedy


@in_hub
def test_lazy_loads_through_a_function_are_those_of_its_line(database: Database) -> None:
    def name(post: Post) -> str:
        return post.author.name  # function

    with count_queries(database) as queries, database.session() as session:
        [name(post) for post in session.scalars(select(Post))]
    assert the_only(queries).line == line_of("function")


@in_hub
def test_columns_that_are_loaded_one_by_one_are_named(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for author in session.scalars(select(Author)):
            assert author.biography == ""
    found = the_only(queries)
    assert "Author.biography is loaded for one object after the other" in found.problem
    assert found.remedy.endswith(".options(undefer(Author.biography))")


@in_hub
def test_expired_objects_that_are_reloaded_one_by_one_are_named(database: Database) -> None:
    with Session(database.engine) as session:
        authors = session.scalars(select(Author)).all()
        session.commit()
        with count_queries(database) as queries:
            assert all(author.name for author in authors)
    found = the_only(queries)
    assert "Author is reloaded" in found.problem
    assert "expire_on_commit=False" in found.remedy


@in_hub
def test_columns_of_a_subclass_that_are_loaded_one_by_one_are_named(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for number in range(10, 13):
            session.add(Critic(id=number, name="", paper="daily", country_id=1))
        session.flush()
        session.expunge_all()
        query = select(Author).where(Author.id >= 10)
        assert [author.paper for author in session.scalars(query) if isinstance(author, Critic)]
    assert the_only(queries).remedy.endswith("selectin_polymorphic(Author, [Critic]))")


@in_hub
def test_one_object_that_is_refreshed_again_and_again_is_not_a_repetition(
    database: Database,
) -> None:
    with count_queries(database) as queries, database.session() as session:
        author = session.get_one(Author, 1)
        for _ in range(5):
            session.refresh(author)
    assert queries.count == 6
    assert queries.repetitions(3) == []


@in_hub
def test_queries_for_ranges_are_not_repetitions(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for days in (1, 7, 30):
            session.scalar(select(func.count()).where(Post.id > days))
    assert queries.repetitions(3) == []


@in_hub
def test_queries_in_a_loop_are_named(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for number in range(1, 4):
            session.get(Author, number)  # get
        for number in range(1, 4):
            session.execute(text("SELECT 1 WHERE 0 = :number"), {"number": number})
        for number in range(1, 4):
            session.execute(select(Post).where(Post.author_id == number).limit(1))
    found = queries.repetitions(3)
    assert [each.count for each in found] == [3, 3, 3]
    assert found[0].line == line_of("get")
    assert "SELECT seen_authors is executed for one value after the other" in found[0].problem
    assert all("in_()" in each.remedy for each in found)


@in_hub
def test_writes_in_a_loop_are_named(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for number in range(1, 4):
            session.execute(update(Post).where(Post.id == number).values(title="new"))
    assert "list of all parameters" in the_only(queries).remedy


@in_hub
def test_the_same_query_again_is_named_wherever_it_is(database: Database) -> None:
    query = select(Author.name).where(Author.id == 1)
    with count_queries(database) as queries, database.session() as session:
        session.execute(query)
        session.execute(query)
        session.execute(query)
    found = the_only(queries)
    assert found.count == 3
    assert "with the same parameters (also at" in found.problem
    assert "cache" in found.remedy


@in_hub
def test_loads_that_the_query_names_are_not_repetitions(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for loader in (selectinload, subqueryload, joinedload):
            for number in range(3):  # each time another query, whose loads are the same
                session.expunge_all()
                query = select(Post).where(Post.id > -number).options(loader(Post.author))
                assert all(each.author for each in session.scalars(query))  # query
    loads = [each.load.kind for each in queries.statements if each.load is not None]
    assert loads == ["eager"] * 6
    assert {each.line for each in queries.repetitions(3)} == {line_of("query")}


@in_hub
def test_batches_are_not_repetitions(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for offset in range(5):
            session.execute(select(Post).order_by(Post.id).limit(2).offset(offset)).all()
        for after in range(5):
            session.execute(select(Post).where(Post.id > after).order_by(Post.id).limit(2)).all()
        for start in range(5):
            session.execute(select(Post).where(Post.id.in_([start, start + 1]))).all()
        for start in range(10, 15):
            rows = [{"id": start * 10 + n} for n in range(3)]
            session.execute(insert(Country), rows)
        for name in ("a", "b", "c"):
            statement = update(Author.__table__).where(  # type: ignore[arg-type]  # it is a table
                Author.__table__.c.id == bindparam("key")
            )
            session.connection().execute(statement.values(name=name), [{"key": 1}, {"key": 2}])
    assert queries.count > 15
    assert queries.repetitions(3) == []


@in_hub
def test_a_flush_of_many_objects_is_not_a_repetition(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for author in session.scalars(select(Author).options(defer(Author.name))):
            author.name = func.upper(f"name {author.id}")
        session.commit()
    assert queries.count > NUMBER
    assert queries.repetitions(3) == []


@in_hub
def test_what_does_more_than_read_is_not_asked_again_in_vain(database: Database) -> None:
    with count_queries(database) as queries, database.session() as session:
        for _ in range(4):
            session.execute(select(func.random()))
            session.execute(select(Post).where(Post.id == 1).with_for_update(skip_locked=True))
            with session.begin_nested():
                pass
    repeated = [each.statement for each in queries.repetitions(3)]
    assert repeated == []


def executed(text: str, value: int, line: str = "app.py:1") -> ExecutedStatement:
    return ExecutedStatement(
        statement=statement_text(text),
        parameters="int",
        line=line,
        seconds=0.5,
        error=None,
        load=None,
        identity=(text, value),
        is_single=True,
        is_repeatable=True,
    )


def test_fewer_than_the_threshold_are_not_reported() -> None:
    repetitions = Repetitions(3)
    for value in (1, 2):
        repetitions.add(executed("SELECT a FROM b", value))
    assert repetitions.find() == []
    repetitions.add(executed("SELECT a FROM b", 3))
    [found] = repetitions.find()
    assert str(found).startswith("3 statements in 1.500 s at app.py:1: SELECT b is executed")


def test_the_same_statement_at_other_lines_is_not_a_loop() -> None:
    repetitions = Repetitions(3)
    for value in range(9):
        repetitions.add(executed("SELECT a FROM b", value, line=f"app.py:{value}"))
    assert repetitions.find() == []


def test_a_loop_is_reported_once() -> None:
    repetitions = Repetitions(3)
    for value in (1, 2, 3, 1, 1, 1):
        repetitions.add(executed("SELECT a FROM b", value))
    [found] = repetitions.find()
    assert found.count == 6


def test_memory_is_bounded_for_a_request_that_executes_many_different_statements() -> None:
    repetitions = Repetitions(3)
    for value in range(5_000):
        repetitions.add(executed(f"SELECT a FROM b{value}", value))
    assert len(repetitions._by_line) == len(repetitions._identical) == 1_000
