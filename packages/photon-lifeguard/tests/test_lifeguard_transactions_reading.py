"""Which statements begin a transaction: those that may do more than read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import (
    ForeignKey,
    Sequence,
    cast,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy import types as sql_types
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    aliased,
    joinedload,
    mapped_column,
    relationship,
)
from sqlalchemy.sql.functions import GenericFunction

from photon_lifeguard.transactions import leaves_state, may_leave_state, reads_only


class Base(DeclarativeBase):
    """The models of this file."""


class Author(Base):
    """The writer of posts."""

    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Post(Base):
    """A text."""

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship()


class charge(GenericFunction[int]):  # noqa: N801  the name of the function in SQL
    """A function of the database that may do anything."""

    type = sql_types.Integer()
    inherit_cache = True


OTHER = aliased(Post)
RECENT = select(Post.id).where(Post.id > 5).cte()
READS: list[Any] = [
    select(Post),
    select(Post.title, Author.name).join(Post.author).where(Post.id == 3).order_by(Post.title),
    select(Post).options(joinedload(Post.author)).limit(3).offset(2),
    select(func.count()).select_from(Post),
    select(func.coalesce(func.max(Post.id), 0), func.lower(Post.title)),
    select(Post.author_id, func.sum(Post.id).over(partition_by=Post.author_id)),
    select(Post.id).union_all(select(Author.id)),
    select(Post).where(exists().where(Author.id == Post.author_id)),
    select(Post).where(Post.id.in_([1, 2]), Post.title.ilike("%a%")),
    select(OTHER).where(OTHER.id.in_(select(RECENT.c.id))),
    select(cast(Post.id, sql_types.String), func.now(), func.current_timestamp()),
    select(Post).where(Post.title.match("a")),
]
MORE: list[Any] = [
    select(Post).with_for_update(),
    select(Post.id).union_all(select(Author.id).with_for_update(read=True)),
    select(func.pg_advisory_xact_lock(1)),
    select(func.nextval("posts_id_seq")),
    select(Sequence("numbers").next_value()),
    select(charge(Post.id)),
    select(literal_column("nextval('posts_id_seq')")),
    select(Post).where(text("charge(id) > 0")),
    text("SELECT 1"),
    select(Post).from_statement(text("SELECT * FROM posts")),
    insert(Post).values(title="a").returning(Post.id),
    update(Post).values(title="a"),
    select(insert(Post).values(title="a").returning(Post.id).cte().c.id),
    select(Post).where(Post.id.in_(select(func.unknown_function()))),
]


@pytest.mark.parametrize("statement", READS, ids=str)
def test_selects_of_tables_and_known_functions_only_read(statement: Any) -> None:
    assert reads_only(statement)


@pytest.mark.parametrize("statement", MORE, ids=str)
def test_every_other_statement_may_write(statement: Any) -> None:
    assert not reads_only(statement)


def test_the_statements_of_an_orm_session_only_read() -> None:
    session = Session()
    assert reads_only(session.query(Post).filter_by(id=1).statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SET search_path TO other",
        "  set session characteristics as transaction read only",
        "-- note\nSET x = 1",
        "/* note */ LISTEN events",
        "CREATE TEMP TABLE t (x int)",
        "create temporary table t (x int)",
        "SELECT 1 INTO TEMP TABLE t",
        "SELECT set_config('a.b', '1', false)",
        "select pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock (1)",
        "PREPARE p AS SELECT 1",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "LOAD 'x'",
        "DO $$ BEGIN END $$",
        "PRAGMA foreign_keys = OFF",
        "ATTACH 'x' AS y",
        "SELECT GET_LOCK('a', 1)",
    ],
)
def test_statements_that_change_the_session_are_recognised(statement: str) -> None:
    assert leaves_state(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "(SELECT 1) UNION (SELECT 2)",
        "insert into posts values (1)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SET LOCAL statement_timeout = 5",
        "set transaction isolation level serializable",
        "SELECT pg_advisory_xact_lock(1)",
        "SAVEPOINT a",
        "CREATE TABLE t (x int)",
        "-- note\n/* note */\nUPDATE posts SET id = 1",
        "",
    ],
)
def test_statements_that_leave_the_session_as_it_was_are_recognised(statement: str) -> None:
    assert not leaves_state(statement)


@pytest.mark.parametrize(
    ("statement", "leaves"),
    [
        (text("SET search_path TO shop"), True),
        (select(func.set_config("app.user", "7", False)), True),
        (insert(Post).values(id=1), False),
        (insert(Post).values(id="a temp value; SET x"), False),
    ],
)
def test_every_execution_of_a_compiled_statement_leaves_the_same_state(
    statement: Any, leaves: bool
) -> None:
    context: Any = SimpleNamespace(compiled=statement.compile())
    assert [may_leave_state(context, str(context.compiled)) for _ in range(2)] == [leaves, leaves]
