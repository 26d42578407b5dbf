"""The page about jobs, served by an application and looked at in a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

import photon_runtime as rt
from photon import Photon, TasksPart, current_job, step, task
from photon.testing import Client, LiveClient, live_client
from photon_router.middleware import Csrf, Sessions
from photon_runtime.settings import load_settings
from photon_tasks import Task
from servers.chromium import run_browser

PAGE = "/photon/jobs"
FIXED: dict[str, bool] = {}


class Jobs:
    """The functions of the tasks; tasks of modules would be found by other applications."""

    @staticmethod
    def greet(name: str) -> str:
        return f"hello {name}"

    @staticmethod
    def capture(order: int) -> str:
        if not FIXED.get("capture"):
            raise ConnectionError("payments <script>alert(1)</script>")
        return "captured"

    @staticmethod
    def ship(order: int) -> None:
        step("reserve", str, "shelf 7")
        current_job().wait_event("shipped")

    @staticmethod
    def render(year: int) -> None:
        current_job().progress({"done": 1, "of": 4})
        rt.sleep(60)


@pytest.fixture
def tasks() -> dict[str, Task[..., Any]]:
    FIXED.clear()
    return {
        name: task(name=f"shop.{name}", retries=0)(getattr(Jobs, name))
        for name in ("greet", "capture", "ship", "render")
    }


def application(
    folder: Path,
    tasks: dict[str, Task[..., Any]],
    *,
    environment: str = "development",
    url: str = "",
    prepare: Callable[[Photon], object] = lambda app: None,
) -> Photon:
    (folder / "photon.toml").write_text(
        f'[tasks]\nmode = "in_process"\nurl = "{url or f"sqlite:///{folder}/jobs.db"}"\nlease = 1\n'
        "shutdown_timeout = 0\n"
    )
    app = Photon(title="Shop", version="1")
    app.use_settings(load_settings(folder, environment=environment, environ={}))
    app.add(TasksPart(tasks=list(tasks.values()), home="shop_of_no_module"))

    @app.post("/enqueue/{name}")
    def enqueue(name: str, argument: str = "1") -> str:
        value = argument if name == "greet" else int(argument)
        return tasks[name].enqueue(value).id

    prepare(app)
    return app


@contextmanager
def served(app: Photon) -> Iterator[LiveClient]:
    with live_client(app) as client:
        yield client


def enqueue(client: LiveClient | Client, name: str, argument: str = "1") -> str:
    id_: str = client.post(f"/enqueue/{name}", params={"argument": argument}).json()
    return id_


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def has_state(client: LiveClient | Client, job: str, state: str) -> bool:
    return f'class="badge {state}"' in client.get(f"{PAGE}/{job}").text


def press(client: LiveClient | Client, path: str, **fields: str) -> Any:
    origin = str(client.base_url).rstrip("/")
    return client.post(path, data=fields, headers={"origin": origin})


# -- what is served -----------------------------------------------------------------------------


def test_the_page_shows_queues_workers_and_jobs(
    tmp_path: Path, tasks: dict[str, Task[..., Any]]
) -> None:
    with served(application(tmp_path, tasks)) as client:
        job = enqueue(client, "greet", "Ada")
        until(lambda: has_state(client, job, "completed"))
        response = client.get(PAGE)
        assert response.status_code == 200
        assert "4 tasks, jobs in sqlite" in response.text
        assert "1 of 100" not in response.text
        assert "0 of 100" in response.text, "the worker in this process"
        assert job[-12:] in response.text
        detail = client.get(f"{PAGE}/{job}").text
        assert "hello Ada" in detail
        assert "&quot;name&quot;: &quot;Ada&quot;" in detail
        policy = response.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert response.headers["cache-control"] == "no-store"
        assert re.search(r"<script(?! src=)| style=| on[a-z]+=", response.text + detail) is None


def test_the_page_exists_in_development_only(
    tmp_path: Path, tasks: dict[str, Task[..., Any]]
) -> None:
    app = application(tmp_path, tasks, environment="production")
    with live_client(app, development=False) as client:
        for path in (PAGE, f"{PAGE}/jobs.css", f"{PAGE}/1"):
            assert client.get(path).status_code == 404


def test_a_job_that_does_not_exist_is_404(tmp_path: Path, tasks: dict[str, Task[..., Any]]) -> None:
    with served(application(tmp_path, tasks)) as client:
        response = client.get(f"{PAGE}/<script>")
        assert response.status_code == 404
        assert "&lt;script&gt;" in response.text
        assert press(client, f"{PAGE}/none", action="cancel").headers["location"].endswith("=0")


def test_an_application_without_tasks_says_so(tmp_path: Path) -> None:
    with served(application(tmp_path, {})) as client:
        assert "No jobs yet." in client.get(PAGE).text
    (tmp_path / "photon.toml").write_text("")
    app = Photon(title="Shop", version="1")
    app.module = "shop_of_no_module"
    app.use_settings(load_settings(tmp_path, environment="development", environ={}))
    with served(app) as client:
        assert "This application has no tasks yet." in client.get(PAGE).text


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgres", "redis"])
def test_the_page_shows_the_jobs_of_every_store(
    tmp_path: Path,
    tasks: dict[str, Task[..., Any]],
    kind: str,
    request: pytest.FixtureRequest,
) -> None:
    if kind == "postgres":
        url: str = request.getfixturevalue("empty_postgres_url")
    else:  # other tests leave jobs in the database 0
        url = request.getfixturevalue("redis_url").removesuffix("/0") + "/9"
        redis.Redis.from_url(url).flushdb()
    with served(application(tmp_path, tasks, url=url)) as client:
        jobs = [enqueue(client, name) for name in ("greet", "capture", "ship")]
        for job, state in zip(jobs, ("completed", "dead", "waiting"), strict=True):
            until(partial(has_state, client, job, state))
        page = client.get(PAGE).text
        for state in ("completed", "dead", "waiting"):
            assert f"{state} <b>1</b>" in page
        press(client, f"{PAGE}/{jobs[2]}", action="cancel")
        assert has_state(client, jobs[2], "cancelled")
        for state in ("completed", "dead", "cancelled"):
            press(client, PAGE, action="purge", state=state)
        assert "No jobs yet." in client.get(PAGE).text


def test_an_open_page_does_not_fill_the_log(
    tmp_path: Path, tasks: dict[str, Task[..., Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "photon.access")
    with served(application(tmp_path, tasks)) as client:
        for _ in range(3):
            client.get(PAGE, headers={"x-photon-refresh": "1"})
        client.get(PAGE)
        until(lambda: any(each.name == "photon.access" for each in caplog.records))
    assert len([each for each in caplog.records if each.name == "photon.access"]) == 1


# -- buttons ------------------------------------------------------------------------------------


def test_a_dead_job_is_queued_again_and_an_ended_one_is_removed(
    tmp_path: Path, tasks: dict[str, Task[..., Any]]
) -> None:
    with served(application(tmp_path, tasks)) as client:
        job = enqueue(client, "capture")
        until(lambda: has_state(client, job, "dead"))
        FIXED["capture"] = True
        response = press(client, f"{PAGE}/{job}", action="requeue")
        assert (response.status_code, response.headers["location"]) == (
            303,
            f"{PAGE}/{job}?requeued=1",
        )
        until(lambda: has_state(client, job, "completed"))
        shown = client.get(response.headers["location"]).text
        assert "1 job queued again." in shown
        response = press(client, f"{PAGE}/{job}", action="purge")
        assert response.headers["location"] == f"{PAGE}?purged=1"
        assert client.get(f"{PAGE}/{job}").status_code == 404


def test_all_jobs_of_a_state_are_queued_again(
    tmp_path: Path, tasks: dict[str, Task[..., Any]]
) -> None:
    with served(application(tmp_path, tasks)) as client:
        jobs = [enqueue(client, "capture", str(number)) for number in range(3)]
        other = enqueue(client, "greet", "Ada")
        until(lambda: all(has_state(client, job, "dead") for job in jobs))
        until(lambda: has_state(client, other, "completed"))
        assert press(client, PAGE, action="requeue").status_code == 400, "no state"
        FIXED["capture"] = True
        response = press(client, PAGE, action="requeue", state="dead")
        assert response.headers["location"] == f"{PAGE}?state=dead&requeued=3"
        until(lambda: all(has_state(client, job, "completed") for job in jobs))
        response = press(client, PAGE, action="purge", state="completed", task="shop.capture")
        assert response.headers["location"].endswith("purged=3")
        assert has_state(client, other, "completed")


def test_a_running_and_a_waiting_job_are_cancelled(
    tmp_path: Path, tasks: dict[str, Task[..., Any]]
) -> None:
    with served(application(tmp_path, tasks)) as client:
        jobs = [enqueue(client, "render"), enqueue(client, "ship")]
        until(lambda: has_state(client, jobs[0], "running"))
        until(lambda: has_state(client, jobs[1], "waiting"))
        assert "step:reserve" in client.get(f"{PAGE}/{jobs[1]}").text
        for job in jobs:
            assert press(client, f"{PAGE}/{job}", action="cancel").status_code == 303
        until(lambda: all(has_state(client, job, "cancelled") for job in jobs))


def test_a_form_of_another_site_changes_nothing(
    tmp_path: Path, tasks: dict[str, Task[..., Any]]
) -> None:
    with served(application(tmp_path, tasks)) as client:
        job = enqueue(client, "greet", "Ada")
        until(lambda: has_state(client, job, "completed"))
        for headers in (
            {},
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site", "origin": str(client.base_url).rstrip("/")},
        ):
            for path in (PAGE, f"{PAGE}/{job}"):
                fields = {"action": "purge", "state": "completed"}
                assert client.post(path, data=fields, headers=headers).status_code == 403
        own = {"origin": str(client.base_url).rstrip("/")}
        assert (
            client.post(f"{PAGE}/{job}", json={"action": "purge"}, headers=own).status_code == 415
        )
        assert client.get(PAGE, headers={"host": "evil.example"}).status_code == 403
        assert has_state(client, job, "completed")


def test_forms_have_the_token_of_an_application_that_requires_one(
    tmp_path: Path, tasks: dict[str, Task[..., Any]]
) -> None:
    def protect(app: Photon) -> None:
        app.middleware(Sessions(secret="s" * 32, secure=False))
        app.middleware(Csrf(exempt_operations=["enqueue"]))

    with served(application(tmp_path, tasks, prepare=protect)) as client:
        job = enqueue(client, "greet", "Ada")
        until(lambda: has_state(client, job, "completed"))
        assert press(client, f"{PAGE}/{job}", action="purge").status_code == 403
        page = client.get(f"{PAGE}/{job}").text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found is not None
        response = press(client, f"{PAGE}/{job}", action="purge", csrf_token=found[1])
        assert response.status_code == 303


# -- in a browser -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_follows_a_job_and_its_buttons_work(
    tmp_path: Path, tasks: dict[str, Task[..., Any]], browser: Chrome
) -> None:
    with served(application(tmp_path, tasks)) as client:
        base = str(client.base_url).rstrip("/")
        browser.get(base + PAGE)
        assert "No jobs yet." in browser.page_source
        job = enqueue(client, "capture")
        until(lambda: browser.find_elements(By.CSS_SELECTOR, "td .badge.dead"))
        browser.find_element(By.PARTIAL_LINK_TEXT, job[-12:]).click()
        assert "payments <script>alert(1)</script>" in browser.find_element(By.TAG_NAME, "pre").text
        FIXED["capture"] = True
        browser.find_element(By.CSS_SELECTOR, "button.requeue").click()
        until(lambda: browser.find_elements(By.CSS_SELECTOR, "h1 .badge.completed"))
        browser.find_element(By.CSS_SELECTOR, "details.ask summary").click()
        time.sleep(2.5)  # the page is not loaded again while a person is about to press a button
        browser.find_element(By.CSS_SELECTOR, "button.purge").click()
        until(lambda: "1 job removed." in browser.page_source)
        log: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
        assert [entry for entry in log if entry["level"] == "SEVERE"] == []


@pytest.mark.slow
def test_the_page_works_without_scripts(
    tmp_path: Path, tasks: dict[str, Task[..., Any]], browser_without_scripts: Chrome
) -> None:
    browser = browser_without_scripts
    with served(application(tmp_path, tasks)) as client:
        job = enqueue(client, "capture")
        until(lambda: has_state(client, job, "dead"))
        browser.get(f"{client.base_url}".rstrip("/") + f"{PAGE}?state=dead")
        browser.find_element(By.CSS_SELECTOR, "details.ask summary").click()
        browser.find_element(By.CSS_SELECTOR, "button.requeue").click()
        until(lambda: "1 job queued again." in browser.page_source)


@pytest.mark.slow
def test_the_page_fits_on_a_phone(tmp_path: Path, tasks: dict[str, Task[..., Any]]) -> None:
    with served(application(tmp_path, tasks)) as client, run_browser(width=360) as browser:
        job = enqueue(client, "capture", "7")
        until(lambda: has_state(client, job, "dead"))
        for path in (PAGE, f"{PAGE}/{job}"):
            browser.get(f"{client.base_url}".rstrip("/") + path)
            width = browser.execute_script("return document.documentElement.scrollWidth")
            assert width <= 360
