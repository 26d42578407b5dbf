"""Types and mixins of models on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import copy
import datetime
import enum
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateTable

from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.models import (
    COLUMN_TYPES,
    NAMING_CONVENTION,
    JsonDocument,
    Timestamps,
    UtcDateTime,
    enum_type,
    utc_now,
)
from photon_runtime.testing import in_hub

UTC = datetime.UTC
MOMENT = datetime.datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


class Color(enum.Enum):
    RED = "r"
    DARK_BLUE = "dark blue"


class Base(DeclarativeBase):
    """The models of this file."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = COLUMN_TYPES


class Owner(Base):
    __tablename__ = "model_owners"
    id: Mapped[int] = mapped_column(primary_key=True)


class Thing(Timestamps, Base):
    __tablename__ = "model_things"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), default="", index=True)
    at: Mapped[datetime.datetime | None]
    data: Mapped[dict[str, Any] | None]
    items: Mapped[list[Any] | None]
    tracked: Mapped[dict[str, Any] | None] = mapped_column(MutableDict.as_mutable(JsonDocument()))
    color: Mapped[Color | None] = mapped_column(enum_type(Color))
    native: Mapped[Color | None] = mapped_column(enum_type(Color, native=True, name="model_color"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("model_owners.id"))
    __table_args__ = (UniqueConstraint("name", "owner_id"), Index(None, "owner_id", "name"))


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


def stored(database: Database, **values: Any) -> Thing:
    """Return a thing with ``values``, loaded from the database."""
    with database.session() as session:
        session.add(Thing(id=1, **values))
        session.commit()
    with database.session() as session:
        return session.get_one(Thing, 1)


# -- times --------------------------------------------------------------------------------------


@in_hub
def test_times_are_read_in_utc_with_microseconds(database: Database) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    thing = stored(database, at=MOMENT.astimezone(zone))
    assert thing.at == MOMENT
    assert thing.at.tzinfo is UTC
    with database.session() as session:
        assert session.scalar(select(Thing.id).where(Thing.at == MOMENT.astimezone(zone))) == 1
        assert session.scalar(select(Thing.id).where(Thing.at > MOMENT)) is None


@in_hub
def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with database.session() as session:
        session.add(Thing(at=MOMENT.replace(tzinfo=None)))
        with pytest.raises(StatementError, match="has no time zone"):
            session.flush()
        session.rollback()
        with pytest.raises(StatementError, match="has no time zone"):
            session.scalar(select(Thing).where(Thing.at == MOMENT.replace(tzinfo=None)))


@in_hub
def test_timestamps_are_set_when_a_row_is_made_and_when_it_is_changed(database: Database) -> None:
    executed: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: executed.append(args[2]))
    before = datetime.datetime.now(UTC)
    with database.session() as session:
        thing = Thing(id=1)
        session.add(thing)
        session.flush()
        executed.clear()
        created = thing.created_at
        assert before <= created <= datetime.datetime.now(UTC)
        assert thing.updated_at == created
        thing.name = "new"
        session.flush()
        assert thing.updated_at > created
        assert thing.created_at == created
        assert len(executed) == 1
        session.commit()
        session.execute(update(Thing).values(name="bulk"))
        session.commit()
    with database.session() as session:
        loaded = session.get_one(Thing, 1)
        assert loaded.created_at == created
        assert loaded.updated_at > thing.updated_at or loaded.updated_at > created


@in_hub
def test_timestamps_that_are_given_are_stored(database: Database) -> None:
    thing = stored(database, created_at=MOMENT)
    assert (thing.created_at, thing.updated_at) == (MOMENT, MOMENT)


@in_hub
def test_rows_of_other_programs_have_the_time_of_the_database(database: Database) -> None:
    before = datetime.datetime.now(UTC) - datetime.timedelta(seconds=2)
    with database.session() as session:
        session.execute(text("INSERT INTO model_things (id, name) VALUES (1, '')"))
        session.commit()
        thing = session.get_one(Thing, 1)
        after = datetime.datetime.now(UTC) + datetime.timedelta(seconds=2)
        assert before < thing.created_at < after
        assert before < thing.updated_at < after
        session.execute(update(Thing).values(at=utc_now()))
        session.commit()
        session.refresh(thing)
        assert thing.at is not None
        assert before < thing.at < after
        assert session.scalar(select(Thing.id).where(Thing.at <= utc_now())) == 1


# -- enumerations -------------------------------------------------------------------------------


@in_hub
def test_members_are_stored_by_their_values(database: Database) -> None:
    thing = stored(database, color=Color.DARK_BLUE, native=Color.RED)
    assert (thing.color, thing.native) == (Color.DARK_BLUE, Color.RED)
    with database.session() as session:
        row = session.execute(text("SELECT color, native FROM model_things")).one()
        assert tuple(row) == ("dark blue", "r")


@in_hub
def test_the_database_refuses_other_values(database: Database) -> None:
    with database.session() as session:
        with pytest.raises(DBAPIError):
            session.execute(
                text("INSERT INTO model_things (id, name, color) VALUES (1, '', 'green')")
            )
        session.rollback()
        with pytest.raises(StatementError):
            session.execute(insert(Thing).values(id=1, color="green"))


def test_values_that_are_not_strings_are_refused() -> None:
    class Level(enum.Enum):
        LOW = 1

    with pytest.raises(TypeError, match="Level has the value 1"):
        enum_type(Level)


# -- JSON ---------------------------------------------------------------------------------------


@in_hub
def test_json_is_stored_and_loaded_read_only(database: Database) -> None:
    thing = stored(database, data={"a": {"b": [1, {"c": None}]}}, items=[1, [2]])
    assert thing.data == {"a": {"b": [1, {"c": None}]}}
    assert thing.items == [1, [2]]
    nested: Any = thing.data["a"]["b"]
    for change in (
        lambda: thing.data.update(x=1),
        lambda: thing.data.__setitem__("x", 1),
        lambda: thing.data.pop("a"),
        lambda: nested.append(1),
        lambda: nested[1].clear(),
        lambda: thing.items.__delitem__(0),
    ):
        with pytest.raises(TypeError, match="read-only"):
            change()
    with database.session() as session:
        session.add(thing)
        thing.data = {**thing.data, "views": 3}
        session.commit()
        session.refresh(thing)
        assert thing.data == {"a": {"b": [1, {"c": None}]}, "views": 3}


@in_hub
def test_copies_of_loaded_json_can_be_changed(database: Database) -> None:
    thing = stored(database, data={"a": [1]}, items=[[1]])
    copies: list[Any] = [copy.deepcopy(thing.data), pickle.loads(pickle.dumps(thing.data))]
    for made in copies:
        made["a"].append(2)
        assert made == {"a": [1, 2]}
    assert thing.items is not None
    shallow = copy.copy(thing.items)
    shallow.append(2)
    assert thing.items == [[1]]


@in_hub
def test_a_mutable_json_mapping_notices_its_changes(database: Database) -> None:
    thing = stored(database, tracked={"a": 1, "inner": {"b": 1}})
    with database.session() as session:
        session.add(thing)
        assert thing.tracked is not None
        thing.tracked["a"] = 2
        with pytest.raises(TypeError, match="read-only"):
            thing.tracked["inner"]["b"] = 2
        session.commit()
        session.refresh(thing)
        assert thing.tracked == {"a": 2, "inner": {"b": 1}}


@in_hub
def test_none_is_null_and_json_can_be_queried(database: Database) -> None:
    stored(database, data=None, items=[{"name": "x"}])
    with database.session() as session:
        assert session.scalar(select(Thing.id).where(Thing.data.is_(None))) == 1
        name = select(Thing.id).where(Thing.items[0]["name"].as_string() == "x")
        assert session.scalar(name) == 1


# -- conventions --------------------------------------------------------------------------------


@in_hub
def test_constraints_and_indexes_have_names(database: Database) -> None:
    inspector = inspect(database.engine)
    names = {each["name"] for each in inspector.get_indexes("model_things")}
    assert {"ix_model_things_name", "ix_model_things_owner_id_name"} <= names
    uniques = {each["name"] for each in inspector.get_unique_constraints("model_things")}
    assert "uq_model_things_name_owner_id" in uniques
    (foreign_key,) = inspector.get_foreign_keys("model_things")
    assert foreign_key["name"] == "fk_model_things_owner_id_model_owners"
    checks = {each["name"] for each in inspector.get_check_constraints("model_things")}
    assert "ck_model_things_color" in checks


def test_types_of_postgresql_are_its_own() -> None:
    engine = create_engine("postgresql+psycopg://")
    statement = str(CreateTable(Thing.__table__).compile(engine))  # type: ignore[arg-type]
    assert "at TIMESTAMP WITH TIME ZONE" in statement
    assert "data JSONB" in statement
    assert UtcDateTime().python_type is datetime.datetime
