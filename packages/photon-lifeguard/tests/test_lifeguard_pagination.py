"""Pages of queries on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import base64
import datetime
import enum
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    REAL,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    LargeBinary,
    Numeric,
    String,
    TypeDecorator,
    delete,
    event,
    func,
    insert,
    select,
    union,
)
from sqlalchemy.dialects.mysql import DATETIME as MYSQL_DATETIME
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    aliased,
    joinedload,
    mapped_column,
    relationship,
)

from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.pagination import (
    CursorParameters,
    KeysetPage,
    Page,
    PageParameters,
    link_header,
    paginate,
)
from photon_lifeguard.pagination._keyset import cursors_of
from photon_lifeguard.pagination._ordering import sort_keys
from photon_runtime.http import HttpError
from photon_runtime.testing import in_hub, make_request


class Base(DeclarativeBase):
    """The models of this file."""


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"
    BLUE = "b"


class Upper(TypeDecorator[str]):
    """Text that the application sees in capitals."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value.lower()

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value.upper()


Moment = DateTime().with_variant(MYSQL_DATETIME(fsp=6), "mysql", "mariadb")


class Author(Base):
    __tablename__ = "page_authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))


class Post(Base):
    __tablename__ = "page_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(20))
    rank: Mapped[int | None]
    made: Mapped[datetime.datetime | None] = mapped_column(Moment)
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 4))
    weight: Mapped[float | None] = mapped_column(Float)
    short: Mapped[float | None] = mapped_column(REAL)
    key: Mapped[uuid.UUID | None]
    data: Mapped[bytes | None] = mapped_column(LargeBinary(30))
    color: Mapped[Color | None] = mapped_column(Enum(Color))
    flag: Mapped[bool | None]
    day: Mapped[datetime.date | None]
    upper: Mapped[str | None] = mapped_column(Upper)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("page_authors.id"))
    author: Mapped[Author | None] = relationship()
    comments: Mapped[list[Comment]] = relationship()


class Comment(Base):
    __tablename__ = "page_comments"
    post_id: Mapped[int] = mapped_column(ForeignKey("page_posts.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


class Stamped(Base):
    __tablename__ = "page_stamped"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[datetime.datetime] = mapped_column(server_default=func.now())


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


def fill(session: Session, count: int = 9, **values: Any) -> None:
    """Add posts with the ids 1 to ``count``; a value may be a function of the id."""
    for number in range(1, count + 1):
        each = {name: value(number) if callable(value) else value for name, value in values.items()}
        session.add(Post(id=number, title=f"t{number}", **each))
    session.commit()


def forwards(session: Session, query: Any, limit: int, **options: Any) -> list[Any]:
    """Return the items of all pages, from the first to the last."""
    items: list[Any] = []
    page: KeysetPage[Any] = paginate(session, query, CursorParameters(limit=limit), **options)
    assert page.previous is None
    while True:
        items += page.items
        if page.next is None:
            return items
        page = paginate(session, query, CursorParameters(after=page.next, limit=limit), **options)
        assert page.items


def backwards(session: Session, query: Any, limit: int, **options: Any) -> list[Any]:
    """Return the items of all pages, from the last to the first, in the order of the query."""
    page: KeysetPage[Any] = paginate(session, query, CursorParameters(limit=limit), **options)
    while page.next is not None:
        page = paginate(session, query, CursorParameters(after=page.next, limit=limit), **options)
    items: list[Any] = page.items
    while page.previous is not None:
        page = paginate(
            session, query, CursorParameters(before=page.previous, limit=limit), **options
        )
        items = page.items + items
    return items


def ids(items: Sequence[Any]) -> list[int]:
    return [each.id for each in items]


# -- by number ----------------------------------------------------------------------------------


@in_hub
def test_a_page_has_its_items_and_their_total(database: Database) -> None:
    with database.session() as session:
        fill(session)
        query = select(Post).order_by(Post.id.desc())
        page = paginate(session, query, PageParameters(page=2, per_page=4))
        assert (ids(page.items), page.has_next, page.total) == ([5, 4, 3, 2], True, 9)
        page = paginate(session, query, PageParameters(page=3, per_page=4))
        assert (ids(page.items), page.has_next, page.total) == ([1], False, 9)
        for number in (4, 2**31 - 1):
            page = paginate(session, query, PageParameters(page=number, per_page=4))
            assert (ids(page.items), page.has_next, page.total) == ([], False, 9)


@in_hub
def test_items_are_counted_only_if_it_is_necessary(database: Database) -> None:
    executed: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: executed.append(args[2]))
    with database.session() as session:
        fill(session)
        executed.clear()
        query = select(Post)
        assert paginate(session, query, PageParameters(per_page=10)).total == 9
        assert paginate(session, query, PageParameters(page=2, per_page=5)).total == 9
        assert paginate(session, query, PageParameters(per_page=5), count=False).total is None
        assert len(executed) == 3
        assert paginate(session, query, PageParameters(per_page=5)).total == 9
        assert len(executed) == 5


@in_hub
def test_rows_that_compare_equal_are_sorted_by_the_primary_key(database: Database) -> None:
    with database.session() as session:
        fill(session, rank=1)
        query = select(Post).order_by(Post.rank)
        pages = [
            ids(paginate(session, query, PageParameters(page=number, per_page=2)).items)
            for number in range(1, 6)
        ]
        assert pages == [[1, 2], [3, 4], [5, 6], [7, 8], [9]]


@in_hub
def test_joined_rows_grouped_rows_and_two_entities_are_counted(database: Database) -> None:
    with database.session() as session:
        session.add_all([Author(id=1, name="a"), Author(id=2, name="b")])
        session.flush()
        fill(session, author_id=lambda number: 1 + number % 2)
        both = select(Post, Author).join(Author).order_by(Author.name)
        page = paginate(session, both, PageParameters(per_page=3))
        assert page.total == 9
        assert [(row.Post.id, row.Author.id) for row in page.items] == [(2, 1), (4, 1), (6, 1)]
        grouped = select(Author.name, func.count().label("posts")).join(Post).group_by(Author.name)
        page = paginate(session, grouped.order_by(func.count()), PageParameters(per_page=1))
        assert (page.total, page.items[0]._asdict()) == (2, {"name": "a", "posts": 4})


@pytest.mark.parametrize("values", [{"page": 0}, {"per_page": 0}, {"per_page": 101}])
def test_numbers_outside_of_their_limits_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="page"):
        PageParameters(**values)


def test_both_cursors_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="before cannot be combined with after"):
        CursorParameters(after="a", before="b")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (select(Post), ["id"]),
        (select(Post).order_by(Post.id.desc()), ["id"]),
        (select(Post).order_by(Post.rank, Post.id), ["rank", "id"]),
        (select(Post).join(Author).order_by(Post.title), ["title", "id", "id"]),
        (select(Post.title).where(Post.id > 3), ["id"]),
        (select(Comment).order_by(Comment.number), ["number", "post_id"]),
        (select(aliased(Post)), ["id"]),
    ],
    ids=["entity", "primary key", "two keys", "join", "column", "composite", "alias"],
)
def test_keys_that_the_order_has_are_not_repeated(query: Any, names: list[str]) -> None:
    assert [each.expression.key for each in sort_keys(query)] == names


# -- by cursor ----------------------------------------------------------------------------------


ORDERS: dict[str, list[Any]] = {
    "primary key": [],
    "descending": [Post.id.desc()],
    "title": [Post.title.desc()],
    "rank": [Post.rank],
    "rank descending": [Post.rank.desc()],
    "rank, nulls first": [Post.rank.asc().nulls_first()],
    "rank, nulls last": [Post.rank.asc().nulls_last()],
    "rank descending, nulls first": [Post.rank.desc().nulls_first()],
    "rank descending, nulls last": [Post.rank.desc().nulls_last(), Post.title],
    "mixed": [Post.flag.desc(), Post.rank, Post.title.desc()],
    "time": [Post.made.desc(), Post.id.desc()],
    "price": [Post.price],
    "weight": [Post.weight.desc()],
    "short": [Post.short, Post.weight.desc()],
    "key": [Post.key],
    "data": [Post.data.desc()],
    "color": [Post.color, Post.rank],
    "color descending": [Post.color.desc().nulls_last()],
    "day": [Post.day],
    "decorated": [Post.upper.desc()],
    "expression": [func.coalesce(Post.rank, 3).desc(), -Post.id],
    "boolean expression": [Post.rank.is_(None), Post.rank],
}


def value_of(number: int, values: Sequence[Any]) -> Any:
    return values[number % len(values)]


def fill_all(session: Session) -> None:
    """Add posts with values of all types, many of them equal, or NULL."""
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
    fill(
        session,
        23,
        rank=lambda n: value_of(n, [1, None, 2, -1]),
        made=lambda n: value_of(n, [moment, moment.replace(microsecond=0), None]),
        price=lambda n: value_of(n, [Decimal("0.1"), None, Decimal("1234.5678"), Decimal("0.3")]),
        weight=lambda n: value_of(n, [0.1, 1 / 3, None, 1e-9, 123456789.125]),
        short=lambda n: value_of(n, [0.1, 1 / 3, None, 12345.67]),
        key=lambda n: value_of(n, [uuid.UUID(int=7 << 100), None, uuid.UUID(int=5)]),
        data=lambda n: value_of(n, [b"\0a", None, b"\xff", b""]),
        color=lambda n: value_of(n, [*Color, None]),
        flag=lambda n: value_of(n, [True, False, None]),
        day=lambda n: value_of(n, [datetime.date(2026, 1, 2), None, datetime.date(1, 1, 1)]),
        upper=lambda n: value_of(n, ["B", None, "A"]),
    )


@pytest.mark.parametrize("name", ORDERS)
def test_the_pages_are_the_list(database: Database, name: str) -> None:
    @in_hub
    def test() -> None:
        query = select(Post).order_by(*ORDERS[name])
        with database.session() as session:
            fill_all(session)
            every = ids(paginate(session, query, PageParameters(per_page=100)).items)
            assert len(every) == 23
            for limit in (1, 4):
                assert ids(forwards(session, query, limit)) == every
                assert ids(backwards(session, query, limit)) == every

    test()


@in_hub
def test_nulls_are_sorted_as_the_query_states(database: Database) -> None:
    with database.session() as session:
        fill(session, 4, rank=lambda number: None if number < 3 else number)
        for order, expected in [
            (Post.rank.asc().nulls_first(), [1, 2, 3, 4]),
            (Post.rank.asc().nulls_last(), [3, 4, 1, 2]),
            (Post.rank.desc().nulls_first(), [1, 2, 4, 3]),
            (Post.rank.desc().nulls_last(), [4, 3, 1, 2]),
        ]:
            query = select(Post).order_by(order)
            assert ids(forwards(session, query, 1)) == expected
            assert ids(paginate(session, query, PageParameters()).items) == expected


@in_hub
def test_times_of_the_database_are_positions(database: Database) -> None:
    with database.session() as session:
        session.add_all([Stamped(id=number) for number in range(1, 6)])
        session.add(Stamped(id=6, made=datetime.datetime(2020, 1, 1)))
        session.commit()
        query = select(Stamped).order_by(Stamped.made)
        assert ids(forwards(session, query, 2)) == [6, 1, 2, 3, 4, 5]


@in_hub
def test_joined_rows_are_all_on_one_page(database: Database) -> None:
    with database.session() as session:
        session.add_all([Author(id=1, name="a"), Author(id=2, name="a")])
        session.flush()
        fill(session, 6, author_id=lambda number: value_of(number, [1, 2, None]))
        session.add_all([Comment(post_id=post, number=n) for post in (1, 2) for n in range(3)])
        session.commit()
        authors = select(Post).outerjoin(Post.author).order_by(Author.name.desc().nulls_last())
        assert sorted(ids(forwards(session, authors, 1))) == [1, 2, 3, 4, 5, 6]
        assert forwards(session, authors, 2) == backwards(session, authors, 2)
        repeated = select(Post).join(Post.comments).order_by(Post.id.desc())
        assert ids(forwards(session, repeated, 2)) == [2, 2, 2, 1, 1, 1]
        named = select(Post.id, Author.name).join(Author).order_by(Author.name)
        assert [row.id for row in forwards(session, named, 1)] == [1, 3, 4, 6]
        assert set(forwards(session, named, 3)[0]._fields) == {"id", "name"}
        other = aliased(Author)
        query = select(Post).join(other, Post.author).order_by(other.name, Post.id.desc())
        assert len(ids(forwards(session, query, 3))) == 4


@in_hub
def test_loaded_collections_do_not_divide_a_page(database: Database) -> None:
    with database.session() as session:
        fill(session, 5)
        session.add_all([Comment(post_id=post, number=n) for post in (1, 2) for n in range(3)])
        session.commit()
        session.expunge_all()
        query = select(Post).options(joinedload(Post.comments)).order_by(Post.rank)
        items = forwards(session, query, 2)
        assert ids(items) == [1, 2, 3, 4, 5]
        assert [len(each.comments) for each in items] == [3, 3, 0, 0, 0]
        page = paginate(session, query, PageParameters(per_page=2))
        assert (ids(page.items), page.total) == ([1, 2], 5)


@in_hub
def test_grouped_and_distinct_rows_have_pages(database: Database) -> None:
    with database.session() as session:
        fill(session, 9, rank=lambda number: number % 4)
        grouped = select(Post.rank, func.count().label("n")).group_by(Post.rank)
        rows = forwards(session, grouped.order_by(func.count().desc()), 1)
        assert [tuple(row) for row in rows] == [(1, 3), (0, 2), (2, 2), (3, 2)]
        distinct = select(Post.rank).distinct()
        assert forwards(session, distinct.order_by(Post.rank.desc()), 3) == [3, 2, 1, 0]


@in_hub
def test_subqueries_have_pages_with_the_key_that_the_caller_names(database: Database) -> None:
    with database.session() as session:
        fill(session, 5)
        inner = select(Post.id, func.row_number().over(order_by=Post.id.desc()).label("place"))
        numbered = inner.subquery()
        query = select(numbered).order_by(numbered.c.place)
        with pytest.raises(TypeError, match=r"paginate\(\.\.\., key="):
            paginate(session, query, CursorParameters())
        rows = forwards(session, query, 2, key=[numbered.c.id])
        assert [row.id for row in rows] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (select(Post).limit(3), "limit or an offset"),
        (select(Post).order_by("title"), "sorted by the name 'title'"),
        (select(Post).order_by(func.row_number().over()), "window function"),
        (union(select(Post.id), select(Author.id)), "not of CompoundSelect"),
    ],
    ids=["limit", "name", "window", "union"],
)
def test_queries_that_have_no_pages_are_refused(query: Any, message: str) -> None:
    database = Database(DatabaseSettings(url="sqlite://"))
    with database.session() as session, pytest.raises(TypeError, match=message):
        paginate(session, query, CursorParameters())
    database.close()


@in_hub
def test_a_value_without_a_form_in_cursors_is_refused(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        return
    with database.session() as session:
        fill(session, 3)
        query = select(Post).order_by(func.string_to_array(Post.title, ","))
        with pytest.raises(TypeError, match=r"class \w+, which a cursor"):
            paginate(session, query, CursorParameters(limit=1))


# -- changes between pages ----------------------------------------------------------------------


ROWS = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.sampled_from("abc")), max_size=12
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("delete"), st.integers(1, 12)),
        st.tuples(st.just("insert"), st.one_of(st.none(), st.integers(0, 3))),
    ),
    max_size=8,
)
RANDOM_ORDERS = st.lists(
    st.sampled_from(
        [
            Post.rank,
            Post.rank.desc(),
            Post.rank.asc().nulls_last(),
            Post.rank.desc().nulls_first(),
            Post.title,
            Post.title.desc(),
        ]
    ),
    max_size=3,
)


@pytest.mark.slow
@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(rows=ROWS, changes=CHANGES, order=RANDOM_ORDERS, limit=st.integers(1, 4), back=st.booleans())
def test_rows_that_stay_are_on_one_page_while_others_come_and_go(
    database: Database,
    rows: list[tuple[int | None, str]],
    changes: list[tuple[str, int | None]],
    order: list[Any],
    limit: int,
    back: bool,
) -> None:
    @in_hub
    def test() -> None:
        with database.session() as session:
            session.execute(delete(Post))
            session.add_all(
                Post(id=number, title=title, rank=rank)
                for number, (rank, title) in enumerate(rows, 1)
            )
            session.commit()
            query = select(Post.id).order_by(*order)
            before = paginate(session, query, PageParameters(per_page=100)).items
            seen = list(_seen(session, query, limit, list(changes), back=back))
            after = set(session.scalars(select(Post.id)))
        stayed = [number for number in before if number in after]
        assert [number for number in seen if number in stayed] == stayed
        assert len(seen) == len(set(seen))

    test()


def _seen(
    session: Session, query: Any, limit: int, changes: list[Any], *, back: bool
) -> Iterator[int]:
    """Yield the ids of all pages, with a change before each; in the order of the query."""
    page = paginate(session, query, CursorParameters(limit=limit))
    if not back:
        while True:
            yield from page.items
            if page.next is None:
                return
            _change(session, changes)
            page = paginate(session, query, CursorParameters(after=page.next, limit=limit))
    while page.next is not None:
        page = paginate(session, query, CursorParameters(after=page.next, limit=limit))
    items = page.items
    while page.previous is not None:
        _change(session, changes)
        page = paginate(session, query, CursorParameters(before=page.previous, limit=limit))
        items = page.items + items
    yield from items


def _change(session: Session, changes: list[Any]) -> None:
    if changes:
        kind, value = changes.pop()
        if kind == "delete":
            session.execute(delete(Post).where(Post.id == value))
        else:
            session.execute(insert(Post).values(id=100 + len(changes), title="b", rank=value))
        session.commit()


# -- cursors ------------------------------------------------------------------------------------


def errors_of(error: pytest.ExceptionInfo[HttpError]) -> Any:
    assert error.value.status == 422
    return error.value.extensions["errors"]


@in_hub
def test_cursors_that_are_not_of_the_list_are_refused(database: Database) -> None:
    query = select(Post).order_by(Post.rank, Post.made)
    with database.session() as session:
        fill_all(session)
        cursor = paginate(session, query, CursorParameters(limit=3)).next
        assert cursor is not None
        others = [
            select(Post).order_by(Post.rank.desc(), Post.made),
            select(Post).order_by(Post.rank, Post.day),
            select(Author),
            select(Post).order_by(Post.rank + 1, Post.made),
            select(Post).order_by(Post.rank.asc().nulls_first(), Post.made.desc()),
        ]
        for other in others:
            with pytest.raises(HttpError) as error:
                paginate(session, other, CursorParameters(after=cursor))
            assert errors_of(error)[0]["name"] == "after"
        first = paginate(
            session, select(Post).order_by(Post.rank + 1, Post.made), CursorParameters(limit=1)
        ).next
        after = CursorParameters(after=first)
        with pytest.raises(HttpError):
            paginate(session, select(Post).order_by(Post.rank + 2, Post.made), after)
        with pytest.raises(HttpError) as error:
            paginate(session, query, CursorParameters(before="nonsense"))
        assert errors_of(error) == [
            {
                "in": "query",
                "name": "before",
                "message": "is not a cursor of this list: begin again without it",
            }
        ]


@in_hub
def test_a_changed_cursor_is_refused(database: Database) -> None:
    query = select(Post).order_by(Post.title)
    with database.session() as session:
        fill(session)
        cursor = paginate(session, query, CursorParameters(limit=3)).next
        assert cursor is not None
        changed = [
            cursor[:index] + other + cursor[index + 1 :]
            for index, character in enumerate(cursor)
            for other in ("A", "B", "_", "=", "é", "\n")
            if other != character
        ]
        for each in [*changed, cursor[:-1], cursor + "A", cursor + "=", "", cursor * 2, "☃"]:
            with pytest.raises(HttpError) as error:
                paginate(session, query, CursorParameters(after=each))
            assert error.value.status == 422


FORGED: list[Any] = [
    *(["i", value] for value in (2**62, 2**80, "1", True, None)),
    *(["s", value] for value in ("a", "\0", "\ud800", 5)),
    *(["f", value] for value in ("inf", "nan", "1.5", 1)),
    *(["d", value] for value in ("1e999", "NaN", "x", 1)),
    *(["b", value] for value in (True, 5)),
    *(["t", value] for value in ("0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00", "x", 5)),
    *(["u", value] for value in (str(uuid.UUID(int=1)), "x", 5)),
    *(["x", value] for value in ("00", "f", 5)),
    *(["D", value] for value in ("2026-01-01", "2026-02-30", 5)),
    *(["T", value] for value in ("12:00", "25:00")),
    *(["p", value] for value in (5, 10**30)),
    *(["e", value] for value in ("RED", "PINK", 5)),
    *(["n", value] for value in (None, 1)),
    *(["z", 1], 5, None, "ab", [], {}),
]


@in_hub
def test_a_cursor_that_a_client_made_is_never_an_error_of_the_database(database: Database) -> None:
    dialect = database.engine.dialect
    with database.session() as session:
        fill_all(session)
        columns = [Post.rank, Post.title, Post.made, Post.price, Post.weight, Post.key]
        for column in [*columns, Post.data, Post.color, Post.flag, Post.day]:
            query = select(Post.id).order_by(column)
            cursors = cursors_of(sort_keys(query), dialect, b"photon cursor")
            for value in FORGED:
                payload = json.dumps([value, ["i", 1]]).encode()
                data = cursors._checksum(payload) + payload
                cursor = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
                with suppress(HttpError):
                    paginate(session, query, CursorParameters(after=cursor))
                session.rollback()


@in_hub
def test_values_that_are_too_long_for_a_cursor_are_refused(database: Database) -> None:
    with database.session() as session:
        fill(session, 2)
        short = select(Post).order_by(Post.title + "é" * 1000)
        assert ids(forwards(session, short, 1)) == [1, 2]
        long = select(Post).order_by(Post.title + "é" * 3000)
        with pytest.raises(TypeError, match="too long for a cursor"):
            paginate(session, long, CursorParameters(limit=1))


@in_hub
def test_signed_cursors_need_the_secret(database: Database) -> None:
    query = select(Post)
    with database.session() as session:
        fill(session)
        cursor = paginate(session, query, CursorParameters(limit=3), secret="mine").next
        page = CursorParameters(after=cursor, limit=3)
        assert ids(paginate(session, query, page, secret=b"mine").items) == [4, 5, 6]
        for secret in (None, "other"):
            with pytest.raises(HttpError):
                paginate(session, query, page, secret=secret)


@in_hub
def test_a_cursor_of_a_deleted_row_keeps_its_place(database: Database) -> None:
    query = select(Post).order_by(Post.id)
    with database.session() as session:
        fill(session)
        cursor = paginate(session, query, CursorParameters(limit=3)).next
        session.execute(delete(Post).where(Post.id.in_([3, 4])))
        session.commit()
        page = paginate(session, query, CursorParameters(after=cursor, limit=3), count=True)
        assert ids(page.items) == [5, 6, 7]
        assert page.total == 7


# -- links --------------------------------------------------------------------------------------


def test_links_lead_to_the_other_pages_and_keep_other_parameters() -> None:
    request = make_request("GET", "/posts?q=a%20b&page=2&per_page=5")
    page = Page([1], page=2, per_page=5, has_next=True, total=11)
    assert link_header(request, page) == (
        '</posts?q=a+b&per_page=5&page=1>; rel="first", </posts?q=a+b&per_page=5&page=1>; '
        'rel="prev", </posts?q=a+b&per_page=5&page=3>; rel="next", '
        '</posts?q=a+b&per_page=5&page=3>; rel="last"'
    )
    request = make_request("GET", "/posts?after=x")
    keyset = KeysetPage([1], next="N", previous="P")
    assert link_header(request, keyset) == (
        '</posts>; rel="first", </posts?before=P>; rel="prev", </posts?after=N>; rel="next"'
    )


def test_limits_can_be_set_by_a_subclass() -> None:
    @attrs.frozen
    class Large(CursorParameters):
        limit: int = attrs.field(default=500)

    assert Large().limit == 500
