"""The fixtures of databases, in projects of their own: nothing that a test writes reaches the next.

Each test of these projects runs in a process of its own, in random order.
"""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TABLES = """
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)
"""

SHOP = """
import attrs
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from photon import Json, Photon
from photon_lifeguard import DatabasePart, Databases, on_commit, transaction
from tables import Post

sent = []

@attrs.frozen
class NewPost:
    title: str

app = Photon()
app.add(DatabasePart())

@app.get("/posts")
def list_posts(db: Session) -> list[str]:
    return list(db.scalars(select(Post.title).order_by(Post.title)))

@app.post("/posts")
def create_post(post: Json[NewPost], db: Session) -> int:
    row = Post(title=post.title)
    db.add(row)
    db.flush()
    on_commit(db, sent.append, post.title)
    return row.id

@app.put("/posts/{post_id}")
def rename_post(post_id: int, post: Json[NewPost], db: Session) -> None:
    db.get(Post, post_id).title = post.title

@app.post("/import")
def import_posts(db: Session, databases: Databases) -> None:
    with transaction(db):
        db.add(Post(title="one"))
        try:
            with transaction(db):
                db.add(Post(title="one"))
        except IntegrityError:
            pass
        with transaction(db):
            db.add(Post(title="two"))
    on_commit(db, run_job, databases.default)
    db.add(Post(title="three"))

def run_job(database):
    with database.session() as session:
        session.add(Post(title="job"))
        session.commit()
"""

TESTS = """
import threading

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import shop
from tables import Post

def titles(db):
    return sorted(db.scalars(select(Post.title)))

def create(client, title, status=200):
    assert client.post("/posts", json={"title": title}).status_code == status

@pytest.fixture(params=["in_process", "live"])
def any_client(request):
    return request.getfixturevalue("client" if request.param == "in_process" else "live_client")

@pytest.mark.parametrize("number", range(3))
def test_everything(any_client, db, database, number):
    assert titles(db) == []
    shop.sent.clear()
    post = Post(title="mine")
    db.add(post)
    db.commit()
    create(any_client, "a")
    assert shop.sent == ["a"]
    create(any_client, "a", status=409)
    assert any_client.post("/import").status_code == 204
    create(any_client, "b")
    everything = sorted(["mine", "a", "one", "two", "three", "job", "b"])
    assert any_client.get("/posts").json() == titles(db) == everything
    db.add(Post(title="a"))
    with pytest.raises(IntegrityError):
        db.commit()
    db.rollback()
    assert any_client.put(f"/posts/{post.id}", json={"title": "renamed"}).status_code == 204
    db.expire_all()
    assert post.title == "renamed"

@pytest.mark.parametrize("number", range(3))
def test_many_connections(live_client, database, db, number):
    def work(title):
        create(live_client, title)
        with database.transaction() as session:
            session.add(Post(title=title + " too"))
    threads = [threading.Thread(target=work, args=(f"{n}",)) for n in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(titles(db)) == 16

@pytest.mark.database("fresh")
@pytest.mark.parametrize("number", range(3))
def test_fresh(client, db, number):
    assert titles(db) == []
    create(client, "a")
    assert [post.id for post in db.scalars(select(Post))] == [1]

@pytest.mark.database("rollback")
@pytest.mark.parametrize("number", range(3))
def test_rollback(client, db, number):
    assert titles(db) == []
    create(client, "a")
    assert titles(db) == ["a"]
"""

RANDOM_ORDER = """
import random

def pytest_collection_modifyitems(config, items):
    random.Random(config.getoption("order")).shuffle(items)

def pytest_addoption(parser):
    parser.addoption("--order", type=int, default=0)
"""

SETTINGS = '[project]\napp = "shop:app"\n[database]\nurl = "{url}"\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "sqlite:///app.db"
    name = "mysql_url" if request.param == "mysql" else "postgres_url"
    server_url: str = request.getfixturevalue(name)
    return server_url


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each process would import them all
    options = "-p no:cacheprovider -p photon.pytest_plugin"
    pytester.makeini(f"[pytest]\npythonpath = .\naddopts = {options}\nfilterwarnings = error\n")
    pytester.makepyfile(tables=TABLES, shop=SHOP, test_shop=TESTS)
    pytester.makeconftest(RANDOM_ORDER)
    return pytester


def set_url(project: pytest.Pytester, url: str) -> None:
    (project.path / "photon.toml").write_text(SETTINGS.format(url=url))


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite", "postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize("order", [1, 2])
def test_a_test_leaves_nothing_behind(project: pytest.Pytester, url: str, order: int) -> None:
    set_url(project, url)
    result = project.runpytest_subprocess("--order", str(order))
    result.assert_outcomes(passed=15)
    assert not (project.path / "app.db").exists()


@pytest.mark.slow
def test_workers_of_xdist_do_not_meet(project: pytest.Pytester, url: str) -> None:
    set_url(project, url)
    result = project.runpytest_subprocess("-p", "xdist.plugin", "-n", "4", "--order", "3")
    result.assert_outcomes(passed=15)
    assert not (project.path / "app.db").exists()


@pytest.mark.slow
def test_the_environment_and_an_option_choose_database_and_mode(
    project: pytest.Pytester, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_url(project, "sqlite:///app.db")
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    project.makepyfile(
        test_shop="""
        import pytest
        from sqlalchemy import func, select, text
        from photon_lifeguard.testing import TemporaryDatabases

        @pytest.mark.parametrize("number", range(2))
        def test_ids_begin_anew(client, db, number):
            assert db.scalar(select(func.current_database())).rpartition("_")[2].isdigit()
            assert client.post("/posts", json={"title": "a"}).json() == 1

        @pytest.mark.database("rollback")
        def test_on_one_connection(db, database):
            with database.session() as other:
                query = select(func.pg_backend_pid())
                assert db.scalar(query) == other.scalar(query)
        """
    )
    project.runpytest_subprocess("-o", "photon_database=fresh").assert_outcomes(passed=3)


@pytest.mark.slow
def test_an_application_without_a_database_does_not_import_sqlalchemy(
    project: pytest.Pytester,
) -> None:
    set_url(project, "sqlite:///app.db")
    project.makepyfile(
        shop="""
        from photon import Photon
        app = Photon()

        @app.get("/")
        def hello() -> str:
            return "hello"
        """,
        test_shop="""
        import sys

        def test_hello(client):
            assert client.get("/").json() == "hello"
            assert "sqlalchemy" not in sys.modules

        def test_db(client, db):
            pass
        """,
    )
    result = project.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the application has no database: add photon_lifeguard.Data*"])


@pytest.mark.slow
def test_fixtures_of_the_project_choose_application_and_schema(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_shop="""
        import pytest
        from sqlalchemy import insert, select
        from photon import Photon
        from photon.testing import Client
        from photon_lifeguard import Database, DatabasePart
        from tables import Base, Post

        def create_tables(database):
            Base.metadata.create_all(database.engine)
            with database.transaction() as session:
                session.add(Post(title="first"))

        @pytest.fixture(scope="session")
        def database_schema():
            return create_tables

        @pytest.fixture
        def app():
            app = Photon()
            app.add(DatabasePart())

            @app.get("/")
            def titles(database: Database) -> list[str]:
                with database.session() as session:
                    return list(session.scalars(select(Post.title)))

            return app

        @pytest.mark.parametrize("number", range(2))
        def test_titles(app, db, number):
            with Client(app) as client:
                assert client.get("/").json() == ["first"]
                db.execute(insert(Post).values(title="second"))
                db.commit()
                assert client.get("/").json() == ["first", "second"]

        def test_a_client_of_its_own(app):
            with Client(app) as client:
                assert client.get("/").json() == ["first"]
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=3)
    assert not (project.path / "app.db").exists()


MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

def upgrade():
    op.create_table(
        "posts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(50), unique=True, nullable=False),
    )
    op.execute("INSERT INTO posts (title) VALUES ('of the migration')")

def downgrade():
    op.drop_table("posts")
"""


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite", "postgresql", "mysql"], indirect=True)
def test_migrations_make_the_tables(project: pytest.Pytester, url: str) -> None:
    set_url(project, url)
    folder = project.path / "db" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_posts.py").write_text(MIGRATION)
    project.makepyfile(
        test_shop="""
        import pytest
        from sqlalchemy import inspect

        @pytest.mark.parametrize("number", range(2))
        @pytest.mark.parametrize("mode", ["rollback", "fresh"])
        def test_posts(request, number, mode):
            request.node.add_marker(pytest.mark.database(mode))
            client = request.getfixturevalue("client")
            assert client.get("/posts").json() == ["of the migration"]
            assert client.post("/posts", json={"title": "a"}).status_code == 200
            assert client.get("/posts").json() == ["a", "of the migration"]
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=4)


@pytest.mark.slow
def test_named_databases_are_temporary_too(project: pytest.Pytester) -> None:
    set_url(project, "sqlite:///app.db")
    with (project.path / "photon.toml").open("a") as settings:
        settings.write('[database.reports]\nurl = "sqlite:///reports.db"\n')
    project.makepyfile(
        shop="""
        from sqlalchemy import func, select
        from sqlalchemy.orm import Session
        from photon import Photon
        from photon_lifeguard import DatabasePart
        from tables import Post

        class ReportsSession(Session):
            pass

        app = Photon()
        app.add(DatabasePart({"reports": ReportsSession}))

        @app.post("/")
        def both(db: Session, reports: ReportsSession) -> None:
            db.add(Post(title="default"))
            reports.add(Post(title="reports"))
        """,
        test_shop="""
        import pytest
        from sqlalchemy import select
        from tables import Post

        @pytest.mark.parametrize("number", range(2))
        def test_both(client, db, databases, number):
            assert client.post("/").status_code == 204
            assert db.scalars(select(Post.title)).all() == ["default"]
            with databases["reports"].session() as session:
                assert session.scalars(select(Post.title)).all() == ["reports"]
        """,
    )
    project.runpytest_subprocess().assert_outcomes(passed=2)
    assert not list(project.path.glob("*.db"))


@pytest.mark.slow
def test_a_wrong_mode_is_refused(project: pytest.Pytester) -> None:
    set_url(project, "sqlite:///app.db")
    project.makepyfile(
        test_shop="""
        import pytest

        @pytest.mark.database("truncate")
        def test_unknown(db):
            pass

        @pytest.mark.database
        def test_missing(db):
            pass
        """
    )
    result = project.runpytest_subprocess()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines_random(
        ["*'truncate' is not a way to clean up*", "*database needs one argument*"]
    )
