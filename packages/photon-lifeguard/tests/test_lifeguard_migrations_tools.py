"""The tools beside migrations: checks, seeds, models and SQL from a database, the start."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import logging
import sys
import types
import uuid
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy import inspect, text
from sqlalchemy.orm import configure_mappers

from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.errors import MigrationError, PendingMigrations
from photon_lifeguard.migrations import (
    check,
    current,
    diff,
    dump,
    entities,
    migrate,
    plan_revision,
    prepare_start,
    read_heads,
    schema_sql,
    seed,
    truncate,
)

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.slow),
    pytest.param("mysql", marks=pytest.mark.slow),
]


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


def add(database: Database, upgrade: str, *, is_transactional: bool = True) -> Path:
    """Write a migration, and return its file."""
    folder = (database.folder or Path()) / database.settings.migrations
    file = plan_revision(
        folder,
        "change",
        parents=read_heads(folder),
        upgrade=upgrade,
        is_transactional=is_transactional,
    )
    file.write()
    return file.path


POSTS = (
    'op.create_table("authors", sa.Column("id", sa.Integer(), primary_key=True),'
    ' sa.Column("name", sa.String(50), nullable=False))\n'
    'op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True),'
    ' sa.Column("title", sa.String(50)),'
    ' sa.Column("author_id", sa.Integer(), sa.ForeignKey("authors.id")))'
)


def count(database: Database, table: str) -> int:
    with database.engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


class TestCheck:
    def test_nothing_pending_is_safe(self, database: Database) -> None:
        add(database, POSTS)
        migrate(database)
        result = check(database)
        assert result.is_safe
        assert result.migrations == ()

    def test_pending_migrations_run_on_a_copy(self, database: Database) -> None:
        add(database, POSTS)
        migrate(database)
        before = current(database)
        add(database, 'op.add_column("posts", sa.Column("more", sa.Integer()))')
        result = check(database)
        assert result.error is None
        assert any(
            "ADD COLUMN" in each.statement.upper() or "_photon_new" in each.statement
            for each in result.migrations[0].statements
        )
        assert current(database) == before
        with database.engine.connect() as connection:
            assert len(inspect(connection).get_columns("posts")) == 3

    def test_a_failure_is_found_before_the_deployment(self, database: Database) -> None:
        add(database, POSTS)
        migrate(database)
        add(database, 'op.execute("INSERT INTO missing VALUES (1)")')
        result = check(database)
        assert not result.is_safe
        assert "missing" in (result.error or "")

    def test_an_edited_migration_is_named(self, database: Database) -> None:
        path = add(database, POSTS)
        migrate(database)
        path.write_text(path.read_text().replace("String(50)", "String(60)"))
        assert check(database).edited == (path.name,)

    def test_the_copy_of_sqlite_has_the_rows(self, tmp_path: Path) -> None:
        database = Database(DatabaseSettings(), folder=tmp_path)
        add(database, POSTS)
        migrate(database)
        with database.engine.begin() as connection:
            connection.execute(text("INSERT INTO posts (id) VALUES (1)"))
        database.close()
        add(database, 'op.alter_column("posts", "title", nullable=False)')
        assert "NOT NULL" in (check(database).error or "")

    @pytest.mark.parametrize(
        ("statement", "lock", "advice"),
        [
            (
                'op.create_index("ix", "posts", ["title"])',
                "ShareLock on posts: writes",
                "create the index concurrently",
            ),
            (
                'op.create_foreign_key("fk", "posts", "authors", ["id"], ["id"])',
                "ShareRowExclusiveLock on authors: writes",
                "add it without a check of the rows",
            ),
            (
                'op.create_check_constraint("ck", "posts", "id > 0")',
                "AccessExclusiveLock on posts: reads and writes",
                "NOT VALID",
            ),
            (
                'op.create_unique_constraint("uq", "posts", ["title"])',
                "AccessExclusiveLock on posts: reads and writes",
                "UNIQUE USING INDEX",
            ),
            (
                'op.alter_column("posts", "title", nullable=False)',
                "AccessExclusiveLock on posts: reads and writes",
                "add CHECK (… IS NOT NULL) NOT VALID",
            ),
            (
                'op.alter_column("posts", "id", type_=sa.BigInteger())',
                "AccessExclusiveLock on posts: reads and writes",
                "the table is rewritten under the lock",
            ),
            (
                'op.add_column("posts", sa.Column("r", sa.Float(),'
                ' server_default=sa.text("random()")))',
                "AccessExclusiveLock on posts: reads and writes",
                "add the column without the default",
            ),
            (
                'op.add_column("posts", sa.Column("r", sa.Float(), server_default="1"))',
                "AccessExclusiveLock on posts: reads and writes",
                None,
            ),
            ('op.alter_column("posts", "title", type_=sa.Text())', None, None),
            ('op.create_table("more", sa.Column("id", sa.Integer()))', None, None),
        ],
    )
    def test_locks_and_the_safe_way_are_named(
        self, postgres: Database, statement: str, lock: str | None, advice: str | None
    ) -> None:
        add(postgres, POSTS)
        migrate(postgres)
        postgres.close()
        add(postgres, statement)
        result = check(postgres)
        assert result.error is None
        assert result.has_rows
        (first, *_) = result.migrations[0].statements
        locks = [f"{each.mode} on {each.table}: {each.blocks}" for each in first.locks]
        if lock is not None:
            assert lock in locks
        if advice is None:
            assert first.advice is None
        else:
            assert advice in (first.advice or "")
        assert result.is_safe == (advice is None)

    def test_an_index_that_is_created_concurrently_is_safe(self, postgres: Database) -> None:
        add(postgres, POSTS)
        migrate(postgres)
        add(
            postgres,
            'op.create_index("ix", "posts", ["title"], postgresql_concurrently=True)',
            is_transactional=False,
        )
        assert check(postgres).is_safe

    def test_the_copy_is_empty_while_others_are_connected(self, postgres: Database) -> None:
        add(postgres, POSTS)
        migrate(postgres)
        add(postgres, 'op.create_index("ix", "posts", ["title"])')
        with postgres.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            result = check(postgres)
        assert not result.has_rows
        assert result.migrations[0].statements[0].advice is not None


class TestSeeds:
    def test_files_and_functions_are_read_in_order(self, database: Database) -> None:
        add(database, POSTS)
        migrate(database)
        folder = (database.folder or Path()) / "db/seeds"
        folder.mkdir()
        authors = [{"id": 1, "name": "Ann"}, {"id": 5, "name": "Ben"}]
        (folder / "posts.json").write_text('[{"id": 1, "title": "One", "author_id": 1}]')
        (folder / "authors.json").write_text(json.dumps(authors))
        (folder / "more.py").write_text(
            "from sqlalchemy import text\n\n\ndef seed(session):\n"
            "    if session.scalar(text('SELECT count(*) FROM posts')) == 1:\n"
            "        session.execute(text(\"INSERT INTO posts (title) VALUES ('Two')\"))\n"
        )
        done = seed(database)
        assert done.rows == {"authors": 2, "posts": 1}
        assert done.functions == ("more.py",)
        assert count(database, "posts") == 2
        seed(database)
        assert count(database, "posts") == 2
        with database.engine.begin() as connection:
            connection.execute(text("INSERT INTO authors (name) VALUES ('Cleo')"))
            assert connection.scalar(text("SELECT max(id) FROM authors")) == 6
        seed(database, reset=True)
        assert count(database, "authors") == 2

    def test_a_seed_that_fails_writes_nothing(self, database: Database) -> None:
        add(database, POSTS)
        migrate(database)
        folder = (database.folder or Path()) / "db/seeds"
        folder.mkdir()
        (folder / "authors.json").write_text('[{"id": 1, "name": "Ann"}]')
        (folder / "fails.py").write_text("def seed(session):\n    raise ValueError('planned')\n")
        with pytest.raises(MigrationError, match=r"fails.py failed:(.|\n)*planned"):
            seed(database)
        assert count(database, "authors") == 0

    @pytest.mark.parametrize(
        ("file", "content", "message"),
        [
            ("missing.json", "[]", "the table missing does not exist"),
            ("posts.json", "[", "is not JSON"),
            ("posts.json", "{}", "expected a list of objects"),
            ("posts.json", '[{"colour": 1}]', "row 1: posts has no column colour"),
            ("empty.py", "", r"has no function seed\(session\)"),
        ],
    )
    def test_an_invalid_file_is_named(
        self, tmp_path: Path, file: str, content: str, message: str
    ) -> None:
        database = Database(DatabaseSettings(), folder=tmp_path)
        add(database, POSTS)
        migrate(database)
        (tmp_path / "db/seeds").mkdir()
        (tmp_path / "db/seeds" / file).write_text(content)
        with pytest.raises(MigrationError, match=message) as caught:
            seed(database)
        assert file in str(caught.value)

    def test_rows_are_written_to_files_and_read_again(self, database: Database) -> None:
        kinds = sa.MetaData()
        table = sa.Table(
            "kinds",
            kinds,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("a", sa.DateTime()),
            sa.Column("b", sa.Date()),
            sa.Column("c", sa.Numeric(10, 2)),
            sa.Column("d", sa.LargeBinary()),
            sa.Column("e", sa.JSON()),
            sa.Column("f", sa.Boolean()),
            sa.Column("g", sa.Time()),
            sa.Column("h", sa.CHAR(36)),
        )
        kinds.create_all(database.engine)
        row = {
            "id": 3,
            "a": dt.datetime(2026, 1, 2, 3, 4, 5),
            "b": dt.date(2026, 1, 2),
            "c": decimal.Decimal("1.50"),
            "d": b"\x00\xff",
            "e": {"x": [1, None, "y"]},
            "f": True,
            "g": dt.time(1, 2, 3),
            "h": str(uuid.UUID(int=7)),
        }
        with database.engine.begin() as connection:
            connection.execute(table.insert().values(row))
        (path,) = dump(database)
        assert path.name == "kinds.json"
        assert truncate(database) == ["kinds"]
        assert count(database, "kinds") == 0
        seed(database)
        with database.engine.connect() as connection:
            assert dict(connection.execute(sa.select(table)).mappings().one()) == row

    def test_only_the_named_tables_are_emptied(self, database: Database) -> None:
        add(database, POSTS)
        migrate(database)
        with database.engine.begin() as connection:
            connection.execute(text("INSERT INTO authors (id, name) VALUES (1, 'Ann')"))
            connection.execute(text("INSERT INTO posts (id) VALUES (1)"))
        assert truncate(database, ["posts"]) == ["posts"]
        assert (count(database, "posts"), count(database, "authors")) == (0, 1)
        assert len(current(database)) == 1
        with pytest.raises(MigrationError, match="the table missing does not exist"):
            truncate(database, ["missing"])


def test_models_from_a_database_are_the_same_as_its_tables(database: Database) -> None:
    with database.engine.begin() as connection:
        for statement in (
            "CREATE TABLE categories (id INTEGER PRIMARY KEY, parent_id INTEGER,"
            " class VARCHAR(20) DEFAULT 'it''s' NOT NULL, price NUMERIC(10, 2),"
            " made TIMESTAMP NULL, CONSTRAINT fk_parent FOREIGN KEY (parent_id)"
            " REFERENCES categories (id) ON DELETE CASCADE,"
            " CONSTRAINT uq_class UNIQUE (class, parent_id),"
            " CONSTRAINT ck_price CHECK (price > 0))",
            "CREATE INDEX ix_price ON categories (price, made)",
            "CREATE TABLE plain (a INTEGER, b TEXT)",
            "CREATE TABLE posts (id INTEGER PRIMARY KEY, category_id INTEGER NOT NULL,"
            " other_id INTEGER, CONSTRAINT fk_a FOREIGN KEY (category_id) REFERENCES"
            " categories (id), CONSTRAINT fk_b FOREIGN KEY (other_id) REFERENCES categories (id))",
        ):
            connection.execute(text(statement))
    source = entities(database)
    module = types.ModuleType("generated_models")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "generated_models.py", "exec"), module.__dict__)
        configure_mappers()
        found = [each.description for each in diff(database, module.Base.metadata)]
    finally:
        del sys.modules[module.__name__]
    assert found == [], source
    assert "class Category(Base):" in source
    assert "parent: Mapped[Category | None] = relationship(" in source
    assert "category: Mapped[Category] = relationship(foreign_keys=[category_id])" in source
    assert "class_: Mapped[str]" in source


def test_the_schema_is_written_as_sql(database: Database) -> None:
    add(database, POSTS)
    migrate(database)
    sql = schema_sql(database)
    assert "CREATE TABLE" in sql
    assert "posts" in sql
    assert "alembic_version" not in sql


class TestStart:
    def test_production_refuses_pending_migrations(self, tmp_path: Path) -> None:
        database = Database(DatabaseSettings(), folder=tmp_path)
        prepare_start(database, is_production=True, is_development=False)
        path = add(database, POSTS)
        with pytest.raises(PendingMigrations, match=f"migrations are pending: {path.name}"):
            prepare_start(database, is_production=True, is_development=False)
        migrate(database)
        prepare_start(database, is_production=True, is_development=False)

    def test_development_warns(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        database = Database(DatabaseSettings(), folder=tmp_path)
        add(database, POSTS)
        with caplog.at_level(logging.WARNING):
            prepare_start(database, is_production=False, is_development=True)
        assert "migrations are pending" in caplog.text

    def test_the_setting_decides(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        def of(policy: str) -> Database:
            return Database(DatabaseSettings(pending_migrations=policy), folder=tmp_path)

        add(of(""), POSTS)
        with pytest.raises(PendingMigrations):
            prepare_start(of("refuse"), is_production=False, is_development=True)
        prepare_start(of("ignore"), is_production=True, is_development=False)
        assert caplog.text == ""
        prepare_start(of("warn"), is_production=True, is_development=False)
        assert "migrations are pending" in caplog.text

    def test_migrations_are_applied_if_the_settings_say_so(self, database: Database) -> None:
        add(database, POSTS)
        settings = attrs.evolve(database.settings, auto_migrate=True)
        automatic = Database(settings, folder=database.folder)
        prepare_start(automatic, is_production=True, is_development=False)
        assert count(database, "posts") == 0

    def test_models_without_a_migration_are_warned_of_in_development(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = types.ModuleType("start_models")
        models = sa.MetaData()
        sa.Table("authors", models, sa.Column("id", sa.Integer, primary_key=True))
        module.models = models  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "start_models", module)
        settings = DatabaseSettings(models="start_models:models")
        database = Database(settings, folder=tmp_path)
        add(database, POSTS)
        migrate(database)
        prepare_start(database, is_production=False, is_development=True)
        assert "the models differ from the database" in caplog.text
        assert "table posts is dropped" in caplog.text
