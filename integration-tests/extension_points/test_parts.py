"""A foreign package becomes a part of an application: arguments by type, lifespans, drain."""

from __future__ import annotations

import contextvars
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from toy_database.part import TENANT, Audit, Session, ToyDatabase
from toy_database.pool import Pool

from photon import BackgroundTasks, HttpError, Json, Photon, SignatureError, Stream
from photon.testing import Client
from photon_runtime.http import Response, StartedHandler
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server, send_request


def shop(database: ToyDatabase) -> Photon:
    app = Photon(title="Shop", version="1.0.0")
    app.add(database)

    def naming(db: Session, name: str) -> str:
        db.add(name)
        return name

    @app.post("/orders/{name}")
    def order(name: str, db: Session, audit: Audit, tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add(database.log.append, "after")
        naming(db, name)
        if name == "broken":
            raise HttpError(400, "broken")
        database.log.append("handled")
        return {"name": name, "url": db.url}

    @app.get("/stream")
    def stream(db: Session) -> Stream:
        def parts() -> Iterator[bytes]:
            database.log.append("sent")
            yield b"x"

        return Stream(parts())

    @app.get("/query")
    def query(pool: Pool, text: str) -> str:
        return pool.query(text)

    @app.get("/tenant")
    def tenant() -> str:
        return TENANT.get()

    return app


def test_the_commit_comes_before_the_response_and_the_background_work_after_it() -> None:
    database = ToyDatabase()
    response = send_request(shop(database), "POST", "/orders/tea")
    assert (response.status, response.json()) == (200, {"name": "tea", "url": "toy://memory"})
    assert response.headers["toy-databases"] == "1"
    log = database.log
    assert log[:4] == ["begin", "add tea", "handled", "commit"]
    assert sorted(log[4:]) == ["after", "audited"]


def test_the_parts_of_an_application_are_known() -> None:
    database = ToyDatabase()
    assert shop(database).parts == (database,)


def test_a_commit_that_fails_is_the_response_and_drops_the_background_work() -> None:
    database = ToyDatabase()
    response = send_request(shop(database), "POST", "/orders/taken")
    assert (response.status, response.body) == (409, b"the name is taken")
    assert database.log == ["begin", "add taken", "handled", "rollback"]


def test_a_handler_that_fails_rolls_back() -> None:
    database = ToyDatabase()
    assert send_request(shop(database), "POST", "/orders/broken").status == 400
    assert database.log == ["begin", "add broken", "rollback"]


def test_a_streamed_response_keeps_its_session() -> None:
    database = ToyDatabase()
    assert send_request(shop(database), "GET", "/stream").body == b"x"
    assert database.log == ["begin", "sent", "commit"]


def test_provided_arguments_are_no_part_of_the_document() -> None:
    operation = shop(ToyDatabase()).document()["paths"]["/orders/{name}"]["post"]
    assert [each["name"] for each in operation["parameters"]] == ["name"]
    assert "requestBody" not in operation


def test_values_of_the_application_and_checks_are_those_of_the_part() -> None:
    with Client(shop(ToyDatabase())) as client:
        assert client.get("/query?text=select").json() == "select"
        assert client.get("/ready").json()["checks"]["toy_database"]["status"] == "ok"


def test_a_test_overrides_what_is_provided_for_a_class() -> None:
    database = ToyDatabase()
    app = shop(database)

    def fake() -> Session:
        return Session("fake://", [])

    with app.overrides({Session: fake}), Client(app) as client:
        assert client.post("/orders/tea").json()["url"] == "fake://"
    with Client(app) as client:
        assert client.post("/orders/tea").json()["url"] == "toy://memory"
        with app.overrides({Session: fake}):
            assert client.post("/orders/tea").json()["url"] == "fake://"


def test_a_part_reads_its_sections_and_is_installed_anew_for_each_start(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text(
        '[toy]\nurl = "toy://one"\ntenant = "ada"\n[toy.reports]\nurl = "toy://two"\n'
    )
    app = shop(ToyDatabase())
    assert send_request(app, "POST", "/orders/tea").json()["url"] == "toy://memory"
    app.use_settings(load_settings(tmp_path, environment="test"))
    response = send_request(app, "POST", "/orders/tea")
    assert response.json()["url"] == "toy://one"
    assert response.headers["toy-databases"] == "2"


def test_what_a_lifespan_sets_is_seen_by_every_request_of_every_host(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text('[toy]\ntenant = "ada"\n')
    app = shop(ToyDatabase())
    app.use_settings(load_settings(tmp_path, environment="test"))
    assert send_request(app, "GET", "/tenant").json() == "ada"
    with Client(app) as client:
        assert [client.get("/tenant").json() for _ in range(2)] == ["ada", "ada"]
    with live_server(app) as server:
        assert server.request("GET", "/tenant").text == '"ada"'
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/tenant",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    assert b"".join(app.wsgi(environ, lambda *args: lambda data: None)) == b'"ada"'


def test_what_a_request_sets_ends_with_it() -> None:
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)
    app = Photon()

    @app.lifespan
    @contextmanager
    def life() -> Iterator[None]:
        number.set(1)
        yield

    @app.get("/")
    def count() -> int:
        number.set(number.get() + 1)
        return number.get()

    with Client(app) as client, live_server(app) as server:
        assert [client.get("/").json() for _ in range(3)] == [2, 2, 2]
        assert [server.request("GET", "/").text for _ in range(3)] == ["2", "2", "2"]


def test_a_part_is_told_that_the_server_begins_to_stop() -> None:
    database = ToyDatabase()
    with live_server(shop(database)) as server:
        server.request("GET", "/tenant")
        assert "drain" not in database.log
    assert database.log == ["drain"]
    with shop(database).start() as handler:
        assert isinstance(handler, StartedHandler)


def test_a_part_that_is_named_is_imported_when_it_is_added() -> None:
    program = (
        "import sys\n"
        "from photon import Photon\n"
        "app = Photon()\n"
        "assert 'toy_database.part' not in sys.modules\n"
        "app.add('toy_database.part:ToyDatabase')\n"
        "assert 'toy_database.part' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_added_or_provided_is_refused() -> None:
    app = Photon()
    part: Any
    part = object()
    with pytest.raises(TypeError, match="a part must be an object"):
        app.add(part)
    part = ToyDatabase
    with pytest.raises(TypeError, match=r"ToyDatabase is a class: write app\.add\(ToyDatabase"):
        app.add(part)
    with pytest.raises(ValueError, match=r"package\.module:part"):
        app.add("toy_database")
    for missing in ("toy_database.part:Missing", "toy_database.missing:Part"):
        with pytest.raises(ValueError, match="cannot be imported"):
            app.add(missing)
    app.provide(Session, lambda: Session("", []))
    with pytest.raises(ValueError, match="has a provider already"):
        app.provide(Session, lambda: Session("", []))
    for cls in (int, str, dict):
        with pytest.raises(TypeError, match="come from the request"):
            app.provide(cls, cls)

    async def late() -> Audit:
        return Audit([])

    with pytest.raises(SignatureError, match="async"):
        app.provide(Audit, late)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="parts or providers"):
        Photon().include(app)


def test_a_marker_wins_over_a_provider() -> None:
    app = Photon()
    app.provide(Audit, lambda: Audit([]))

    @app.post("/")
    def handler(audit: Json[Audit]) -> list[str]:
        return audit.log

    assert send_request(app, "POST", "/", json={"log": ["sent"]}).json() == ["sent"]


def test_two_applications_do_not_meet() -> None:
    one, two = ToyDatabase(), ToyDatabase()
    first, second = shop(one), shop(two)
    with Client(first) as client, Client(second):
        client.post("/orders/tea")
    assert two.log == []
    assert one.log[:2] == ["begin", "add tea"]


def test_an_application_without_parts_answers_as_before() -> None:
    app = Photon()
    app.get("/")(lambda: Response(200, body=json.dumps(1)))
    assert send_request(app, "GET", "/").status == 200
