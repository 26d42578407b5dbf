from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.errors import MigrationFailed
from photon_lifeguard.migrations import migrate, plan_revision, read_heads, rollback
from photon_lifeguard.migrations.sqlite import TableSql, condition


def run(folder: Path, upgrade: str, downgrade: str = "") -> None:
    """Apply a migration with some statements to the file in ``folder``."""
    files = folder / "db/migrations"
    plan_revision(
        files, "change", parents=read_heads(files), upgrade=upgrade, downgrade=downgrade
    ).write()
    migrate(database_in(folder))


def database_in(folder: Path) -> Database:
    return Database(DatabaseSettings(), folder=folder)


def script(folder: Path, sql: str) -> None:
    with closing(sqlite3.connect(folder / "app.db")) as connection:
        connection.executescript(sql)


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "app.db")) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(sql).fetchall()


def objects(folder: Path) -> dict[str, str]:
    found = rows(folder, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    own = ("alembic_version", "photon_migrations", "sqlite_sequence")
    return {name: sql for name, sql in found if name not in own}


RICH = """
    CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE posts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        "the title" VARCHAR(20) COLLATE NOCASE DEFAULT 'it''s (new), really' NOT NULL, -- a, comment
        state TEXT CHECK (state IN ('a', 'b')) DEFAULT ('a' || ''),
        price DECIMAL(10, 2) CONSTRAINT positive CHECK (price > 0),
        author_id INTEGER REFERENCES authors (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
        parent INTEGER,
        twice INTEGER GENERATED ALWAYS AS (parent * 2) VIRTUAL,
        stored INTEGER AS (parent * 3) STORED,
        created TEXT DEFAULT CURRENT_TIMESTAMP,
        extra TEXT,
        UNIQUE (state, parent) ON CONFLICT ROLLBACK,
        CHECK (length("the title") < 100),
        FOREIGN KEY (parent) REFERENCES posts (id) ON UPDATE CASCADE
    );
    CREATE INDEX by_state ON posts (state) WHERE price > 1;
    CREATE UNIQUE INDEX by_title ON posts (lower("the title"), state DESC);
    CREATE TABLE notes (post_id INTEGER REFERENCES posts (id) ON DELETE CASCADE, at TEXT);
    CREATE VIEW cheap AS SELECT id, "the title" FROM posts WHERE price < 5;
    CREATE TRIGGER noted AFTER UPDATE OF price ON posts
        BEGIN INSERT INTO notes VALUES (NEW.id, 'price'); END;
    INSERT INTO authors VALUES (1, 'Ann');
    INSERT INTO posts (id, "the title", state, price, author_id, parent, extra)
        VALUES (1, 'one', 'a', 2, 1, NULL, x'00ff'), (2, 'two', 'b', 3.5, 1, 1, 12),
               (9, 'gone', 'a', 1, NULL, 1, NULL);
    DELETE FROM posts WHERE id = 9;
    INSERT INTO notes VALUES (1, 'first'), (2, 'second');
"""
COLUMNS = 'SELECT id, "the title", state, price, author_id, parent, twice, stored FROM posts'


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """A folder with a database that has one of everything."""
    script(tmp_path, RICH)
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        'op.alter_column("posts", "extra", type_=sa.Text(), nullable=True, server_default="x")',
        'op.alter_column("posts", "extra", new_column_name="more")',
        'op.add_column("posts", sa.Column("added", sa.Integer(), server_default="7"))',
        'op.add_column("posts", sa.Column("moment", sa.Text(), server_default=sa.func.now()))',
        'op.drop_column("posts", "extra")',
        'op.create_check_constraint("few", "posts", "price < 100")',
        'op.create_foreign_key("fk_id", "posts", "authors", ["extra"], ["id"])\n'
        'op.drop_constraint("fk_id", "posts")',
        'with op.batch_alter_table("posts") as batch:\n    batch.drop_column("extra")\n'
        '    batch.add_column(sa.Column("added", sa.Text()))',
        'with op.batch_alter_table("posts", recreate="always") as batch:\n'
        '    batch.drop_column("extra")',
    ],
)
def test_a_change_keeps_rows_and_everything_that_belongs_to_the_table(
    rich: Path, change: str
) -> None:
    before, values = objects(rich), rows(rich, COLUMNS)
    run(rich, change)
    after = objects(rich)
    assert rows(rich, COLUMNS) == values
    assert {name: after[name] for name in before if name != "posts"} == {
        name: sql for name, sql in before.items() if name != "posts"
    }
    for part in (
        "AUTOINCREMENT",
        "COLLATE NOCASE DEFAULT 'it''s (new), really' NOT NULL",
        "CHECK (state IN ('a', 'b')) DEFAULT ('a' || '')",
        "CONSTRAINT positive CHECK (price > 0)",
        "ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
        "GENERATED ALWAYS AS (parent * 2) VIRTUAL",
        "AS (parent * 3) STORED",
        "UNIQUE (state, parent) ON CONFLICT ROLLBACK",
        'CHECK (length("the title") < 100)',
        "FOREIGN KEY (parent) REFERENCES posts (id) ON UPDATE CASCADE",
    ):
        assert part in after["posts"]
    assert rows(rich, "SELECT count(*) FROM notes") == [(2,)]
    assert rows(rich, "PRAGMA foreign_key_check") == []
    script(rich, "INSERT INTO posts (\"the title\") VALUES ('next'); UPDATE posts SET price = 4")
    assert rows(rich, "SELECT max(id) FROM posts") == [(10,)]  # 9 was given once
    assert rows(rich, "SELECT count(*) FROM notes") == [(5,)]
    assert len(rows(rich, "SELECT * FROM cheap")) == 3
    rows(rich, "DELETE FROM posts WHERE id = 2")


def test_a_change_of_type_converts_no_value_that_does_not_fit(rich: Path) -> None:
    script(
        rich,
        "UPDATE posts SET extra = '12' WHERE id = 1; UPDATE posts SET extra = 'x' WHERE id = 2",
    )
    run(rich, 'op.alter_column("posts", "extra", type_=sa.Integer())')
    assert rows(rich, "SELECT extra FROM posts ORDER BY id") == [(12,), ("x",)]


def test_hidden_row_ids_are_kept(tmp_path: Path) -> None:
    script(tmp_path, "CREATE TABLE t (a TEXT); INSERT INTO t (rowid, a) VALUES (5, 'x'), (9, 'y')")
    run(tmp_path, 'op.add_column("t", sa.Column("b", sa.Text()))')
    assert rows(tmp_path, "SELECT rowid, a, b FROM t") == [(5, "x", None), (9, "y", None)]


def test_tables_without_row_ids_and_strict_ones_stay_so(tmp_path: Path) -> None:
    script(
        tmp_path,
        "CREATE TABLE t (a TEXT PRIMARY KEY, b INTEGER) STRICT, WITHOUT ROWID;"
        " INSERT INTO t VALUES ('x', 1)",
    )
    run(tmp_path, 'op.alter_column("t", "b", nullable=False)')
    assert objects(tmp_path)["t"].endswith("STRICT, WITHOUT ROWID")
    assert rows(tmp_path, "SELECT * FROM t") == [("x", 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('op.alter_column("posts", "parent", nullable=False)', "NOT NULL constraint failed"),
        ('op.create_unique_constraint("u", "posts", ["author_id"])', "UNIQUE constraint failed"),
        ('op.create_check_constraint("c", "posts", "price > 3")', "CHECK constraint failed"),
        (
            'op.create_foreign_key("f", "posts", "authors", ["id"], ["id"])',
            "foreign keys would refer to rows that do not exist: 1 of posts to authors",
        ),
        ('op.add_column("posts", sa.Column("n", sa.Text(), nullable=False))', "NOT NULL"),
        ('op.drop_column("posts", "the title")', "the view cheap"),
        ('op.drop_column("posts", "price")', "would not work any more"),
        ('op.drop_column("posts", "missing")', "has no column missing"),
        ('op.drop_constraint("missing", "posts")', "has no constraint missing"),
        ('op.alter_column("missing", "a", nullable=True)', "the table missing does not exist"),
    ],
)
def test_what_the_rows_or_the_schema_forbid_fails_without_a_trace(
    rich: Path, change: str, message: str
) -> None:
    before, values = objects(rich), rows(rich, "SELECT * FROM posts")
    with pytest.raises(MigrationFailed) as caught:
        run(rich, change)
    assert message in str(caught.value)
    assert "_photon_new" not in str(caught.value)
    assert objects(rich) == before
    assert rows(rich, "SELECT * FROM posts") == values


def test_rows_that_a_conflict_clause_would_ignore_are_not_lost(tmp_path: Path) -> None:
    script(tmp_path, "CREATE TABLE t (a INTEGER, b INTEGER); INSERT INTO t VALUES (1, 1), (1, 2)")
    with pytest.raises(MigrationFailed, match="would keep 1 of its 2 rows"):
        run(
            tmp_path,
            "from photon_lifeguard.migrations.sqlite._rebuild import read_table, rebuild\n"
            "from photon_lifeguard.migrations.sqlite._table_sql import clause_from\n"
            'table = read_table(op.get_bind(), "t")\n'
            'table.constraints.append(clause_from("UNIQUE (a) ON CONFLICT IGNORE"))\n'
            "rebuild(op.get_bind(), table)",
        )
    assert rows(tmp_path, "SELECT * FROM t") == [(1, 1), (1, 2)]


def test_dropped_columns_take_their_indexes_and_constraints_with_them(tmp_path: Path) -> None:
    script(
        tmp_path,
        """
        CREATE TABLE t (
            a INTEGER, b INTEGER, c INTEGER CHECK (c > b), UNIQUE (a, b), CHECK (b > 0)
        );
        CREATE INDEX i ON t (a, b);
        CREATE INDEX j ON t (c);
        INSERT INTO t VALUES (1, 2, 3);
        """,
    )
    run(tmp_path, 'op.drop_column("t", "b")')
    assert objects(tmp_path) == {
        "t": 'CREATE TABLE "t" (\n\ta INTEGER,\n\tc INTEGER\n)',
        "j": "CREATE INDEX j ON t (c)",
    }
    assert rows(tmp_path, "SELECT * FROM t") == [(1, 3)]


def test_broken_references_from_before_do_not_stop_a_migration(tmp_path: Path) -> None:
    script(
        tmp_path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a_id INTEGER REFERENCES a (id));"
        " INSERT INTO b VALUES (7)",
    )
    run(tmp_path, 'op.add_column("b", sa.Column("n", sa.Text()))')
    assert rows(tmp_path, "SELECT a_id FROM b") == [(7,)]


NAMES = st.sampled_from(["a", "B", "the name", 'quo"ted', "check", "ünï", "select", "x,y", "(z"])
TYPES = st.sampled_from(["INTEGER", "TEXT", "VARCHAR(20)", "DECIMAL(10, 2)", "", "BLOB", "JSON"])
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.binary(max_size=20),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], str, list[tuple[Any, ...]]]:
    """Return names of columns, a definition with all kinds of clauses, and rows."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique_by=str.lower))
    items = []
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        clause = draw(
            st.sampled_from(
                [
                    "",
                    "DEFAULT 'a, (b'",
                    "DEFAULT (1 + 2)",
                    "COLLATE NOCASE",
                    f"CHECK ({quoted} IS NOT 'nothing')",
                    "/* a, comment */",
                    "DEFAULT NULL",
                ]
            )
        )
        items.append(f"{quoted} {draw(TYPES)} {clause}")
    if draw(st.booleans()):
        first = '"' + names[0].replace('"', '""') + '"'
        items.append(f"CONSTRAINT c CHECK ({first} IS NOT 'never')")
    width = len(names)
    found = draw(st.lists(st.tuples(*[VALUES] * width), max_size=8))
    return names, "CREATE TABLE t (" + ", ".join(items) + ")", found


@given(tables())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.slow
def test_any_table_survives_changes_and_their_way_back(
    tmp_path: Path, made: tuple[list[str], str, list[tuple[Any, ...]]]
) -> None:
    names, sql, values = made
    for path in tmp_path.rglob("*.*"):
        if path.is_file():
            path.unlink()
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.execute(sql)
        places = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO t VALUES ({places})", values)
        connection.commit()
        before = connection.execute("SELECT * FROM t").fetchall()
    run(
        tmp_path,
        f'op.add_column("t", sa.Column("added", sa.Text()))\n'
        f'op.create_check_constraint("k", "t", "added IS NULL")\n'
        f'op.alter_column("t", {names[1]!r}, new_column_name="renamed")',
        f'op.alter_column("t", "renamed", new_column_name={names[1]!r})\n'
        f'op.drop_constraint("k", "t")\nop.drop_column("t", "added")',
    )
    assert [row[:-1] for row in rows(tmp_path, "SELECT * FROM t")] == before
    rollback(database_in(tmp_path))
    assert rows(tmp_path, "SELECT * FROM t") == before
    shown = TableSql.parse(objects(tmp_path)["t"])
    assert [column.name for column in shown.columns] == names


@pytest.mark.parametrize(
    "check",
    ["CHECK (a > 0)", "CONSTRAINT check_a CHECK (a > 0)", 'CONSTRAINT "CHECK" CHECK(a > 0)'],
)
def test_the_condition_of_a_check_is_read_behind_its_name(check: str) -> None:
    assert condition(check) == "a > 0"


def test_a_definition_is_read_and_written_without_a_change() -> None:
    (sql,) = [part for part in RICH.split(";") if "CREATE TABLE posts" in part]
    table = TableSql.parse(sql)
    assert [column.name for column in table.columns][:3] == ["id", "the title", "state"]
    again = TableSql.parse(table.sql("posts"))
    assert again == table
    assert [clause.kind for clause in table.constraints] == ["UNIQUE", "CHECK", "FOREIGN"]
    price = table.column("price")
    assert [(clause.kind, clause.name) for clause in price.clauses] == [("CHECK", "positive")]
    author = table.column("author_id")
    assert [clause.kind for clause in author.clauses] == ["REFERENCES"]
