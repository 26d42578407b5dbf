from __future__ import annotations

import ast
import enum
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy import Column, Integer, MetaData, String, Table
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.errors import MigrationError
from photon_lifeguard.migrations import (
    KnownRenames,
    PlannedMigration,
    diff,
    migrate,
    pending_sql,
    plan_migration,
    rollback,
)
from photon_lifeguard.models import (
    NAMING_CONVENTION,
    JsonDocument,
    Timestamps,
    UtcDateTime,
    enum_type,
)

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.slow),
    pytest.param("mysql", marks=pytest.mark.slow),
]
CONVENTION = dict(NAMING_CONVENTION)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind, in a project of its own."""
    kind = request.param
    url = "sqlite:///app.db" if kind == "sqlite" else request.getfixturevalue(f"empty_{kind}_url")
    database = Database(DatabaseSettings(url=url), folder=tmp_path)
    yield database
    database.close()


@pytest.fixture
def postgres(empty_postgres_url: str, tmp_path: Path) -> Iterator[Database]:
    """An empty database of PostgreSQL."""
    database = Database(DatabaseSettings(url=empty_postgres_url), folder=tmp_path)
    yield database
    database.close()


def is_of(database: Database, *kinds: str) -> bool:
    return database.backend.name in kinds


def apply(database: Database, models: MetaData, **options: Any) -> PlannedMigration:
    """Generate the migration to ``models``, apply it, and see that nothing is left."""
    planned = plan_migration(database, "change", models, **options)
    assert planned.file is not None
    ast.parse(planned.file.source)
    planned.file.write()
    migrate(database)
    assert described(database, models) == [], planned.file.source
    return planned


def described(database: Database, models: MetaData) -> list[str]:
    return [change.description for change in diff(database, models)]


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Moment(sa.TypeDecorator[Any]):
    """A type of an application."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True


class Tags(sa.TypeDecorator[Any]):
    """One that is another on PostgreSQL."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        is_postgresql = dialect.name == "postgresql"
        return dialect.type_descriptor(postgresql.JSONB() if is_postgresql else sa.JSON())


def array(item: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    return sa.JSON().with_variant(sa.ARRAY(item), "postgresql")


def unsigned(general: sa.types.TypeEngine[Any], own: Any) -> sa.types.TypeEngine[Any]:
    return general.with_variant(own(unsigned=True), "mysql", "mariadb")


TYPES: dict[str, Callable[[], sa.types.TypeEngine[Any]]] = {
    "uuid": lambda: sa.Uuid(),
    "string": lambda: sa.String(255),
    "text": lambda: sa.Text(),
    "small_unsigned": lambda: unsigned(sa.SmallInteger(), mysql.SMALLINT),
    "unsigned": lambda: unsigned(sa.Integer(), mysql.INTEGER),
    "big_unsigned": lambda: unsigned(sa.BigInteger(), mysql.BIGINT),
    "small_int": lambda: sa.SmallInteger(),
    "int": lambda: sa.Integer(),
    "big_int": lambda: sa.BigInteger(),
    "float": lambda: sa.Float(),
    "double": lambda: sa.Double(),
    "decimal": lambda: sa.Numeric(),
    "decimal_len": lambda: sa.Numeric(24, 8),
    "bool": lambda: sa.Boolean(),
    "bool_check": lambda: sa.Boolean(create_constraint=True, name="is_bool"),
    "tstz": lambda: sa.DateTime(timezone=True),
    "date": lambda: sa.Date(),
    "date_time": lambda: sa.DateTime(),
    "time": lambda: sa.Time(),
    "interval": lambda: sa.Interval(),
    "json": lambda: sa.JSON(),
    "jsonb": lambda: sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
    "blob": lambda: sa.LargeBinary(),
    "money": lambda: sa.Numeric(19, 4),
    "binary_len": lambda: sa.BINARY(16).with_variant(sa.LargeBinary(), "postgresql"),
    "var_binary": lambda: sa.LargeBinary(16),
    "array_string": lambda: array(sa.String(20)),
    "array_int": lambda: array(sa.Integer()),
    "array_float": lambda: array(sa.Double()),
    "array_bool": lambda: array(sa.Boolean()),
    "enum": lambda: sa.Enum(Color, name="color"),
    "enum_check": lambda: sa.Enum("a", "b", name="ab", native_enum=False, create_constraint=True),
    "enum_text": lambda: sa.Enum("a", "b", native_enum=False, length=10),
    "unicode": lambda: sa.Unicode(30),
    "char": lambda: sa.CHAR(2),
    "collated": lambda: sa.String(10).with_variant(sa.String(10, "NOCASE"), "sqlite"),
    "utc": lambda: UtcDateTime(),
    "document": lambda: JsonDocument(),
    "enum_of_values": lambda: enum_type(Color),
    "decorated": lambda: Moment(),
    "decorated_variant": lambda: Tags(),
}


def one_column(kind: Callable[[], sa.types.TypeEngine[Any]], **options: Any) -> MetaData:
    models = MetaData(naming_convention=CONVENTION)
    Table("things", models, Column("id", Integer, primary_key=True), Column("v", kind(), **options))
    return models


@pytest.mark.slow
def test_every_type_is_the_same_after_its_migration(database: Database) -> None:
    models = MetaData(naming_convention=CONVENTION)
    columns = [Column(f"c_{name}", make(), nullable=False) for name, make in TYPES.items()]
    Table("things", models, Column("id", Integer, primary_key=True), *columns)
    apply(database, models)
    rollback(database)
    assert described(database, MetaData()) == []
    migrate(database)
    assert described(database, models) == []


@pytest.mark.slow
def test_every_type_can_be_added_to_a_table_and_dropped_again(database: Database) -> None:
    first = MetaData(naming_convention=CONVENTION)
    Table("things", first, Column("id", Integer, primary_key=True))
    apply(database, first)
    models = MetaData(naming_convention=CONVENTION)
    columns = [Column(f"c_{name}", make()) for name, make in TYPES.items()]
    Table("things", models, Column("id", Integer, primary_key=True), *columns)
    apply(database, models)
    rollback(database)
    assert described(database, first) == []
    migrate(database)
    planned = apply(database, first)
    assert len(planned.losses) == len(TYPES)
    rollback(database)
    assert described(database, models) == []


def table(*items: Any, **options: Any) -> MetaData:
    """Return models with a table of its own, and one that it may refer to."""
    models = MetaData(naming_convention=CONVENTION)
    Table("authors", models, Column("id", Integer, primary_key=True))
    Table("posts", models, Column("id", Integer, primary_key=True), *items, **options)
    return models


def title(*arguments: Any, **options: Any) -> Column[Any]:
    return Column("title", *(arguments or (String(20),)), **options)


def author(*arguments: Any, **options: Any) -> Column[Any]:
    return Column("author_id", Integer, sa.ForeignKey("authors.id", *arguments, **options))


def where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


@attrs.frozen
class Place:
    """Where a change has its table."""

    models: MetaData
    name: str

    def table(self, *items: Any, **options: Any) -> Table:
        return Table(
            self.name, self.models, Column("id", Integer, primary_key=True), *items, **options
        )


CHANGES: dict[str, tuple[Callable[[Place], object], Callable[[Place], object]]] = {
    "length": (lambda p: p.table(title()), lambda p: p.table(title(String(50)))),
    "to text": (lambda p: p.table(title()), lambda p: p.table(title(sa.Text()))),
    "to number": (lambda p: p.table(title()), lambda p: p.table(title(Integer))),
    "precision": (
        lambda p: p.table(title(sa.Numeric(10, 2))),
        lambda p: p.table(title(sa.Numeric(12, 4))),
    ),
    "bigger": (
        lambda p: p.table(title(Integer)),
        lambda p: p.table(title(sa.BigInteger())),
    ),
    "to jsonb": (
        lambda p: p.table(title(sa.JSON())),
        lambda p: p.table(title(sa.JSON().with_variant(postgresql.JSONB(), "postgresql"))),
    ),
    "to null": (lambda p: p.table(title(nullable=False)), lambda p: p.table(title())),
    "not null": (lambda p: p.table(title()), lambda p: p.table(title(nullable=False))),
    "default": (
        lambda p: p.table(title()),
        lambda p: p.table(title(server_default="it's new")),
    ),
    "default changed": (
        lambda p: p.table(title(server_default="a")),
        lambda p: p.table(title(server_default="b")),
    ),
    "default now": (
        lambda p: p.table(title(sa.DateTime())),
        lambda p: p.table(title(sa.DateTime(), server_default=sa.func.now())),
    ),
    "default number": (
        lambda p: p.table(title(Integer, server_default="1")),
        lambda p: p.table(title(Integer, server_default=sa.text("2"))),
    ),
    "default bool": (
        lambda p: p.table(title(sa.Boolean(), server_default=sa.false())),
        lambda p: p.table(title(sa.Boolean(), server_default=sa.true())),
    ),
    "default and type": (
        lambda p: p.table(title(String(20), server_default="1")),
        lambda p: p.table(title(Integer, server_default="1")),
    ),
    "computed added": (
        lambda p: p.table(title(Integer)),
        lambda p: p.table(
            title(Integer), Column("twice", Integer, sa.Computed("title * 2", persisted=True))
        ),
    ),
    "computed changed": (
        lambda p: p.table(title(Integer), Column("n", Integer, sa.Computed("title * 2", True))),
        lambda p: p.table(title(Integer), Column("n", Integer, sa.Computed("title * 3", True))),
    ),
    "check added": (
        lambda p: p.table(title(Integer)),
        lambda p: p.table(title(Integer), sa.CheckConstraint("title > 0", name="positive")),
    ),
    "check changed": (
        lambda p: p.table(title(Integer), sa.CheckConstraint("title > 0", name="positive")),
        lambda p: p.table(title(Integer), sa.CheckConstraint("title > 10", name="positive")),
    ),
    "check of an expression": (
        lambda p: p.table(title(Integer)),
        lambda p: p.table(value := title(Integer), sa.CheckConstraint(value > 5, name="more")),
    ),
    "check dropped": (
        lambda p: p.table(title(Integer), sa.CheckConstraint("title > 0", name="positive")),
        lambda p: p.table(title(Integer)),
    ),
    "unique added": (lambda p: p.table(title()), lambda p: p.table(title(unique=True))),
    "unique dropped": (
        lambda p: p.table(title(unique=True)),
        lambda p: p.table(title()),
    ),
    "index added": (lambda p: p.table(title()), lambda p: p.table(title(index=True))),
    "index dropped": (lambda p: p.table(title(index=True)), lambda p: p.table(title())),
    "index becomes unique": (
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title")),
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title", unique=True)),
    ),
    "index with a condition": (
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title")),
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title", **where("title <> 'x'"))),
    ),
    "condition of an index": (
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title", **where("title <> 'x'"))),
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title", **where("title <> 'y'"))),
    ),
    "index of more columns": (
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title")),
        lambda p: p.table(title(), sa.Index(f"{p.name}_i", "title", "id")),
    ),
    "foreign key added": (lambda p: p.table(), lambda p: p.table(author())),
    "foreign key dropped": (
        lambda p: p.table(author()),
        lambda p: p.table(Column("author_id", Integer)),
    ),
    "foreign key cascades": (
        lambda p: p.table(author()),
        lambda p: p.table(author(ondelete="CASCADE")),
    ),
    "comment": (
        lambda p: p.table(title()),
        lambda p: p.table(title(comment="it's a title"), comment="c"),
    ),
    "comment dropped": (
        lambda p: p.table(title(comment="a")),
        lambda p: p.table(title()),
    ),
    "table dropped": (
        lambda p: p.table(title(index=True), author(ondelete="CASCADE")),
        lambda p: None,
    ),
    "enum check": (
        lambda p: p.table(
            title(sa.Enum("a", "b", name=f"{p.name}_e", native_enum=False, create_constraint=True)),
        ),
        lambda p: p.table(
            title(sa.Enum("a", "c", name=f"{p.name}_e", native_enum=False, create_constraint=True)),
        ),
    ),
    "enum value added": (
        lambda p: p.table(title(sa.Enum("a", "b", name=f"{p.name}_e"))),
        lambda p: p.table(title(sa.Enum("a", "x", "b", "c", name=f"{p.name}_e"))),
    ),
    "enum value removed": (
        lambda p: p.table(title(sa.Enum("a", "b", name=f"{p.name}_e"), server_default="a")),
        lambda p: p.table(title(sa.Enum("a", name=f"{p.name}_e"), server_default="a")),
    ),
    "enum reordered": (
        lambda p: p.table(title(sa.Enum("a", "b", name=f"{p.name}_e"))),
        lambda p: p.table(title(sa.Enum("b", "a", name=f"{p.name}_e"))),
    ),
    "text to enum": (
        lambda p: p.table(title(String(20), server_default="a")),
        lambda p: p.table(title(sa.Enum("a", "b", name=f"{p.name}_e"), server_default="a")),
    ),
    "primary key": (
        lambda p: p.table(Column("other", Integer, nullable=False)),
        lambda p: Table(
            p.name,
            p.models,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("other", Integer, primary_key=True, autoincrement=False),
        ),
    ),
}


def models_of(state: int, *, without: frozenset[str] = frozenset()) -> MetaData:
    """Return the models before (0) or after (1) all changes, each with a table of its own."""
    models = MetaData(naming_convention=CONVENTION)
    Table("authors", models, Column("id", Integer, primary_key=True))
    for name, pair in CHANGES.items():
        if name not in without:
            pair[state](Place(models, name.replace(" ", "_")))
    return models


@pytest.mark.slow
def test_changes_are_applied_and_undone_without_a_remaining_difference(
    database: Database,
) -> None:
    # A column of MySQL with AUTO_INCREMENT must be the first of a key.
    without = frozenset(["primary key"]) if is_of(database, "mysql") else frozenset[str]()
    before, after = models_of(0, without=without), models_of(1, without=without)
    apply(database, before)
    found = described(database, after)
    unseen = {
        name
        for name in CHANGES.keys() - without
        if not any(name.replace(" ", "_") in re.split(r"\W+", each) for each in found)
    }
    assert unseen - {"enum value added", "enum value removed"} == absent(database)
    apply(database, after)
    rollback(database)
    assert described(database, before) == []
    migrate(database)
    assert described(database, after) == []


def absent(database: Database) -> set[str]:
    """Return the changes of what a kind of database does not have."""
    conditions = {"index with a condition", "condition of an index"}
    return {
        "sqlite": {"comment", "comment dropped", "to jsonb", "enum reordered"},
        "mysql": {*conditions, "to jsonb"},
        "postgresql": {"enum reordered"},  # a change of the type, not of the table
    }[database.backend.name]


def test_a_circle_of_tables_is_created(database: Database) -> None:
    models = MetaData(naming_convention=CONVENTION)
    Table(
        "chickens",
        models,
        Column("id", Integer, primary_key=True),
        Column("egg_id", sa.ForeignKey("eggs.id")),
    )
    Table(
        "eggs",
        models,
        Column("id", Integer, primary_key=True),
        Column("chicken_id", sa.ForeignKey("chickens.id")),
    )
    apply(database, models)
    rollback(database)
    assert described(database, MetaData()) == []


def test_the_values_of_an_array_of_an_enum_change(postgres: Database) -> None:
    def models(*values: str) -> MetaData:
        made = MetaData(naming_convention=CONVENTION)
        kind = sa.ARRAY(sa.Enum(*values, name="letter"))
        Table("words", made, Column("id", Integer, primary_key=True), Column("letters", kind))
        return made

    apply(postgres, models("a", "b"))
    with postgres.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO words VALUES (1, '{a}')"))
    planned = plan_migration(postgres, "change", models("a", "c"))
    assert planned.file is not None
    planned.file.write()
    assert "ALTER COLUMN letters TYPE letter[]" in pending_sql(postgres)
    migrate(postgres)
    assert described(postgres, models("a", "c")) == []


def test_two_tables_share_an_enum(database: Database) -> None:
    models = MetaData(naming_convention=CONVENTION)
    for name in ("one", "two"):
        kind = sa.Enum("a", "b", name="letter")
        Table(name, models, Column("id", Integer, primary_key=True), Column("letter", kind))
    apply(database, models)
    rollback(database)
    migrate(database)


def test_constraints_without_names_are_kept_and_dropped(database: Database) -> None:
    def models(*items: Any) -> MetaData:
        plain = MetaData()
        Table("authors", plain, Column("id", Integer, primary_key=True))
        Table("posts", plain, Column("id", Integer, primary_key=True), *items)
        return plain

    def full() -> MetaData:
        return models(
            title(unique=True), author(), sa.CheckConstraint("title <> 'x'"), Column("n", Integer)
        )

    apply(database, full())
    apply(database, models(title(unique=True), author(), sa.CheckConstraint("title <> 'x'")))
    apply(
        database, models(title(), Column("author_id", Integer), sa.CheckConstraint("title <> 'x'"))
    )
    apply(database, models(title(), Column("author_id", Integer)))


def test_a_renamed_column_keeps_its_values(database: Database) -> None:
    apply(database, table(title(index=True), sa.CheckConstraint("title <> ''", name="filled")))
    with database.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO posts (id, title) VALUES (1, 'kept')"))
    after = table(
        Column("headline", String(20), index=True),
        sa.CheckConstraint("headline <> ''", name="filled"),
    )
    decisions = KnownRenames({"posts.title": "posts.headline"})
    planned = apply(database, after, decisions=decisions)
    assert planned.losses == []
    with database.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT headline FROM posts")) == "kept"
    rollback(database)
    with database.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT title FROM posts")) == "kept"


def test_a_rename_without_a_decision_is_a_loss_with_a_candidate(database: Database) -> None:
    apply(database, table(title()))
    decisions = KnownRenames()
    planned = plan_migration(
        database, "x", table(Column("headline", String(20))), decisions=decisions
    )
    assert planned.losses == ["column posts.title"]
    assert decisions.candidates == [("posts.title", "posts.headline")]


def test_a_renamed_table_keeps_its_rows_and_its_references(database: Database) -> None:
    def models(name: str) -> MetaData:
        made = MetaData()
        Table(name, made, Column("id", Integer, primary_key=True), Column("name", String(5)))
        Table(
            "posts",
            made,
            Column("id", Integer, primary_key=True),
            Column("writer", sa.ForeignKey(f"{name}.id", name="fk_writer")),
        )
        return made

    apply(database, models("authors"))
    with database.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO authors VALUES (1, 'Ann')"))
        connection.execute(sa.text("INSERT INTO posts VALUES (1, 1)"))
    planned = apply(database, models("writers"), decisions=KnownRenames({"authors": "writers"}))
    assert planned.losses == []
    with database.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT name FROM writers")) == "Ann"


def test_a_column_that_rows_cannot_have_is_warned_of(database: Database) -> None:
    apply(database, table())
    planned = plan_migration(database, "x", table(title(nullable=False)))
    (warning,) = planned.warnings
    assert warning.startswith("posts.title is NOT NULL without a server_default")


def test_pending_migrations_are_applied_before_another_is_generated(database: Database) -> None:
    planned = plan_migration(database, "first", table())
    assert planned.file is not None
    planned.file.write()
    with pytest.raises(MigrationError, match="migrations are pending: apply them first"):
        plan_migration(database, "second", table(title()))


def test_an_ignored_table_stays(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE legacy_orders (id integer)"))
    settings = DatabaseSettings(url=database.settings.url, ignored_tables=("legacy_*",))
    assert described(Database(settings, folder=database.folder), MetaData()) == []
    assert described(database, MetaData()) == ["table legacy_orders is dropped"]


def test_tables_that_photon_makes_itself_stay(database: Database) -> None:
    with database.engine.begin() as connection:
        for name in ("photon_jobs", "photon_room_logs"):
            connection.execute(sa.text(f"CREATE TABLE {name} (id integer)"))
    assert described(database, MetaData()) == []
    own = MetaData()
    Table("photon_albums", own, Column("id", sa.Integer, primary_key=True))
    assert described(database, own) == ["table photon_albums is added"]


def test_a_removed_value_of_an_enum_is_warned_of(postgres: Database) -> None:
    database = postgres
    apply(database, table(title(sa.Enum("a", "b", name="e"))))
    planned = plan_migration(database, "x", table(title(sa.Enum("a", name="e"))))
    (warning,) = planned.warnings
    assert warning.startswith(
        "the values b of e are removed: the migration fails if rows have them"
    )


def test_types_of_the_application_are_not_imported(database: Database) -> None:
    planned = plan_migration(database, "x", table(title(Moment()), Column("tags", Tags())))
    assert planned.file is not None
    assert "sa.DateTime(timezone=True)" in planned.file.source
    assert 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")' in planned.file.source
    assert "Moment" not in planned.file.source


def test_defaults_are_written_for_all_kinds_of_databases(database: Database) -> None:
    columns = [
        Column("a", sa.DateTime(), server_default=sa.func.now()),
        Column("b", sa.Boolean(), server_default=sa.true()),
        Column("c", String(9), server_default="it's"),
    ]
    planned = plan_migration(database, "x", table(*columns))
    assert planned.file is not None
    for text in ("sa.func.now()", "sa.true()", '"it\'s"'):
        assert f"server_default={text}" in planned.file.source


def test_timestamps_have_defaults_for_all_kinds_of_databases(database: Database) -> None:
    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=CONVENTION)

    class Post(Timestamps, Base):
        __tablename__ = "posts"

        id: Mapped[int] = mapped_column(primary_key=True)

    planned = apply(database, Base.metadata)
    assert planned.file is not None
    assert "from photon_lifeguard.models import utc_now" in planned.file.source
    assert "server_default=utc_now()" in planned.file.source


def test_models_that_are_not_named_are_an_error_with_the_setting(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(), folder=tmp_path)
    with pytest.raises(MigrationError, match='models = "'):
        diff(database)


def test_a_migration_of_a_metadata_with_schemas(postgres: Database) -> None:
    database = postgres
    with database.engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA shop"))

    def models(length: int) -> MetaData:
        made = MetaData(naming_convention=CONVENTION)
        Table("users", made, Column("id", Integer, primary_key=True))
        Table(
            "orders",
            made,
            Column("id", Integer, primary_key=True),
            Column("state", sa.Enum("a", "b", name="state", schema="shop"), server_default="a"),
            Column("name", String(length), index=True),
            Column("user_id", sa.ForeignKey("users.id")),
            schema="shop",
        )
        return made

    apply(database, models(10))
    apply(database, models(20))
    rollback(database, 2)
    assert described(database, MetaData()) == []
