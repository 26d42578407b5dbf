from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, make_url, text

from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.errors import (
    DatabaseUnavailable,
    MigrationError,
    MigrationFailed,
    MultipleHeads,
    UnknownRevision,
)
from photon_lifeguard.migrations import (
    create,
    current,
    drop,
    heads,
    history,
    merge,
    migrate,
    pending,
    pending_sql,
    plan_empty,
    plan_revision,
    read_heads,
    rebase,
    rollback,
    stamp,
    status,
)
from servers import PgBouncer

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.slow),
    pytest.param("mysql", marks=pytest.mark.slow),
]
TRANSACTIONAL = KINDS[:2]


def open_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> Database:
    url = "sqlite:///app.db"
    if kind != "sqlite":
        url = request.getfixturevalue(f"empty_{kind}_url")
    return Database(DatabaseSettings(url=url, lock_timeout=0.3, lock_attempts=3), folder=folder)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind, in a project of its own."""
    database = open_database(request.param, request, tmp_path)
    yield database
    database.close()


@pytest.fixture(params=TRANSACTIONAL)
def transactional(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The same, of the kinds whose transactions contain DDL."""
    database = open_database(request.param, request, tmp_path)
    yield database
    database.close()


@pytest.fixture
def postgres(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of PostgreSQL."""
    database = open_database("postgres", request, tmp_path)
    yield database
    database.close()


def add(
    database: Database,
    name: str,
    upgrade: str = "",
    downgrade: str = "",
    *,
    parents: tuple[str, ...] | None = None,
    is_transactional: bool = True,
) -> str:
    """Write a migration, and return its revision."""
    folder = (database.folder or Path()) / database.settings.migrations
    file = plan_revision(
        folder,
        name,
        parents=read_heads(folder) if parents is None else parents,
        upgrade=upgrade,
        downgrade=downgrade,
        is_transactional=is_transactional,
    )
    file.write()
    return file.revision


def add_table(database: Database, name: str, parents: tuple[str, ...] | None = None) -> str:
    return add(
        database,
        f"add {name}",
        f'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))',
        f'op.drop_table("{name}")',
        parents=parents,
    )


def tables(database: Database) -> set[str]:
    with database.engine.connect() as connection:
        names = set(inspect(connection).get_table_names())
    return names - {"alembic_version", "photon_migrations"}


def execute(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(statement))


def file_of(database: Database, revision: str) -> Path:
    return next(each.path for each in history(database) if each.revision == revision)


def test_migrations_are_applied_in_order_and_rolled_back_in_reverse(database: Database) -> None:
    first, second = add_table(database, "posts"), add_table(database, "authors")
    assert [each.revision for each in pending(database)] == [first, second]
    assert [each.revision.revision for each in migrate(database)] == [first, second]
    assert tables(database) == {"posts", "authors"}
    assert current(database) == heads(database) == (second,)
    assert migrate(database) == []
    assert [each.revision.revision for each in rollback(database)] == [second]
    assert tables(database) == {"posts"}
    assert [each.revision for each in pending(database)] == [second]
    migrate(database)
    assert len(rollback(database, 5)) == 2
    assert tables(database) == set()
    assert rollback(database) == []


def test_migrate_stops_after_the_named_migration(database: Database) -> None:
    first = add_table(database, "posts")
    add_table(database, "authors")
    assert [each.revision.revision for each in migrate(database, first[:6])] == [first]
    assert tables(database) == {"posts"}
    migrate(database, "add_authors")
    assert tables(database) == {"posts", "authors"}
    rollback(database, to=first)
    assert tables(database) == {"posts"}
    rollback(database, to="base")
    assert tables(database) == set()


def test_a_name_that_no_or_two_migrations_have_is_refused(transactional: Database) -> None:
    add_table(transactional, "posts")
    add_table(transactional, "authors")
    with pytest.raises(UnknownRevision, match=r"no migration in .* is called 'nothing'"):
        migrate(transactional, "nothing")
    with pytest.raises(UnknownRevision, match=r"may be any of .*add_posts.*add_authors"):
        migrate(transactional, "add_")


def test_a_failed_migration_leaves_no_trace_and_a_second_run_works(
    transactional: Database,
) -> None:
    revision = add(
        transactional,
        "two steps",
        'op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True))\n'
        'op.execute("INSERT INTO missing VALUES (1)")',
    )
    with pytest.raises(MigrationFailed, match=r"two_steps.py failed. Nothing of it was applied"):
        migrate(transactional)
    assert tables(transactional) == set()
    assert current(transactional) == ()
    path = file_of(transactional, revision)
    path.write_text(path.read_text().replace("missing", "posts"))
    migrate(transactional)
    assert tables(transactional) == {"posts"}


def test_the_migrations_before_a_failed_one_stay(transactional: Database) -> None:
    first = add_table(transactional, "posts")
    add(transactional, "fails", "raise ValueError('as planned')")
    with pytest.raises(MigrationFailed, match=r"as planned"):
        migrate(transactional)
    assert current(transactional) == (first,)


def test_status_tells_applied_pending_edited_and_unknown(database: Database) -> None:
    first = add_table(database, "posts")
    migrate(database)
    second = add_table(database, "authors")
    shown = status(database)
    assert [(each.revision, each.state) for each in shown.migrations] == [
        (first, "applied"),
        (second, "pending"),
    ]
    assert shown.migrations[0].applied_at is not None
    assert not shown.is_up_to_date
    path = file_of(database, first)
    path.write_text(
        path.read_text().replace("op.create_table", "  # a comment\n    op.create_table")
    )
    assert status(database).migrations[0].state == "applied"
    path.write_text(path.read_text().replace("posts", "articles"))
    assert status(database).migrations[0].state == "edited"
    lines: list[str] = []
    migrate(database, report=lines.append)
    assert lines[0].startswith(f"warning: {path.name} was edited after it had been applied")
    path.unlink()
    second_path = file_of_text(database, second)
    second_path.write_text(second_path.read_text().replace(f'"{first}"', "None"))
    second_path.unlink()
    assert [each.state for each in status(database).migrations] == ["unknown"]


def file_of_text(database: Database, revision: str) -> Path:
    folder = (database.folder or Path()) / database.settings.migrations
    return next(path for path in folder.glob("*.py") if revision in path.read_text())


def test_a_revision_without_a_file_is_named(transactional: Database) -> None:
    revision = add_table(transactional, "posts")
    migrate(transactional)
    file_of(transactional, revision).unlink()
    add_table(transactional, "authors", parents=())
    with pytest.raises(UnknownRevision, match=rf"revision {revision}, which no file in"):
        migrate(transactional)
    assert tables(transactional) == {"posts"}


def test_several_heads_are_refused_by_name_and_merged(transactional: Database) -> None:
    base = add_table(transactional, "posts")
    migrate(transactional)
    one = add_table(transactional, "authors", parents=(base,))
    two = add_table(transactional, "tags", parents=(base,))
    with pytest.raises(MultipleHeads, match=r"2 last migrations: .*add_.* and .*photon db merge"):
        migrate(transactional)
    assert tables(transactional) == {"posts"}
    assert set(status(transactional).heads) == {one, two}
    with pytest.raises(MultipleHeads):
        plan_empty(transactional, "more")
    merged = merge(transactional)
    assert heads(transactional) == (merged.revision,)
    migrate(transactional)
    assert tables(transactional) == {"posts", "authors", "tags"}
    rollback(transactional, to="base")
    assert tables(transactional) == set()


def test_the_branch_that_is_not_applied_is_put_after_the_other(transactional: Database) -> None:
    base = add_table(transactional, "posts")
    one = add_table(transactional, "authors", parents=(base,))
    migrate(transactional)
    two = add_table(transactional, "tags", parents=(base,))
    three = add_table(transactional, "links", parents=(two,))
    assert [each.revision for each in rebase(transactional)] == [two]
    assert [each.revision for each in history(transactional)] == [three, two, one, base]
    migrate(transactional)
    assert tables(transactional) == {"posts", "authors", "tags", "links"}
    with pytest.raises(MigrationError, match=r"nothing has to be"):
        merge(transactional)


def test_two_files_with_one_revision_are_named(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(), folder=tmp_path)
    revision = add_table(database, "posts")
    other = file_of(database, revision).with_name("copy.py")
    other.write_text(file_of(database, revision).read_text())
    with pytest.raises(MigrationError, match=r"copy.py both have the revision"):
        migrate(database)


def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(), folder=tmp_path)
    revision = add_table(database, "posts")
    path = file_of(database, revision)
    path.write_text(path.read_text() + "\n1 / 0\n")
    with pytest.raises(MigrationError, match=r"cannot be loaded:(.|\n)*add_posts(.|\n)*division"):
        migrate(database)


@pytest.mark.slow
def test_processes_that_migrate_together_apply_each_migration_once(database: Database) -> None:
    for name in ("posts", "authors", "tags"):
        add_table(database, name)
    add(database, "a row", 'op.execute("INSERT INTO posts VALUES (1)")')
    index = 'op.create_index("ix_posts", "posts", ["id"], postgresql_concurrently=True)'
    is_concurrent = database.backend.name == "postgresql"
    add(database, "index", index, is_transactional=not is_concurrent)
    code = (
        "import sys; from pathlib import Path; from photon_lifeguard import *; "
        "from photon_lifeguard.migrations import migrate; "
        "d = Database(DatabaseSettings(url=sys.argv[1]), folder=Path(sys.argv[2])); "
        "print(len(migrate(d)))"
    )
    arguments = [sys.executable, "-c", code, database.settings.url, str(database.folder)]
    processes = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    outputs = [process.communicate(timeout=50) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, outputs
    assert sum(int(output) for output, _ in outputs) == 5
    assert tables(database) == {"posts", "authors", "tags"}
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM posts")) == 1


@pytest.mark.slow
def test_a_migration_gives_up_a_lock_and_tries_again(postgres: Database) -> None:
    add_table(postgres, "posts")
    migrate(postgres)
    add(postgres, "column", 'op.add_column("posts", sa.Column("title", sa.Text()))')
    lines: list[str] = []
    with ExitStack() as stack:
        reader = stack.enter_context(postgres.engine.connect())
        reader.execute(text("BEGIN"))
        reader.execute(text("SELECT * FROM posts"))

        def report(line: str) -> None:
            lines.append(line)
            stack.close()  # the reader ends its transaction after the first attempt

        migrate(postgres, report=report)
    assert "waits for a lock; next attempt in" in lines[0]
    assert "applied" in lines[1]


@pytest.mark.slow
def test_statements_that_mysql_has_committed_are_not_repeated(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    database = open_database("mysql", request, tmp_path)
    add_table(database, "posts")
    migrate(database)
    column = 'op.add_column("posts", sa.Column("title", sa.Text()))'
    add(database, "column", column)
    lines: list[str] = []
    with database.engine.connect() as reader:
        reader.execute(text("START TRANSACTION"))
        reader.execute(text("SELECT * FROM posts"))
        with pytest.raises(MigrationFailed, match="in 3 attempts"):
            migrate(database, report=lines.append)
        assert len(lines) == 2
        table = 'op.create_table("more", sa.Column("id", sa.Integer()))'
        path = history(database)[0].path
        path.write_text(path.read_text().replace(column, f"{table}\n    {column}"))
        with pytest.raises(MigrationFailed, match="MySQL commits after each statement of DDL"):
            migrate(database, report=lines.append)
        assert len(lines) == 2
    database.close()


@pytest.mark.slow
def test_readers_wait_no_longer_than_the_lock_timeout(postgres: Database) -> None:
    add_table(postgres, "posts")
    migrate(postgres)
    add(postgres, "column", 'op.add_column("posts", sa.Column("title", sa.Text()))')
    waits: list[float] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            started = time.monotonic()
            with postgres.engine.connect() as connection:
                connection.execute(text("SELECT * FROM posts"))
            waits.append(time.monotonic() - started)

    thread = threading.Thread(target=read)
    with postgres.engine.connect() as holder:
        holder.execute(text("BEGIN"))
        holder.execute(text("SELECT * FROM posts"))
        thread.start()
        try:
            with pytest.raises(MigrationFailed) as caught:
                migrate(postgres)
        finally:
            is_over.set()
            thread.join()
    message = str(caught.value)
    assert "did not get the locks that it needs in 3 attempts" in message
    assert "idle in transaction" in message
    assert max(waits) < postgres.settings.lock_timeout * 4
    assert current(postgres) == (read_heads_of(postgres)[0],)


def read_heads_of(database: Database) -> list[str]:
    return [each.revision for each in history(database)][1:]


def test_an_index_is_created_concurrently_and_an_invalid_one_removed(postgres: Database) -> None:
    add_table(postgres, "posts")
    migrate(postgres)
    execute(postgres, "ALTER TABLE posts ADD COLUMN title text")
    execute(postgres, "INSERT INTO posts VALUES (1, 'a'), (2, 'a')")
    add(
        postgres,
        "index",
        'op.create_index("ix_title", "posts", ["title"], unique=True,'
        " postgresql_concurrently=True)",
        'op.drop_index("ix_title", "posts", postgresql_concurrently=True)',
        is_transactional=False,
    )
    with pytest.raises(MigrationFailed, match=r"The invalid index public.ix_title was dropped"):
        migrate(postgres)
    execute(postgres, "DELETE FROM posts WHERE id = 2")
    migrate(postgres)
    with postgres.engine.connect() as connection:
        assert [each["name"] for each in inspect(connection).get_indexes("posts")] == ["ix_title"]
    rollback(postgres)
    assert len(pending(postgres)) == 1


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_no_trace_and_no_lock(transactional: Database) -> None:
    revision = add(
        transactional,
        "slow",
        'op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True))\n'
        'print("created", flush=True)\n__import__("time").sleep(30)',
    )
    code = (
        "import sys; from pathlib import Path; from photon_lifeguard import *; "
        "from photon_lifeguard.migrations import migrate; "
        "migrate(Database(DatabaseSettings(url=sys.argv[1]), folder=Path(sys.argv[2])))"
    )
    url, folder = transactional.settings.url, str(transactional.folder)
    with subprocess.Popen(
        [sys.executable, "-c", code, url, folder], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "created\n"
        process.kill()
    assert tables(transactional) == set()
    path = file_of(transactional, revision)
    path.write_text(path.read_text().replace("sleep(30)", "sleep(0)"))
    migrate(transactional)
    assert tables(transactional) == {"posts"}


def test_a_project_of_alembic_moves_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config("alembic.ini")
    config.set_main_option("script_location", "alembic")
    command.init(config, "alembic")
    ini = tmp_path / "alembic.ini"
    ini.write_text(
        ini.read_text().replace("driver://user:pass@localhost/dbname", "sqlite:///app.db")
    )
    environment = tmp_path / "alembic/env.py"  # it would configure the logs of this process
    environment.write_text(environment.read_text().replace("fileConfig(config", "str(config"))
    config = Config("alembic.ini")
    command.revision(config, "by alembic")
    command.upgrade(config, "head")
    database = Database(DatabaseSettings(migrations="alembic/versions"), folder=tmp_path)
    (first,) = status(database).migrations
    assert first.state == "applied"
    second = add_table(database, "posts")
    assert [each.revision.revision for each in migrate(database)] == [second]
    command.downgrade(config, "-1")
    assert [each.state for each in status(database).migrations] == ["applied", "pending"]
    database.close()


@pytest.mark.slow
def test_a_pooler_in_transaction_mode_may_be_in_between(
    pgbouncer_server: PgBouncer, tmp_path: Path
) -> None:
    settings = DatabaseSettings(url=pgbouncer_server.url, transaction_pooling=True)
    database = Database(settings, folder=tmp_path)
    add_table(database, "pooled_posts")
    index = 'op.create_index("ix_pooled", "pooled_posts", ["id"], postgresql_concurrently=True)'
    add(database, "index", index, is_transactional=False)
    try:
        assert len(migrate(database)) == 2
        assert migrate(database) == []
        assert "pooled_posts" in tables(database)
        rollback(database, to="base")
    finally:
        execute(database, "DROP TABLE IF EXISTS pooled_posts, alembic_version, photon_migrations")
        database.close()


def test_alembics_autocommit_block_works(postgres: Database) -> None:
    add_table(postgres, "posts")
    add(
        postgres,
        "vacuum",
        'with op.get_context().autocommit_block():\n    op.execute("VACUUM posts")\n'
        'op.add_column("posts", sa.Column("title", sa.Text()))',
    )
    assert len(migrate(postgres)) == 2


def test_the_lock_is_bounded(postgres: Database) -> None:
    add_table(postgres, "posts")
    settings = attrs.evolve(postgres.settings, migration_wait=0.3)
    impatient = Database(settings, folder=postgres.folder)
    with postgres.engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({0x70686F746F6E6462})"))
        with pytest.raises(MigrationError, match=r"another process has been migrating"):
            migrate(impatient)
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
    migrate(impatient)


def test_the_sql_of_pending_migrations_is_shown_without_executing_it(database: Database) -> None:
    add_table(database, "posts")
    sql = pending_sql(database)
    assert "CREATE TABLE posts" in sql
    assert tables(database) == set()
    migrate(database)
    assert pending_sql(database) == ""


def test_databases_are_created_and_dropped(database: Database) -> None:
    if database.backend.name == "sqlite":
        assert create(database)
    assert not create(database)
    add_table(database, "posts")
    migrate(database)
    database.close()
    assert drop(database)
    assert not drop(database)
    assert create(database)
    assert tables(database) == set()
    assert len(pending(database)) == 1


def test_a_folder_that_does_not_exist_is_named_and_created(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url="sqlite:///data/app.db"), folder=tmp_path)
    add_table(database, "posts")
    with pytest.raises(DatabaseUnavailable, match="data of the database does not exist; `photon"):
        migrate(database)
    assert create(database)
    migrate(database)
    assert tables(database) == {"posts"}
    database.close()


def test_a_database_in_memory_is_refused(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url="sqlite://"), folder=tmp_path)
    add_table(database, "posts")
    with pytest.raises(MigrationError, match=r"in memory cannot be migrated"):
        migrate(database)


def test_migrations_are_noted_as_applied_without_running_them(database: Database) -> None:
    first, second = add_table(database, "posts"), add_table(database, "authors")
    execute(database, "CREATE TABLE posts (id integer)")
    assert stamp(database, first).revision == first
    assert [each.revision.revision for each in migrate(database)] == [second]
    assert stamp(database).revision == second
    assert status(database).is_up_to_date


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_missing_database_is_named_with_the_command(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = make_url(request.getfixturevalue(f"{kind}_url")).set(database="not_there")
    database = Database(DatabaseSettings(url=url.render_as_string()), folder=tmp_path)
    add_table(database, "posts")
    with pytest.raises(DatabaseUnavailable, match=r"not_there.*`photon db create` creates it"):
        migrate(database)
    database.close()


def test_heads_are_read_from_the_text_of_the_files(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(), folder=tmp_path)
    folder = tmp_path / "db/migrations"
    assert read_heads(folder) == ()
    first = add_table(database, "posts")
    second = add_table(database, "authors", parents=(first,))
    third = add_table(database, "tags", parents=(first,))
    assert read_heads(folder) == heads(database) == tuple(sorted([second, third]))
    last = merge(database).revision
    assert read_heads(folder) == heads(database) == (last,)
