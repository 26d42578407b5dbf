from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from photon_lifeguard import _cli
from photon_lifeguard.errors import MultipleHeads
from photon_runtime.project import Project

MODELS = """
from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={"ix": "ix_%(column_0_label)s"})


class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
"""
Photon = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one model, as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "photon.toml").write_text(
        '[database]\nmodels = "blog_models:Base"\n\n[database.reports]\nurl = "sqlite:///r.db"\n'
    )
    (tmp_path / "blog_models.py").write_text(MODELS)
    return tmp_path


@pytest.fixture
def db(project: Path, monkeypatch: pytest.MonkeyPatch) -> Photon:
    """Runs ``photon db`` with arguments, each time as in a process of its own."""

    def run(*arguments: str, environment: str = "development", answers: str = "") -> Result:
        monkeypatch.delitem(sys.modules, "blog_models", raising=False)
        here = Project.here(environment=environment)
        return CliRunner().invoke(_cli.db, arguments, obj=here, input=answers)

    return run


def edit(project: Path, old: str, new: str) -> None:
    path = project / "blog_models.py"
    path.write_text(path.read_text().replace(old, new))


def files(project: Path) -> list[Path]:
    return sorted((project / "db/migrations").glob("*.py"))


def test_from_models_to_tables_and_back(db: Photon, project: Path) -> None:
    result = db("migrate", "--autogenerate", "-m", "add posts")
    assert result.exit_code == 0, result.output
    (file,) = files(project)
    assert f"added: db/migrations/{file.name}" in result.output
    assert "CREATE TABLE posts" in db("migrate", "--dry-run").output
    assert db("status").exit_code == 1
    assert f"applied {file.name}" in db("migrate").output
    assert db("migrate").output == "nothing to do: all migrations are applied\n"
    assert db("status").exit_code == 0
    assert db("diff").output == ""
    result = db("migrate", "--autogenerate", "-m", "again")
    assert result.output == "nothing to do: the database is as the models describe it\n"
    assert "→" in db("history").output
    assert f"rolled back {file.name}" in db("rollback").output
    assert db("rollback").output == "nothing to do: no migration is applied\n"


def test_machines_read_json(db: Photon, project: Path) -> None:
    db("revision", "-m", "add posts")
    shown = json.loads(db("status", "--json").output)
    (migration,) = shown["migrations"]
    assert migration["state"] == "pending"
    assert shown["is_up_to_date"] is False
    assert json.loads(db("history", "--json").output)[0]["file"] == files(project)[0].name
    assert json.loads(db("check", "--json").output)["is_safe"] is True
    result = db("diff", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == [{"description": "table posts is added", "loses": None}]


def test_a_column_is_not_dropped_without_a_decision(db: Photon, project: Path) -> None:
    db("revision", "-m", "add posts")
    db("migrate")
    edit(project, "title", "headline")
    result = db("revision", "-m", "change")
    assert result.exit_code == 1
    assert "would drop column posts.title, and the data would be lost" in result.output
    assert "--rename posts.title:posts.headline" in result.output
    assert "--allow-drop" in result.output
    assert len(files(project)) == 1
    result = db("revision", "-m", "change", "--rename", "posts.title:headline")
    assert "column title is renamed to headline" in result.output
    assert 'new_column_name="headline"' in files(project)[-1].read_text()
    files(project)[-1].unlink()
    assert db("revision", "-m", "change", "--allow-drop").exit_code == 0
    assert 'op.drop_column("posts", "title")' in files(project)[-1].read_text()


@pytest.mark.parametrize(("answers", "is_rename"), [("y\n", True), ("n\ny\n", False)])
def test_a_terminal_is_asked_about_renames(
    db: Photon,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: str,
    is_rename: bool,
) -> None:
    db("revision", "-m", "add posts")
    db("migrate")
    edit(project, "title", "headline")
    monkeypatch.setattr(_cli, "_is_interactive", lambda: True)
    result = db("revision", "-m", "change", answers=answers)
    assert "Was the column posts.title renamed to posts.headline?" in result.output
    assert ("new_column_name" in files(project)[-1].read_text()) is is_rename


def test_danger_is_refused_in_production(db: Photon, project: Path) -> None:
    db("revision", "-m", "add posts")
    db("migrate")
    (project / "db/seeds").mkdir()
    for command in (["drop"], ["reset"], ["truncate"], ["rollback"], ["seed", "--reset"]):
        result = db(*command, environment="production")
        assert result.exit_code == 1
        assert "in production; add --yes to do it" in result.output
    assert (project / "app.db").exists()
    assert db("rollback", "--yes", environment="production").exit_code == 0


def test_a_reset_creates_migrates_and_seeds(db: Photon, project: Path) -> None:
    db("revision", "-m", "add posts")
    (project / "db/seeds").mkdir()
    (project / "db/seeds/posts.json").write_text('[{"id": 1, "title": "One"}]')
    result = db("reset")
    assert "posts: 1 rows" in result.output
    with closing(sqlite3.connect(project / "app.db")) as connection:
        assert connection.execute("SELECT title FROM posts").fetchall() == [("One",)]
    (project / "db/seeds/posts.json").unlink()
    assert "written: db/seeds/posts.json" in db("seed", "--dump-tables", "posts").output
    assert db("truncate", "posts").output == "emptied: posts\n"
    assert "posts: 1 rows" in db("seed").output


def test_another_database_has_migrations_of_its_own(db: Photon, project: Path) -> None:
    result = db("revision", "--empty", "-m", "start", "--database", "reports")
    assert result.exit_code == 0, result.output
    (file,) = (project / "db/migrations/reports").glob("*.py")
    assert f"applied {file.name}" in db("migrate", "--database", "reports").output
    assert (project / "r.db").exists()
    result = db("status", "--database", "missing")
    assert result.exit_code == 2
    assert "no section [database.missing]; there are reports" in result.output


def test_two_branches_are_named_and_merged(db: Photon, project: Path) -> None:
    for name in ("one", "two"):
        db("revision", "--empty", "-m", name)
        path = files(project)[-1]
        path.rename(project / path.name)
    for path in project.glob("2*.py"):
        path.rename(project / "db/migrations" / path.name)
    result = db("status")
    assert result.exit_code == 1
    assert all(f"_{name}.py" in result.output for name in ("one", "two"))
    assert "join them by `photon db merge`" in result.output
    failed = db("migrate")
    assert isinstance(failed.exception, MultipleHeads)
    assert "added: " in db("merge").output
    assert db("migrate").exit_code == 0
    assert db("status").exit_code == 0


def test_schema_and_models_are_written_to_files(db: Photon, project: Path) -> None:
    db("revision", "-m", "add posts")
    db("migrate")
    assert "CREATE TABLE posts" in db("schema").output
    assert db("entities", "-o", "made.py").output == "written: made.py\n"
    assert "class Post(Base):" in (project / "made.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["migrate", "--autogenerate"], "name what the migration does"),
        (["revision", "-m", "x", "--rename", "nonsense"], "write it as posts.title:headline"),
        (["migrate", "-m", "x"], "belong to --autogenerate"),
        (["rollback", "0"], "0 is not in the range"),
    ],
)
def test_wrong_options_are_explained(db: Photon, arguments: list[str], message: str) -> None:
    result = db(*arguments)
    assert result.exit_code == 2
    assert message in result.output
