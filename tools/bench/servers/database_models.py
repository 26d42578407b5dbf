"""The tables as classes of SQLAlchemy, for the servers that use it."""

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

WORLDS = 10_000
"""Number of rows of `World`; their keys begin at one."""


class Base(DeclarativeBase):
    """The classes of the benchmark."""


class World(Base):
    """A row that is read and updated by its key."""

    __tablename__ = "world"
    id: Mapped[int] = mapped_column(primary_key=True)
    random_number: Mapped[int]


class Fortune(Base):
    """A row of the page of fortunes."""

    __tablename__ = "fortune"
    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str]


class Entry(Base):
    """A row that is written; the database numbers it."""

    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
