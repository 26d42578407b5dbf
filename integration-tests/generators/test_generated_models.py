"""Generated models and migrations on real databases: what is written is what the database has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa

from photon_cli.generation import apply_edits, write_changes
from photon_cli.project_creation import Choices, ProjectName, project_files
from photon_cli.scaffolding.migration import MigrationGenerator
from photon_cli.scaffolding.model import ModelGenerator
from photon_runtime.generators import Arguments
from photon_runtime.project import Project

pytestmark = pytest.mark.slow

ALL_TYPES = """
    uuid string text small_unsigned big_unsigned unsigned small_int int big_int float double decimal
    decimal_len:24:8 bool tstz date date_time datetime time json jsonb blob money binary_len:16
    var_binary:300 email uri array:string array:int array:big_int array:float array:double
    array:bool enum:draft,in-progress
""".split()  # noqa: SIM905  a list in the form of the command line
BINARY = ("blob", "binary_len:16", "var_binary:300")
PHOTON_DB = """
import sys
from photon_cli.main import cli

for command in sys.argv[1:]:
    print(f"photon db {command}", flush=True)
    cli(["db", *command.split()], standalone_mode=False)
"""


@attrs.define
class GeneratedProject:
    """A project whose commands run in processes of their own."""

    root: Path
    url: str

    def generate(self, kind: str, name: str, *words: str) -> None:
        generator = ModelGenerator() if kind == "model" else MigrationGenerator()
        options = {option.name: option.default for option in generator.options}
        edits = generator.plan(self.project, Arguments(name, words, options=options))
        plan = apply_edits(self.root, edits)
        assert plan.conflicts == []
        write_changes(plan.root, plan.changes)

    @property
    def project(self) -> Project:
        return Project(self.root, self.root)

    def run(self, *command: str) -> str:
        done = self.try_running("-m", *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_running(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DATABASE_URL": self.url, "PHOTON_ENV": "development"},
        )

    def migrate(self) -> None:
        """Apply the migrations, and see that the models describe the database."""
        self.photon_db("migrate", "diff")

    def there_and_back(self) -> None:
        """Roll all migrations back, and apply them again."""
        self.photon_db("rollback --to base", "migrate", "diff")

    def photon_db(self, *commands: str) -> None:
        """Run commands of `photon db` in one process; the last one must have no output."""
        done = self.try_running("-c", PHOTON_DB, *commands)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith(f"photon db {commands[-1]}\n"), done.stdout

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        engine = sa.create_engine(self.url.replace("sqlite:///", f"sqlite:///{self.root}/"))
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement))
            rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows

    def ruff(self, *command: str) -> None:
        ruff = Path(sys.executable).with_name("ruff")
        done = subprocess.run(
            [ruff, *command, "--no-cache"],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def is_clean(self) -> None:
        """See that the code is as ruff and mypy want it, and that its tests pass."""
        self.ruff("check", ".")
        self.ruff("format", "--diff", ".")
        self.run("mypy")
        self.run("pytest", "-q", "-p", "no:cacheprovider")


@pytest.fixture(params=["sqlite", "postgres"])
def generated(request: pytest.FixtureRequest, tmp_path: Path) -> GeneratedProject:
    """A new project with a database of each kind."""
    name = ProjectName.parse("blog", directory=tmp_path)
    for path, content in project_files(name, Choices("api", "sqlite")).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    is_sqlite = request.param == "sqlite"
    url = "sqlite:///app.db" if is_sqlite else request.getfixturevalue("empty_postgres_url")
    return GeneratedProject(tmp_path, url)


def fields(prefix: str, suffix: str = "", *, without: tuple[str, ...] = ()) -> list[str]:
    types = [each for each in ALL_TYPES if each not in without]
    return [f"{prefix}{number}:{each}{suffix}" for number, each in enumerate(types)]


@pytest.mark.timeout(120)
def test_models_of_all_types_and_difficult_names_work(generated: GeneratedProject) -> None:
    generated.generate("model", "user", "name:string", "email:email^")
    generated.generate(
        "model",
        "post",
        *fields("field"),
        *fields("optional", "?"),
        "author:references:users",
        "editor:references?:users",
        "order:enum:a,b?",
        "slug^",
        "date:date",
        "time:time",
        "user:string",
    )
    generated.generate("model", "category", "name", "parent:references?")
    generated.generate("model", "news", "title", "group:int", "select:string?")
    generated.generate("model", "order", "number:int^", "key:string", "group:references:users")
    generated.generate("model", "testimonial", "text:text", "category:references^")
    generated.generate("model", "Text", "index:int", "table:string")
    generated.generate("migration", "CreateJoinTablePostsAndUsers")
    generated.migrate()
    generated.there_and_back()
    generated.is_clean()


def test_a_migration_is_as_photon_db_revision_writes_it(generated: GeneratedProject) -> None:
    generated.generate("model", "user", "name:string")
    generated.generate(
        "model", "post", *fields("field"), *fields("optional", "?"), "slug^", "user:references"
    )
    folder = generated.root / "db/migrations"
    own = "".join(body(path) for path in sorted(folder.glob("*.py")))
    for path in folder.glob("*.py"):
        path.unlink()
    generated.run("photon_cli", "db", "revision", "-m", "all")
    (path,) = folder.glob("*.py")
    assert body(path) == own


def body(path: Path) -> str:
    """Return the statements of the upgrade."""
    return path.read_text().split("def upgrade() -> None:\n")[1].split("\n\n\ndef")[0] + "\n"


@pytest.mark.timeout(120)
def test_columns_are_added_to_a_table_with_rows(generated: GeneratedProject) -> None:
    generated.generate("model", "user", "name:string")
    generated.generate("model", "post", "title")
    generated.migrate()
    generated.execute("INSERT INTO posts (title) VALUES ('one'), ('two')")
    generated.generate("migration", "AddFieldsToPost", *fields("field", without=BINARY))
    generated.generate("migration", "AddOptionalFieldsToPost", *fields("optional", "?"))
    generated.generate("migration", "AddEditorRefToPost", "editor:references?:users")
    generated.generate("migration", "AddParentRefToPost", "parent:references?")
    generated.generate("migration", "AddSlugToPost", "slug^?")
    generated.migrate()
    rows = generated.execute("SELECT title, field1, field7, optional1, editor_id FROM posts")
    assert sorted(rows) == [
        ("one", "", 0, None, None),
        ("two", "", 0, None, None),
    ]
    generated.there_and_back()
    generated.is_clean()


@pytest.mark.parametrize("word", ["author:references:users", "code:string^", "data:blob"])
def test_a_column_that_rows_lack_a_value_for_is_refused_as_a_whole(
    generated: GeneratedProject, word: str
) -> None:
    generated.generate("model", "user", "name:string")
    generated.generate("model", "post", "title")
    generated.migrate()
    generated.execute("INSERT INTO posts (title) VALUES ('one'), ('two')")
    generated.generate("migration", "AddTheColumnToPost", word)
    done = generated.try_running("-m", "photon_cli", "db", "migrate")
    assert done.returncode != 0
    assert "2 rows of posts would not have a value for" in done.stderr + done.stdout
    assert "Nothing of it was applied" in done.stderr + done.stdout
    assert len(generated.execute("SELECT * FROM posts")[0]) == 4
    generated.execute("DELETE FROM posts")
    generated.migrate()
    generated.there_and_back()


def test_columns_are_renamed_with_what_is_named_after_them(generated: GeneratedProject) -> None:
    generated.generate("model", "user", "name:string")
    generated.generate("model", "post", "title", "slug^", "author:references:users", "at:tstz?")
    generated.migrate()
    generated.execute("INSERT INTO users (name) VALUES ('a')")
    author = generated.execute("SELECT id FROM users")[0][0]
    generated.execute(f"INSERT INTO posts (title, slug, author_id) VALUES ('one', 'one', {author})")
    for name in ("TitleToHeadline", "SlugToHandle", "AuthorToWriter", "AtToReadAt"):
        generated.generate("migration", f"Rename{name}InPost")
    generated.migrate()
    rows = generated.execute("SELECT headline, handle, writer_id, read_at FROM posts")
    assert rows == [("one", "one", author, None)]
    generated.there_and_back()


def test_columns_are_removed_and_come_back_by_a_rollback(generated: GeneratedProject) -> None:
    generated.generate("model", "user", "name:string")
    generated.generate("model", "post", "title", *fields("field"), "user:references", "slug^")
    generated.migrate()
    names = [each.split(":")[0] for each in fields("field")]
    generated.generate("migration", "RemoveFieldsFromPost", *names)
    generated.generate("migration", "remove_user_ref_from_post", "user")
    generated.generate("migration", "RemoveSlugFromPost")
    generated.migrate()
    generated.there_and_back()
    model = (generated.root / "blog/models/post.py").read_text()
    assert " field" not in model
    assert "user_id" not in model
    assert "Decimal" not in model


def test_an_applied_migration_blocks_its_destruction(
    generated: GeneratedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", generated.url)
    generated.generate("model", "post", "title")
    arguments = Arguments("post", ("title",))
    assert ModelGenerator().blockers(generated.project, arguments) == []
    generated.migrate()
    (blocker,) = ModelGenerator().blockers(generated.project, arguments)
    assert "roll back first" in blocker
