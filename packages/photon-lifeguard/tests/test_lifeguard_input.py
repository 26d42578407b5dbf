"""Values of requests, on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import attrs
import msgspec
import pytest
from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon_lifeguard import (
    Database,
    DatabaseSettings,
    ValueConflict,
    assert_queries,
    assign,
    find_conflicts,
    refuse_conflicts,
)
from photon_lifeguard.input._wire_names import wire_name_of
from photon_runtime.http import HttpError
from photon_runtime.testing import in_hub


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "input_authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)


class Post(Base):
    __tablename__ = "input_posts"
    __table_args__ = (
        UniqueConstraint("author_id", "slug"),
        Index("ix_input_posts_code", "code", unique=True),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50))
    code: Mapped[int | None]
    author_id: Mapped[int] = mapped_column(ForeignKey("input_authors.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("input_posts.id"))


@attrs.frozen
class NewPost:
    slug: str
    author_id: int
    code: int | None = None
    parent_id: int | None = None


class PostChanges(TypedDict, total=False):
    slug: str
    code: int | None
    author_id: int


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mysql", marks=pytest.mark.slow)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A session of an empty database, with two authors and a post."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/input.db"
    else:
        name = {"postgresql": "postgres_url", "mysql": "mysql_url"}[request.param]
        url = request.getfixturevalue(name)
    database = Database(DatabaseSettings(url=url))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    try:
        with database.session() as session:
            session.add_all([Author(id=1, name="Ada"), Author(id=2, name="Eve")])
            session.flush()
            session.add(Post(id=1, slug="first", code=7, author_id=1))
            session.commit()
            yield session
            session.rollback()
    finally:
        Base.metadata.drop_all(database.engine)
        database.close()


def test_members_of_an_attrs_class_become_attributes() -> None:
    post = assign(Post(id=5), NewPost("hello", 1, code=3))
    assert (post.id, post.slug, post.author_id, post.code) == (5, "hello", 1, 3)


def test_absent_keys_of_a_mapping_leave_attributes_unchanged() -> None:
    changes: PostChanges = {"code": None}
    post = assign(Post(slug="old", code=3), changes)
    assert (post.slug, post.code) == ("old", None)


class StructChanges(msgspec.Struct):
    slug: str | msgspec.UnsetType = msgspec.UNSET
    code: int | msgspec.UnsetType | None = msgspec.UNSET


@attrs.frozen
class AttrsChanges:
    slug: str | msgspec.UnsetType = msgspec.UNSET
    code: int | msgspec.UnsetType | None = msgspec.UNSET


@dataclasses.dataclass
class DataChanges:
    slug: str | msgspec.UnsetType = msgspec.UNSET
    code: int | msgspec.UnsetType | None = msgspec.UNSET


@pytest.mark.parametrize("cls", [StructChanges, AttrsChanges, DataChanges])
def test_members_that_are_unset_leave_attributes_unchanged(cls: Any) -> None:
    post = assign(Post(slug="old", code=3), cls(code=None))
    assert (post.slug, post.code) == ("old", None)


class Constrained:
    """As the annotation of the router, which has constraints and a name."""

    name = "theCode"
    min_length = None


@attrs.frozen
class NamedPost:
    """Names on the wire of every kind."""

    slug: str = attrs.field(default="", alias="slugText")
    author_id: int = 0
    code: Annotated[int | None, Constrained()] = None


class NamedStruct(msgspec.Struct, rename="camel"):
    author_id: int
    code: Annotated[int, msgspec.Meta(ge=1)] | None = None


def test_errors_have_the_names_of_members_on_the_wire() -> None:
    setattr(NamedPost, "__photon_rename__", str.upper)  # noqa: B010 - as the decorator of the router
    names = ["slug", "author_id", "code"]
    assert [wire_name_of(NamedPost, name) for name in names] == ["slugText", "AUTHOR_ID", "theCode"]
    assert [wire_name_of(NamedStruct, name) for name in names[1:]] == ["authorId", "code"]
    assert [wire_name_of(dict, name) for name in names] == names
    assert [wire_name_of(DataChanges, name) for name in names] == names


def test_members_without_an_attribute_are_refused_before_anything_is_set() -> None:
    post = Post(slug="old")
    with pytest.raises(TypeError, match="Post has no attribute 'titel'"):
        assign(post, {"slug": "new", "titel": "x"})
    assert post.slug == "old"
    with pytest.raises(TypeError, match="not int"):
        assign(post, 3)


@in_hub
def test_values_without_conflicts_are_accepted(db: Session) -> None:
    assert find_conflicts(db, Post, NewPost("first", 2, code=8, parent_id=1)) == []
    refuse_conflicts(db, Post, NewPost("second", 1))


@in_hub
def test_conflicts_name_every_member_in_one_statement(db: Session) -> None:
    with assert_queries(exact=1):
        conflicts = find_conflicts(db, Post, NewPost("first", 1, code=7, parent_id=99))
    assert conflicts == [
        ValueConflict("slug", "is taken already", 409),
        ValueConflict("author_id", "is taken already", 409),
        ValueConflict("code", "is taken already", 409),
        ValueConflict("parent_id", "does not exist", 422),
    ]


@in_hub
def test_a_row_does_not_conflict_with_itself(db: Session) -> None:
    post = db.get_one(Post, 1)
    with assert_queries(exact=0):
        assert find_conflicts(db, post, NewPost("first", 1, code=7)) == []
    db.add(Post(id=2, slug="second", code=8, author_id=1))
    db.flush()
    changes: PostChanges = {"slug": "second"}
    assert [each.member for each in find_conflicts(db, post, changes)] == ["slug"]
    assert find_conflicts(db, post, PostChanges(slug="third", code=None)) == []
    assert [each.member for each in find_conflicts(db, post, PostChanges(code=8))] == ["code"]


@in_hub
def test_a_check_does_not_flush(db: Session) -> None:
    db.add(Post(id=3, slug="first", author_id=1))
    assert find_conflicts(db, Author, {"name": "Eve"})
    assert db.new


@in_hub
def test_refusals_name_the_members(db: Session) -> None:
    with pytest.raises(HttpError) as taken:
        refuse_conflicts(db, Author, {"name": "Ada"})
    assert taken.value.status == 409
    assert taken.value.document()["errors"] == [
        {"in": "body", "pointer": "/name", "message": "is taken already"}
    ]
    with pytest.raises(HttpError) as missing:
        refuse_conflicts(db, Post, NewPost("first", 9, code=7))
    assert missing.value.status == 422
    assert missing.value.document()["errors"] == [
        {"in": "body", "pointer": "/author_id", "message": "does not exist"},
        {"in": "body", "pointer": "/code", "message": "is taken already"},
    ]
