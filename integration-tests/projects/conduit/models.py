"""The tables of Conduit."""

from __future__ import annotations

from sqlalchemy import ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from photon_lifeguard.models import COLUMN_TYPES, NAMING_CONVENTION, Timestamps


class Base(DeclarativeBase):
    """The base of the models."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = COLUMN_TYPES


class Account(Base):
    """A user."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(100), unique=True)
    email: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    bio: Mapped[str | None]
    image: Mapped[str | None]


class Follow(Base):
    """One user follows another."""

    __tablename__ = "follows"

    follower_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    followed_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)


class Post(Timestamps, Base):
    """An article."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(200), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(1000))
    body: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    author: Mapped[Account] = relationship()
    tags: Mapped[list[PostTag]] = relationship(
        order_by="PostTag.position", cascade="all, delete-orphan"
    )
    favorites: Mapped[list[Favorite]] = relationship(cascade="all, delete-orphan")
    comments: Mapped[list[Remark]] = relationship(cascade="all, delete-orphan")


class PostTag(Base):
    """A tag of an article, in the order of its author."""

    __tablename__ = "post_tags"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class Favorite(Base):
    """A user likes an article."""

    __tablename__ = "favorites"

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)


class Remark(Timestamps, Base):
    """A comment on an article."""

    __tablename__ = "remarks"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    author: Mapped[Account] = relationship()
