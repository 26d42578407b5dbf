"""The routes for jobs: who sees which job, and what of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import photon_runtime as rt
from photon import Photon, Request, Router, TasksPart, current_job, task
from photon.jobs import Accepted, job_routes, jobs_belong_to
from photon.testing import Client
from photon_openapi.document import Document
from photon_router import SignatureError
from photon_runtime.settings import load_settings
from photon_tasks import EnqueuedJob, StoreUnavailable, Task, Tasks, current_tasks


def user_of(request: Request) -> str | None:
    return request.headers.get("x-user")


RELEASED: dict[str, rt.Event] = {}


class Jobs:
    """The tasks, in a class: those of modules are found by applications of other tests."""

    @staticmethod
    def double(number: int) -> int:
        return 2 * number

    @staticmethod
    def failing() -> None:
        raise ValueError("the password of the database is tea")

    @staticmethod
    def slow(name: str) -> str:
        current_job().progress({"done": 1, "of": 2})
        RELEASED[name].wait()
        return name

    @staticmethod
    def parent() -> str:
        return TASKS["double"].enqueue(4).id


TASKS: dict[str, Task[..., Any]] = {
    name: task(name=name, retries=0)(getattr(Jobs, name))
    for name in ("double", "failing", "slow", "parent")
}


def application(folder: Path, router: Router | None = None, **settings: object) -> Photon:
    (folder / "photon.toml").write_text(
        f'[tasks]\nmode = "in_process"\nurl = "sqlite:///{folder}/jobs.db"\n'
        + "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    app = Photon(title="Shop", version="1")
    app.use_settings(load_settings(folder, environment="test", environ={}))
    app.add(TasksPart(tasks=list(TASKS.values()), home="shop_of_no_module"))
    app.include(job_routes(owner=user_of) if router is None else router)
    owned = Router(middleware=[jobs_belong_to(user_of)])

    @owned.post("/double")
    def start_double(number: int) -> Accepted:
        return Accepted(TASKS["double"].enqueue(number))

    @owned.post("/failing")
    def start_failing() -> Accepted:
        return Accepted(TASKS["failing"].enqueue())

    @owned.post("/slow")
    def start_slow(name: str) -> Accepted:
        return Accepted(TASKS["slow"].enqueue(name))

    @owned.post("/parent")
    def start_parent() -> Accepted:
        return Accepted(TASKS["parent"].enqueue())

    @owned.post("/brief")
    def start_brief() -> Accepted:
        return Accepted(TASKS["double"].with_options(keep=0.2).enqueue(1))

    app.include(owned)
    _add_others(app)
    return app


def _add_others(app: Photon) -> None:
    @app.post("/release")
    def release(name: str) -> None:
        RELEASED[name].set()

    @app.post("/tidy")
    def tidy() -> None:
        current_tasks().store.tidy(0)

    @app.post("/nobody")
    def start_for_nobody() -> Accepted:
        return Accepted(TASKS["double"].enqueue(1))


@contextmanager
def client_of(app: Photon, *, development: bool = False) -> Iterator[Client]:
    with Client(app, development=development) as client:
        yield client


ADA = {"x-user": "ada"}
BOB = {"x-user": "bob"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with client_of(application(tmp_path)) as client:
        yield client


def ended(client: Client, url: str, **headers: str) -> dict[str, Any]:
    response = client.get(url, params={"wait": 20}, headers=ADA | headers)
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


# -- reading ------------------------------------------------------------------------------------


def test_a_request_that_enqueues_gets_202_and_the_url_of_its_job(client: Client) -> None:
    response = client.post("/double", params={"number": 21}, headers=ADA)
    assert response.status_code == 202
    id_ = response.json()["job_id"]
    assert UUID(id_).version == 7
    assert response.headers["location"] == f"/jobs/{id_}"
    status = ended(client, response.headers["location"])
    assert status == {
        "id": id_,
        "status": "completed",
        "result": 42,
        "error": None,
        "progress": None,
    }


def test_a_running_job_has_progress_and_says_when_to_come_again(client: Client) -> None:
    RELEASED["r"] = rt.Event()
    url = client.post("/slow", params={"name": "r"}, headers=ADA).headers["location"]
    status: dict[str, Any] = {}
    for _ in range(200):
        response = client.get(url, headers=ADA)
        status = response.json()
        if status["progress"]:
            break
        time.sleep(0.02)
    assert status["status"] == "running"
    assert status["progress"] == {"done": 1, "of": 2}
    assert response.headers["retry-after"] == "2"
    client.post("/release", params={"name": "r"})
    assert ended(client, url)["result"] == "r"
    assert "retry-after" not in client.get(url, headers=ADA).headers


def test_a_failed_job_shows_no_traceback(client: Client) -> None:
    url = client.post("/failing", headers=ADA).headers["location"]
    response = client.get(url, params={"wait": 20}, headers=ADA)
    assert response.json()["status"] == "dead"
    assert response.json()["error"] == "the job has failed"
    assert "password" not in response.text
    assert "Traceback" not in response.text


def test_a_failed_job_shows_its_traceback_in_development(tmp_path: Path) -> None:
    with client_of(application(tmp_path), development=True) as client:
        url = client.post("/failing", headers=ADA).headers["location"]
        assert "the password of the database is tea" in ended(client, url)["error"]


@pytest.mark.parametrize("path", ["", "/events"])
def test_jobs_of_others_and_jobs_that_do_not_exist_are_the_same(client: Client, path: str) -> None:
    url = client.post("/double", params={"number": 1}, headers=ADA).headers["location"]
    assert ended(client, url)["status"] == "completed"
    bodies = []
    for headers in (BOB, {}, {"x-user": ""}):
        response = client.get(url + path, headers=headers)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        bodies.append(response.text.replace(url.rpartition("/")[2], "ID"))
    absent = str(uuid4())
    response = client.get(f"/jobs/{absent}{path}", headers=ADA)
    assert response.status_code == 404
    assert {*bodies, response.text.replace(absent, "ID")} == {bodies[0]}


def test_a_job_without_an_owner_belongs_to_no_client(client: Client) -> None:
    url = client.post("/nobody").headers["location"]
    for headers in (ADA, {}, {"x-user": ""}):
        assert client.get(url, headers=headers).status_code == 404


def test_a_job_that_a_job_has_enqueued_belongs_to_its_owner(client: Client) -> None:
    url = client.post("/parent", headers=ADA).headers["location"]
    child = f"/jobs/{ended(client, url)['result']}"
    assert ended(client, child)["result"] == 8
    assert client.get(child, headers=BOB).status_code == 404


def test_a_malformed_id_is_refused(client: Client) -> None:
    for path in ("/jobs/1", "/jobs/x", f"/jobs/{uuid4()}x"):
        response = client.get(path, headers=ADA)
        assert response.status_code == 422
        assert response.json()["errors"]
    assert client.get(f"/jobs/{uuid4()}?wait=31", headers=ADA).status_code == 422
    assert client.get(f"/jobs/{uuid4()}?wait=-1", headers=ADA).status_code == 422


def test_a_client_that_knows_the_status_gets_304_or_waits_for_another_one(client: Client) -> None:
    RELEASED["c"] = rt.Event()
    url = client.post("/slow", params={"name": "c"}, headers=ADA).headers["location"]
    for _ in range(200):
        first = client.get(url, headers=ADA)
        if first.json()["progress"]:
            break
        time.sleep(0.02)
    known = ADA | {"if-none-match": first.headers["etag"]}
    response = client.get(url, headers=known)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == first.headers["etag"]
    begun = time.monotonic()
    assert client.get(url, params={"wait": 0.3}, headers=known).status_code == 304
    assert time.monotonic() - begun >= 0.3
    client.post("/release", params={"name": "c"})
    response = client.get(url, params={"wait": 20}, headers=known)
    assert response.status_code == 200
    assert response.json()["status"] in ("running", "completed")


def test_a_stream_has_every_status_and_ends_with_the_job(client: Client) -> None:
    RELEASED["s"] = rt.Event()
    RELEASED["s"].set()
    url = client.post("/slow", params={"name": "s"}, headers=ADA).headers["location"]
    with client.stream("GET", f"{url}/events", headers=ADA) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = list(response.iter_lines())
    statuses = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert statuses[-1]["status"] == "completed"
    assert statuses[-1]["result"] == "s"
    assert lines.count("event: status") == len(statuses)
    last = [line[4:] for line in lines if line.startswith("id: ")][-1]
    again = client.get(f"{url}/events", headers=ADA | {"last-event-id": last})
    assert again.status_code == 204, "a browser connects no more"


def test_a_result_that_is_not_kept_any_more_is_404(client: Client) -> None:
    url = client.post("/brief", headers=ADA).headers["location"]
    assert ended(client, url)["result"] == 2
    time.sleep(0.3)
    client.post("/tidy")
    response = client.get(url, headers=ADA)
    assert response.status_code == 404
    assert response.json()["detail"].endswith("does not exist, or is not kept any more")


# -- cancelling ---------------------------------------------------------------------------------


def test_a_running_job_is_cancelled(tmp_path: Path) -> None:
    RELEASED["x"] = rt.Event()
    with client_of(application(tmp_path, lease=1)) as client:
        url = client.post("/slow", params={"name": "x"}, headers=ADA).headers["location"]
        assert client.delete(url, headers=BOB).status_code == 404
        assert client.delete(url, headers=ADA).status_code == 202
        status = ended(client, url)
        assert (status["status"], status["error"]) == ("cancelled", "the job was cancelled")
        assert client.delete(url, headers=ADA).status_code == 202


def test_a_job_that_has_ended_cannot_be_cancelled(client: Client) -> None:
    url = client.post("/double", params={"number": 1}, headers=ADA).headers["location"]
    ended(client, url)
    response = client.delete(url, headers=ADA)
    assert response.status_code == 409
    assert response.json()["detail"] == "the job has ended already: it is completed"


# -- decisions ----------------------------------------------------------------------------------


def test_routes_without_a_decision_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="needs one decision about who may see a job"):
        job_routes()
    with pytest.raises(ValueError, match="needs one decision"):
        job_routes(public=True, owner=user_of)

    async def later(request: Request) -> str:
        return "ada"

    with pytest.raises(SignatureError):
        job_routes(owner=later)  # type: ignore[arg-type]


def test_public_routes_show_every_job(tmp_path: Path) -> None:
    with client_of(application(tmp_path, job_routes(public=True))) as client:
        url = client.post("/nobody").headers["location"]
        assert client.get(url, params={"wait": 20}).json()["status"] == "completed"


def test_a_decision_with_the_job_can_follow_any_rule(tmp_path: Path) -> None:
    routes = job_routes(may_see=lambda request, job: user_of(request) in ("root", job.owner))
    with client_of(application(tmp_path, routes)) as client:
        url = client.post("/double", params={"number": 1}, headers=ADA).headers["location"]
        assert client.get(url, headers={"x-user": "root"}).status_code == 200
        assert client.get(url, headers=BOB).status_code == 404


def test_requests_about_one_job_are_limited(tmp_path: Path) -> None:
    routes = job_routes(owner=user_of, requests_per_minute=5)
    with client_of(application(tmp_path, routes)) as client:
        url = client.post("/double", params={"number": 1}, headers=ADA).headers["location"]
        statuses = [client.get(url, headers=ADA).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        other = client.post("/double", params={"number": 1}, headers=ADA).headers["location"]
        assert client.get(other, headers=ADA).status_code == 200


# -- the document, errors -----------------------------------------------------------------------


def test_the_document_describes_the_routes(tmp_path: Path) -> None:
    document = application(tmp_path).document()
    assert Document(document).schema_errors == []
    paths = document["paths"]
    accepted = paths["/double"]["post"]["responses"]["202"]
    assert "Location" in accepted["headers"]
    schema = accepted["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/JobReference"}
    read = paths["/jobs/{job_id}"]["get"]
    assert read["operationId"] == "read_job"
    assert {"200", "304", "404", "422", "429"} <= read["responses"].keys()
    assert "409" in paths["/jobs/{job_id}"]["delete"]["responses"]
    members = document["components"]["schemas"]["JobStatus"]["properties"]
    assert list(members) == ["id", "status", "result", "error", "progress"]


def test_accepted_without_a_route_for_jobs_says_what_is_missing(tmp_path: Path) -> None:
    app = Photon(title="Shop", version="1")
    tasks = Tasks(None, None, None, app.meter, open_store=None)  # type: ignore[arg-type]
    job: EnqueuedJob[int] = EnqueuedJob("1", True, tasks, None)
    with pytest.raises(RuntimeError, match=r"include photon\.jobs\.job_routes"):
        Accepted(job)
    assert Accepted(job, location="/work/1").header("location") == "/work/1"


def test_a_store_that_does_not_respond_is_503(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Down:
        def job(self, job: str) -> None:
            raise StoreUnavailable("down")

    seen: list[Tasks] = []

    monkeypatch.setattr(
        "photon.jobs.current_tasks", lambda: seen[0] if seen else _broken(seen, Down())
    )
    response = client.get(f"/jobs/{uuid4()}", headers=ADA)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["detail"] == "jobs are unavailable, try again later"


def _broken(seen: list[Tasks], store: Any) -> Tasks:
    tasks = current_tasks()
    broken = object.__new__(Tasks)
    broken.__dict__.update(tasks.__dict__)
    broken.store = store
    seen.append(broken)
    return broken


def test_readiness_has_a_check_of_the_tasks(client: Client) -> None:
    checks: dict[str, Any] = {}
    for _ in range(100):
        checks = client.get("/ready").json()["checks"]
        if checks["tasks"]["status"] == "ok":
            break
        time.sleep(0.02)
    assert checks["tasks"]["status"] == "ok"
