"""An application with a database starts with its migrations applied, or not at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from photon import Photon
from photon.testing import Client
from photon_lifeguard import DatabasePart
from photon_lifeguard.errors import PendingMigrations
from photon_lifeguard.migrations import plan_revision
from photon_runtime.settings import load_settings


def application(folder: Path, environment: str, settings: str = "") -> Photon:
    (folder / "photon.toml").write_text(f'[database]\nurl = "sqlite:///app.db"\n{settings}')
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    app = Photon()
    app.use_settings(load_settings(folder, environment=environment, environ=environ))
    app.add(DatabasePart())

    @app.get("/posts")
    def posts(db: Session) -> int:
        return int(db.scalar(text("SELECT count(*) FROM posts")) or 0)

    return app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a migration that is not applied."""
    create = 'op.create_table("posts", sa.Column("id", sa.Integer(), primary_key=True))'
    plan_revision(tmp_path / "db/migrations", "add posts", parents=(), upgrade=create).write()
    return tmp_path


def test_a_start_in_production_with_pending_migrations_is_refused(folder: Path) -> None:
    app = application(folder, "production")
    with pytest.raises(PendingMigrations, match=r"add_posts\.py; apply them by `photon db mig"):
        Client(app).__enter__()


def test_a_start_in_development_warns_of_pending_migrations(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(application(folder, "development")) as client:
        assert client.get("/health").status_code in (200, 404)
    assert "migrations are pending" in caplog.text


def test_migrations_are_applied_before_the_first_request(folder: Path) -> None:
    app = application(folder, "production", "auto_migrate = true\n")
    with Client(app) as client:
        assert client.get("/posts").json() == 0


def test_another_database_has_migrations_of_its_own(folder: Path) -> None:
    create = 'op.create_table("visits", sa.Column("id", sa.Integer(), primary_key=True))'
    reports = folder / "db/migrations/reports"
    plan_revision(reports, "add visits", parents=(), upgrade=create).write()
    named = '[database.reports]\nurl = "sqlite:///reports.db"\n'
    with pytest.raises(PendingMigrations, match="add_visits"):
        Client(application(folder, "production", f"auto_migrate = true\n{named}")).__enter__()
    settings = f"auto_migrate = true\n{named}auto_migrate = true\n"
    with Client(application(folder, "production", settings)) as client:
        assert client.get("/posts").json() == 0
    with closing(sqlite3.connect(folder / "reports.db")) as connection:
        assert connection.execute("SELECT count(*) FROM visits").fetchone() == (0,)


def test_an_application_without_migrations_starts(tmp_path: Path) -> None:
    with Client(application(tmp_path, "production")) as client:
        assert client.get("/nothing").status_code == 404
