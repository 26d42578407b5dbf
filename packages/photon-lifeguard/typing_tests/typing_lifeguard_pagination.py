"""What type-checkers see of pages."""

from typing import Any, assert_type

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon_lifeguard.pagination import (
    CursorParameters,
    KeysetPage,
    Page,
    PageParameters,
    paginate,
)


class Base(DeclarativeBase):
    """The models of this file."""


class Post(Base):
    """A text."""

    __tablename__ = "typing_posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


def pages(session: Session) -> None:
    """Return pages of entities, of columns and of rows."""
    assert_type(paginate(session, select(Post), PageParameters()), Page[Post])
    assert_type(paginate(session, select(Post), CursorParameters()), KeysetPage[Post])
    assert_type(paginate(session, select(Post.title), CursorParameters()), KeysetPage[str])
    assert_type(paginate(session, select(Post.id, Post.title), PageParameters()), Page[Any])
    assert_type(paginate(session, select(Post, Post.id), CursorParameters()), KeysetPage[Any])
