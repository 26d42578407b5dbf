"""Results of handlers that are objects of SQLAlchemy: their schema, and no statement for them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict, TypeVar

import attrs
import msgspec
import pytest
from sqlalchemy import (
    JSON,
    Column,
    Engine,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    WriteOnlyMapped,
    column_property,
    composite,
    deferred,
    joinedload,
    mapped_column,
    registry,
    relationship,
    selectinload,
    undefer,
)
from sqlalchemy.pool import StaticPool

from photon import Created, Form, Json, JsonLines, Photon, Query, Redirect, Response, Status
from photon.testing import Client
from photon_lifeguard import StatementRefused
from photon_lifeguard.results import refresh_expired, refuse_statements, while_encoding
from photon_openapi.schema import SchemaBuilder
from photon_router.errors import AttributeNotLoaded, SignatureError

T = TypeVar("T")


class Base(DeclarativeBase):
    pass


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Author(Base):
    __tablename__ = "orm_authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    password: Mapped[str] = mapped_column(default="hush", info={"private": True})
    posts: Mapped[list[Post]] = relationship(back_populates="author")
    notes: WriteOnlyMapped[Note] = relationship()
    titles: AssociationProxy[list[str]] = association_proxy("posts", "title")


class Note(Base):
    __tablename__ = "orm_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("orm_authors.id"))


class Post(Base):
    """An article."""

    __tablename__ = "orm_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    color: Mapped[Color | None]
    body: Mapped[str] = mapped_column(default="", deferred=True)
    changed: Mapped[int] = mapped_column(server_default="0")
    author_id: Mapped[int | None] = mapped_column(ForeignKey("orm_authors.id"))
    author: Mapped[Author | None] = relationship(back_populates="posts")

    @property
    def author_name(self) -> str:
        return "" if self.author is None else self.author.name

    @hybrid_property
    def shout(self) -> str:
        return self.title.upper()


class Counted(Base):
    __tablename__ = "orm_counted"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    changes: Mapped[int] = mapped_column(default=0, onupdate=func.abs(1))


@attrs.frozen
class AuthorOut:
    id: int
    name: str


@attrs.frozen
class PostOut:
    id: int
    title: str


@attrs.frozen
class PostWithAuthor:
    id: int
    author: AuthorOut | None


@attrs.frozen
class AuthorWithPosts:
    name: str
    posts: list[PostOut]


@attrs.frozen
class Draft:
    id: int | None
    title: str
    author: AuthorOut | None


@attrs.frozen
class Shouted:
    shout: str
    author_name: str


@attrs.frozen
class Shouting:
    shout: str


@attrs.frozen
class Missing:
    reason: str
    code: int


@attrs.frozen
class Titled:
    titles: list[str]


@attrs.frozen
class WithBody:
    body: str


@attrs.frozen
class WithNotes:
    notes: list[int]


@attrs.frozen
class Named:
    author_name: str


@attrs.frozen
class Related:
    related: int


@attrs.frozen
class Out:
    name: str
    changes: int


class Application:
    """An application with sessions on a database in memory, and the statements of it."""

    def __init__(self) -> None:
        self.engine = _engine()
        self.app = Photon()
        self.app.provide(Session, self._session, finish=self._finish)
        self.statements: list[str] = []
        event.listen(
            self.engine, "after_cursor_execute", lambda *args: self.statements.append(args[2])
        )

    def _session(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.commit()

    def _finish(self, session: Session) -> Any:
        session.flush()
        refresh_expired(session)
        return while_encoding()

    def handle(self, handler: Any, *, method: str = "GET") -> Any:
        """Return the response to one request of a handler."""
        self.app.route("/", method=method)(handler)
        self.statements.clear()
        with Client(self.app) as client:
            return client.request(method, "/")


def _engine() -> Engine:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(
            Author(id=1, name="Ada", posts=[Post(id=1, title="one"), Post(id=2, title="two")])
        )
        session.commit()
    refuse_statements(engine)
    return engine


@pytest.fixture
def new_application() -> Iterator[Callable[[], Application]]:
    """A function that makes applications; their databases are closed after the test."""
    with ExitStack() as stack:

        def make() -> Application:
            application = Application()
            stack.callback(application.engine.dispose)
            return application

        yield make


@pytest.fixture
def application(new_application: Callable[[], Application]) -> Application:
    return new_application()


def as_result(value: object) -> T:  # type: ignore[type-var]  # what the caller returns
    """Return a value unchanged: type checkers do not know that it is projected."""
    return value  # type: ignore[return-value]


def schema_of(cls: object, name: str = "") -> dict[str, Any]:
    builder = SchemaBuilder()
    builder.schema(cls)
    return builder.components[name or cls.__name__]  # type: ignore[attr-defined]


# -- projections --------------------------------------------------------------------------------


class PostDict(TypedDict):
    id: int
    title: str


@dataclasses.dataclass
class PostData:
    id: int
    title: str


class PostStruct(msgspec.Struct):
    id: int
    title: str


@pytest.mark.parametrize("cls", [PostOut, PostDict, PostData, PostStruct, Json[PostOut]], ids=str)
def test_a_result_has_the_members_of_the_annotation(
    new_application: Callable[[], Application], application: Application, cls: Any
) -> None:
    def one(db: Session) -> Any:
        return db.get(Post, 1)

    def every(db: Session) -> Any:
        return db.scalars(select(Post).order_by(Post.id)).all()

    one.__annotations__["return"] = cls
    assert application.handle(one).json() == {"id": 1, "title": "one"}
    assert len(application.statements) == 1
    every.__annotations__["return"] = dict[str, list[cls]]
    every_app = new_application()
    items = [{"id": 1, "title": "one"}, {"id": 2, "title": "two"}]

    def by_name(db: Session) -> Any:
        return {"posts": every(db)}

    by_name.__annotations__["return"] = dict[str, list[cls]]
    assert every_app.handle(by_name).json() == {"posts": items}
    assert len(every_app.statements) == 1


def test_optional_results_may_be_objects_or_none(application: Application) -> None:
    def one(db: Session, id: int) -> PostOut | None:
        return as_result(db.get(Post, id))

    application.app.get("/{id}")(one)
    with Client(application.app) as client:
        assert client.get("/2").json() == {"id": 2, "title": "two"}
        assert client.get("/3").json() is None


def test_loaded_relationships_are_projected_at_every_depth(application: Application) -> None:
    def posts(db: Session) -> list[PostWithAuthor]:
        query = select(Post).options(joinedload(Post.author)).order_by(Post.id)
        return as_result(db.scalars(query).all())

    author = {"id": 1, "name": "Ada"}
    assert application.handle(posts).json() == [
        {"id": 1, "author": author},
        {"id": 2, "author": author},
    ]
    assert len(application.statements) == 1


def test_loaded_collections_are_lists(application: Application) -> None:
    def author(db: Session) -> AuthorWithPosts:
        return as_result(db.get(Author, 1, options=[selectinload(Author.posts)]))

    posts = [{"id": 1, "title": "one"}, {"id": 2, "title": "two"}]
    assert application.handle(author).json() == {"name": "Ada", "posts": posts}
    assert len(application.statements) == 2


def test_objects_of_a_closed_session_are_results(application: Application) -> None:
    def closed() -> list[PostOut]:
        with Session(application.engine) as session:
            return as_result(session.scalars(select(Post).order_by(Post.id)).all())

    assert len(application.handle(closed).json()) == 2


def test_objects_are_results_after_a_commit_of_the_handler(application: Application) -> None:
    def committed(db: Session) -> PostOut:
        post = Post(title="new")
        db.add(post)
        db.commit()
        return as_result(post)

    assert application.handle(committed, method="POST").json() == {"id": 3, "title": "new"}


def test_objects_without_a_session_are_results(application: Application) -> None:
    def draft() -> Draft:
        return as_result(Post(title="draft"))

    assert application.handle(draft).json() == {"id": None, "title": "draft", "author": None}


@pytest.mark.parametrize("annotation", [Created[PostOut], Created[Post], Created], ids=str)
def test_created_is_encoded_with_the_values_of_the_database(
    application: Application, annotation: Any
) -> None:
    def create(db: Session) -> Any:
        post = Post(title="new")
        db.add(post)
        return Created(post if annotation is not Created else {"id": 3, "title": "new"})

    create.__annotations__["return"] = annotation
    response = application.handle(create, method="POST")
    assert response.status_code == 201
    assert response.json().items() >= {"id": 3, "title": "new"}.items()


def test_created_may_contain_objects_in_lists_and_mappings(application: Application) -> None:
    def create(db: Session) -> Created[dict[str, list[PostOut]]]:
        posts = [Post(title="a"), Post(title="b")]
        db.add_all(posts)
        return Created(as_result({"posts": posts}))

    posts = [{"id": 3, "title": "a"}, {"id": 4, "title": "b"}]
    assert application.handle(create, method="POST").json() == {"posts": posts}


def test_a_created_item_without_a_form_in_json_is_an_error(
    new_application: Callable[[], Application],
) -> None:
    application = new_application()
    with pytest.raises(TypeError, match="cannot be encoded as JSON"):
        application.handle(lambda: Created(object()), method="POST")
    with pytest.raises(TypeError, match="cannot be encoded as JSON"):
        list(Created(object()).body)


def test_undescribed_objects_are_refused(application: Application) -> None:
    def undescribed(db: Session) -> dict[str, object]:
        return {"post": db.get(Post, 1)}

    with pytest.raises(TypeError, match="annotate the result with a class of the members"):
        application.handle(undescribed)


def test_properties_hybrids_and_proxies_of_loaded_values_are_sent(
    new_application: Callable[[], Application], application: Application
) -> None:
    def posts(db: Session) -> Shouted:
        return as_result(db.get(Post, 1, options=[joinedload(Post.author)]))

    def titles(db: Session) -> Titled:
        return as_result(db.get(Author, 1, options=[selectinload(Author.posts)]))

    assert application.handle(posts).json() == {"shout": "ONE", "author_name": "Ada"}
    assert new_application().handle(titles).json() == {"titles": ["one", "two"]}


def test_hybrids_match_a_class_in_a_union(application: Application) -> None:
    def post(db: Session) -> Shouting | None:
        return as_result(db.get(Post, 1))

    assert application.handle(post).json() == {"shout": "ONE"}


@pytest.mark.parametrize("other", [Redirect, Response, Missing], ids=str)
def test_an_object_has_the_case_that_it_matches(application: Application, other: Any) -> None:
    def post(db: Session) -> Any:
        return db.get(Post, 1)

    missing = Annotated[other, Status(404)] if other is Missing else other
    post.__annotations__["return"] = PostOut | missing
    response = application.handle(post)
    assert (response.status_code, response.json()) == (200, {"id": 1, "title": "one"})


def test_rows_that_are_fetched_during_the_encoding_are_named() -> None:
    def rows(db: Session) -> list[PostWithAuthor]:
        return as_result(db.scalars(select(Post).options(selectinload(Post.author))))

    assert "fetch them in the handler, by .all()" in refused(rows)


def test_a_relationship_whose_key_is_null_is_sent(application: Application) -> None:
    def create(db: Session) -> PostWithAuthor:
        post = Post(title="alone")
        db.add(post)
        return as_result(post)

    response = application.handle(create, method="POST")
    assert response.json() == {"id": 3, "author": None}
    assert [each.split()[0] for each in application.statements] == ["INSERT"]


# -- what is not loaded -------------------------------------------------------------------------


def refused(handler: Any) -> str:
    application = Application()
    with pytest.raises((AttributeNotLoaded, StatementRefused)) as error:
        application.handle(handler)
    assert len(application.statements) == 1
    return str(error.value)


def test_a_relationship_that_is_not_loaded_is_named_with_the_remedy() -> None:
    def one(db: Session) -> PostWithAuthor:
        return as_result(db.get(Post, 1))

    def optional(db: Session) -> PostWithAuthor | None:
        return as_result(db.get(Post, 1))

    def collection(db: Session) -> list[AuthorWithPosts]:
        return as_result(db.scalars(select(Author)).all())

    assert refused(one).startswith("Post.author is not loaded, and encoding a result executes no")
    assert ".options(selectinload(Post.author))" in refused(one)
    assert ".options(selectinload(Post.author))" in refused(optional)
    assert ".options(selectinload(Author.posts))" in refused(collection)


def test_a_deferred_column_is_named_with_the_remedy(
    new_application: Callable[[], Application],
) -> None:
    def body(db: Session) -> WithBody:
        return as_result(db.get(Post, 1))

    assert ".options(undefer(Post.body))" in refused(body)

    def loaded(db: Session) -> WithBody:
        return as_result(db.get(Post, 1, options=[undefer(Post.body)]))

    assert new_application().handle(loaded).json() == {"body": ""}


def test_an_expired_attribute_is_named_with_the_remedy() -> None:
    def expired(db: Session) -> PostOut:
        post = db.get_one(Post, 1)
        db.expire(post)
        return as_result(post)

    assert refused(expired).startswith("Post.id has expired")
    assert 'session.refresh(post, ["id"])' in refused(expired)


def test_an_object_that_has_left_its_session_is_named() -> None:
    def detached(db: Session) -> PostWithAuthor:
        post = db.get_one(Post, 1)
        db.expunge(post)
        return as_result(post)

    assert "Post.author is not loaded and the object has left its session" in refused(detached)


def test_a_relationship_that_is_never_loaded_as_a_whole_is_named() -> None:
    def notes(db: Session) -> WithNotes:
        return as_result(db.get(Author, 1))

    assert 'lazy="write_only"' in refused(notes)


@pytest.mark.parametrize("name", ["author_name", "titles"])
def test_a_property_that_loads_is_refused_and_names_what_it_loads(name: str) -> None:
    def posts(db: Session) -> list[Named]:
        return as_result(db.scalars(select(Post)).all())

    def authors(db: Session) -> list[Titled]:
        return as_result(db.scalars(select(Author)).all())

    if name == "author_name":
        assert ".options(selectinload(Post.author))" in refused(posts)
    else:
        assert ".options(selectinload(Author.posts))" in refused(authors)


def test_a_property_that_queries_is_refused_and_names_the_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def related(post: Post) -> int:
        session = Session.object_session(post)
        assert session is not None
        return session.scalar(select(func.count()).select_from(Post)) or 0

    monkeypatch.setattr(Post, "related", property(related), raising=False)

    def one(db: Session) -> Related:
        return as_result(db.get(Post, 1))

    assert "SELECT count(*)" in refused(one)


def test_an_attribute_that_is_not_loaded_is_a_500_with_its_name_in_the_log(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    @application.app.get("/")
    def one(db: Session) -> PostWithAuthor:
        return as_result(db.get(Post, 1))

    with Client(application.app, raise_errors=False, development=False) as client:
        response = client.get("/")
    assert response.status_code == 500
    assert "author" not in response.text
    assert "selectinload(Post.author)" in caplog.text


def test_statements_are_allowed_again_after_an_encoding_that_failed(
    application: Application,
) -> None:
    @application.app.get("/bad")
    def bad(db: Session) -> PostWithAuthor:
        return as_result(db.get(Post, 1))

    @application.app.get("/good")
    def good(db: Session) -> PostOut:
        return as_result(db.get(Post, 1))

    with Client(application.app, raise_errors=False) as client:
        assert client.get("/bad").status_code == 500
        assert client.get("/good").status_code == 200


# -- values of the database ---------------------------------------------------------------------


def test_values_that_a_flush_leaves_to_the_database_are_read_at_once(
    new_application: Callable[[], Application],
) -> None:
    application = new_application()

    @application.app.put("/")
    def update(db: Session) -> list[Out]:
        things = [Counted(id=number, name="a") for number in range(5)]
        db.add_all(things)
        db.flush()
        for each in things:
            each.name = "b"
        return as_result(things)

    with Client(application.app) as client:
        assert client.put("/").json() == [{"name": "b", "changes": 1}] * 5
    selects = [each for each in application.statements if each.startswith("SELECT")]
    assert len(selects) == 1


def test_columns_of_a_new_object_that_were_not_set_are_null(application: Application) -> None:
    def create(db: Session) -> Post:
        post = Post(title="new")
        db.add(post)
        return post

    assert application.handle(create, method="POST").json()["color"] is None
    assert [each.split()[0] for each in application.statements] == ["INSERT"]


def test_columns_of_a_new_object_that_are_expressions_are_read(application: Application) -> None:
    class Expressions(DeclarativeBase):
        pass

    class Doubled(Expressions):
        __tablename__ = "orm_doubled"
        id: Mapped[int] = mapped_column(primary_key=True)
        doubled: Mapped[int] = column_property(id * 2)

    Expressions.metadata.create_all(application.engine)

    def create(db: Session) -> Any:
        things = [Doubled(), Doubled()]
        db.add_all(things)
        return things

    create.__annotations__["return"] = list[Doubled]
    items = [{"id": 1, "doubled": 2}, {"id": 2, "doubled": 4}]
    assert application.handle(create, method="POST").json() == items


def test_objects_with_composite_keys_are_completed_at_once(application: Application) -> None:
    class Composites(DeclarativeBase):
        pass

    class Cell(Composites):
        __tablename__ = "orm_cells"
        x: Mapped[int] = mapped_column(primary_key=True)
        y: Mapped[int] = mapped_column(primary_key=True)
        value: Mapped[int] = mapped_column(default=0, onupdate=func.abs(7))
        touched: Mapped[bool] = mapped_column(default=False)

    Composites.metadata.create_all(application.engine)

    def cells(db: Session) -> Any:
        every = [Cell(x=x, y=y) for x in range(2) for y in range(2)]
        db.add_all(every)
        db.flush()
        for each in every:
            each.touched = True
        db.flush()
        application.statements.clear()
        return every

    cells.__annotations__["return"] = list[Cell]
    values = [each["value"] for each in application.handle(cells, method="POST").json()]
    assert values == [7, 7, 7, 7]
    assert len(application.statements) == 1


# -- streams ------------------------------------------------------------------------------------


def test_items_of_a_stream_are_projected_while_the_session_is_open(
    new_application: Callable[[], Application],
    application: Application,
) -> None:
    def stream(db: Session) -> Iterator[PostOut]:
        yield from as_result(
            db.scalars(select(Post).order_by(Post.id).execution_options(yield_per=1))
        )

    def lines(db: Session) -> JsonLines[PostOut]:
        return JsonLines(db.scalars(select(Post).order_by(Post.id)))

    sent = '{"id":1,"title":"one"}\n{"id":2,"title":"two"}\n'
    assert application.handle(stream).text == sent
    assert new_application().handle(lines).text == sent


def test_items_of_a_stream_execute_no_statement_and_its_generator_may(
    new_application: Callable[[], Application],
    application: Application,
) -> None:
    def bad(db: Session) -> Iterator[PostWithAuthor]:
        yield from as_result(db.scalars(select(Post)))

    def good(db: Session) -> Iterator[PostWithAuthor]:
        for post in db.scalars(select(Post)).all():
            db.refresh(post, ["author"])
            yield as_result(post)

    assert application.handle(good).text.count("Ada") == 2
    with pytest.raises(AttributeNotLoaded, match="author"):
        new_application().handle(bad)


# -- schemas of mapped classes ------------------------------------------------------------------


def test_a_mapped_class_is_a_result_with_its_columns(application: Application) -> None:
    def posts(db: Session) -> list[Post]:
        return list(db.scalars(select(Post).order_by(Post.id)))

    first, _ = application.handle(posts).json()
    assert first == {"id": 1, "title": "one", "color": None, "changed": 0, "author_id": 1}
    assert len(application.statements) == 1
    schemas = application.app.document()["components"]["schemas"]
    assert schemas["Post"] == {
        "description": "An article.",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "title": {"type": "string"},
            "color": {"anyOf": [{"$ref": "#/components/schemas/Color"}, {"type": "null"}]},
            "changed": {"type": "integer"},
            "author_id": {"type": ["integer", "null"]},
        },
        "required": ["id", "title", "color", "changed", "author_id"],
    }


def test_private_columns_are_not_sent(application: Application) -> None:
    def author(db: Session) -> Author:
        return db.get_one(Author, 1)

    assert application.handle(author).json() == {"id": 1, "name": "Ada"}


def test_the_type_of_the_column_decides_without_a_usable_annotation() -> None:
    class Many(DeclarativeBase):
        pass

    class Thing(Many):
        __tablename__ = "orm_things"
        id = mapped_column(Integer, primary_key=True)
        name = mapped_column(String(20), nullable=False)
        kind = mapped_column(Enum("a", "b", name="kind"), nullable=False)
        data = mapped_column(JSON, nullable=False)
        note: Mapped[str] = mapped_column(nullable=True)
        _hidden = mapped_column(String)

    properties = schema_of(Thing)["properties"]
    assert properties == {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "data": {},
        "note": {"type": ["string", "null"]},
    }


class Elsewhere(Base):
    __tablename__ = "orm_elsewhere"
    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[uuid.UUID]
    at: Mapped[datetime.datetime | None]
    price: Mapped[Decimal]
    mode: Mapped[Literal["on", "off"]]
    raw: Mapped[bytes | None]
    day: Mapped[datetime.date]
    tags: Mapped[dict[str, Any]] = mapped_column(JSON)
    doubled: Mapped[int] = column_property(id * 2)
    secret = deferred(Column("secret", String))


def test_types_are_those_of_the_annotations() -> None:
    properties = schema_of(Elsewhere)["properties"]
    decimal = properties.pop("price")
    assert decimal["format"] == "decimal"
    assert properties == {
        "id": {"type": "integer"},
        "uid": {"type": "string", "format": "uuid"},
        "at": {"type": ["string", "null"], "format": "date-time"},
        "mode": {"type": "string", "enum": ["on", "off"]},
        "raw": {"type": ["string", "null"], "contentEncoding": "base64"},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "object"},
        "doubled": {"type": "integer"},
    }


def test_a_mapped_dataclass_has_the_members_of_a_mapped_class(application: Application) -> None:
    class Dataclasses(MappedAsDataclass, DeclarativeBase):
        pass

    class User(Dataclasses):
        __tablename__ = "orm_users"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        name: Mapped[str]
        password: Mapped[str] = mapped_column(info={"private": True}, repr=False, default="hush")

    Dataclasses.metadata.create_all(application.engine)

    def user(db: Session) -> Created[User]:
        user = User(name="Ada")
        db.add(user)
        return Created(user)

    user.__annotations__["return"] = Created[User]
    assert application.handle(user, method="POST").json() == {"id": 1, "name": "Ada"}


def test_a_class_of_an_imperative_mapping_has_the_members_of_its_table(
    application: Application,
) -> None:
    @attrs.define(slots=False)
    class Plain:
        id: int
        name: str
        comment: str = "not a column"

    metadata = MetaData()
    table = Table(
        "orm_plain", metadata, Column("id", Integer, primary_key=True), Column("name", String(9))
    )
    registry().map_imperatively(Plain, table)
    metadata.create_all(application.engine)

    def plain(db: Session) -> Any:
        db.add(Plain(1, "a"))
        db.flush()
        return db.scalars(select(Plain)).all()

    plain.__annotations__["return"] = list[Plain]
    assert application.handle(plain, method="POST").json() == [{"id": 1, "name": "a"}]


def test_subclasses_are_sent_as_the_class_of_the_annotation(application: Application) -> None:
    class Kinds(DeclarativeBase):
        pass

    class Person(Kinds):
        __tablename__ = "orm_people"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012

    class Manager(Person):
        salary: Mapped[int] = mapped_column(nullable=True)
        __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012

    Kinds.metadata.create_all(application.engine)

    def people(db: Session) -> Any:
        db.add_all([Person(id=1), Manager(id=2, salary=3)])
        db.flush()
        db.expire_all()
        return db.scalars(select(Person).order_by(Person.id)).all()

    def either(db: Session) -> Any:
        return people(db)

    people.__annotations__["return"] = list[Person]
    items = [{"id": 1, "kind": "person"}, {"id": 2, "kind": "manager"}]
    assert application.handle(people, method="POST").json() == items
    assert schema_of(Manager)["required"] == ["id", "kind", "salary"]


def test_the_columns_of_a_composite_are_members() -> None:
    class Points(DeclarativeBase):
        pass

    class Line(Points):
        __tablename__ = "orm_lines"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[int]
        y: Mapped[int]
        start: Mapped[Point] = composite("x", "y")

    assert list(schema_of(Line)["properties"]) == ["id", "x", "y"]


def test_a_class_without_columns_to_send_is_refused() -> None:
    class Private(DeclarativeBase):
        pass

    class Key(Private):
        __tablename__ = "orm_keys"
        id: Mapped[int] = mapped_column(primary_key=True, info={"private": True})

    with pytest.raises(TypeError, match="no column that may be sent"):
        schema_of(Key)


@dataclasses.dataclass
class Point:
    x: int
    y: int


@attrs.frozen
class Containing:
    posts: list[Post | None]


@pytest.mark.parametrize(
    "annotation",
    [Post, Json[Post], Query[Post], Form[Post], list[Post], Json[dict[str, Post]], Containing],
    ids=str,
)
def test_a_request_is_not_decoded_into_a_mapped_class(annotation: Any) -> None:
    app = Photon()

    def create(post: Any) -> None: ...

    create.__annotations__["post"] = annotation
    app.post("/")(create)
    with pytest.raises(SignatureError, match=r"argument post: .* Write an attrs class"):
        app.document()


def test_a_mapped_class_may_be_provided(application: Application) -> None:
    def post(db: Session) -> Post:
        return db.get_one(Post, 2)

    application.app.provide(Post, post)

    def title(current: Post) -> PostOut:
        return as_result(current)

    assert application.handle(title).json() == {"id": 2, "title": "two"}
