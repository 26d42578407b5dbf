"""The tables of the board, as SQLAlchemy sees them.

`models` has what clients send and get; `store` turns one into the other.
"""

from __future__ import annotations

import datetime

from sqlalchemy import JSON, ForeignKey, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from photon_lifeguard.models import NAMING_CONVENTION, UtcDateTime, enum_type

from .models import Column


class Base(DeclarativeBase):
    """All tables of the board."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class MemberRow(Base):
    """A member of the team."""

    __tablename__ = "members"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    position: Mapped[int] = mapped_column(unique=True)
    is_lead: Mapped[bool] = mapped_column(default=False)


class BoardRow(Base):
    """A board; it takes its cards with it when it is closed."""

    __tablename__ = "boards"
    __table_args__ = ({"sqlite_autoincrement": True},)  # numbers are never used again

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    limit: Mapped[int]
    cards: Mapped[list[CardRow]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CardRow.id"
    )


class CardRow(Base):
    """A card, with its comments and files."""

    __tablename__ = "cards"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id", ondelete="CASCADE"), index=True)
    column: Mapped[Column] = mapped_column(enum_type(Column))
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    labels: Mapped[list[str]] = mapped_column(JSON)
    assignee: Mapped[str | None] = mapped_column(String(60), index=True)
    due: Mapped[datetime.date | None]
    created_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    comments: Mapped[list[CommentRow]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CommentRow.id"
    )


class CommentRow(Base):
    """A comment on a card."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id", ondelete="CASCADE"), index=True)
    author: Mapped[str] = mapped_column(String(60))
    text: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)


class AttachmentRow(Base):
    """A file of a card; its content is read only where it is needed."""

    __tablename__ = "attachments"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int]
    note: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
