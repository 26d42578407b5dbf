"""The jobs of the demo: progress, a workflow that waits, a schedule, mails."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from board import jobs
from board.app import create_app
from board.jobs import mail_cards, mail_due_cards, remind
from board.samples import SAMPLE_KEYS, add_samples
from board.tables import Base
from photon import Photon
from photon.testing import Client
from photon_lifeguard import Database
from photon_runtime.settings import load_settings
from photon_tasks.mail import OutgoingMail
from photon_tasks.records import JobState

DEMO = Path(__file__).parents[1]
GRACE = {"x-key": SAMPLE_KEYS["grace"]}

Deliveries = Callable[[], Sequence[OutgoingMail]]


def add_tables(database: Database) -> None:
    Base.metadata.create_all(database.engine)
    with database.transaction() as session:
        add_samples(session)


@pytest.fixture(scope="session")
def database_schema() -> Callable[[Database], None]:
    return add_tables


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Photon:
    monkeypatch.setattr(jobs, "PACE", 0.0)
    app = create_app()
    app.use_settings(load_settings(DEMO, environment="test", environ={}))
    return app


def test_cards_are_mailed_with_progress_on_open_pages(
    client: Client, deliveries: Deliveries
) -> None:
    with client.websocket("/live", params={"person": "ada"}) as page:
        job = client.post("/admin/boards/1/mail", headers=GRACE)
        messages: list[dict[str, Any]] = []
        while not (messages and messages[-1]["done"] == messages[-1]["total"]):
            message = page.receive_json()
            if message["type"] == "progress":
                messages.append(message)
    assert [each["done"] for each in messages] == [0, 1, 2, 3, 4]
    assert {each["job"] for each in messages} == {job.json()["job_id"]}

    (mail,) = deliveries()
    assert (mail.subject, mail.recipients) == ("Cards of Website", ("grace@board.example",))
    assert "- Search finds nothing with umlauts (doing, grace)" in mail.text


def test_a_job_is_seen_only_by_the_member_that_it_belongs_to(client: Client) -> None:
    accepted = client.post("/admin/boards/1/mail", headers=GRACE)
    assert accepted.status_code == 202
    location = accepted.headers["location"]

    status = client.get(location, headers=GRACE).json()
    assert (status["status"], status["result"]) == ("completed", 4)
    assert status["progress"] == {"done": 4, "of": 4}
    assert client.get(location, headers={"x-key": SAMPLE_KEYS["linus"]}).status_code == 404
    assert client.get(location).status_code == 401


def test_a_board_is_mailed_once_at_a_time(client: Client) -> None:
    with client.jobs.held():
        first, second = (client.post("/admin/boards/1/mail", headers=GRACE) for _ in range(2))
    assert first.json() == second.json()
    assert len(client.jobs.enqueued(mail_cards)) == 1


def comments(client: Client, card: int) -> list[str]:
    return [each["text"] for each in client.get(f"/api/cards/{card}").json()["comments"]]


def test_two_reminders_follow_unless_the_card_is_done(
    client: Client, deliveries: Deliveries
) -> None:
    day = datetime.timedelta(days=1)
    client.jobs.call(remind.enqueue, 2, day.total_seconds())
    assert comments(client, 2) == []
    client.jobs.run(until=day)
    assert comments(client, 2) == ["Reminder 1 of 2 for margaret."]
    client.jobs.run(until=day)
    assert comments(client, 2) == [f"Reminder {number} of 2 for margaret." for number in (1, 2)]
    assert [mail.recipients for mail in deliveries()] == [("margaret@board.example",)] * 2

    client.jobs.call(remind.enqueue, 3, day.total_seconds())
    client.post("/api/cards/3/move", json={"column": "done"})
    client.jobs.run(until=2 * day)
    assert len(deliveries()) == 2
    (job,) = [each for each in client.jobs.enqueued(remind) if each.arguments["card_id"] == 3]
    assert job.state is JobState.COMPLETED


def test_a_reminder_of_a_card_that_was_removed_ends(client: Client, deliveries: Deliveries) -> None:
    client.jobs.call(remind.enqueue, 2, 60.0)
    client.delete("/api/cards/2")
    assert client.jobs.run(until=300.0) == 1
    assert list(deliveries()) == []


def test_due_cards_are_mailed_to_their_assignees(client: Client, deliveries: Deliveries) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    for assignee, due in (
        ("ada", today),
        ("grace", today + datetime.timedelta(days=2)),
        (None, today),
    ):
        card = {"title": "Pay the rent", "due": due.isoformat(), "assignee": assignee}
        assert client.post("/api/boards/2/cards", json=card).is_success
    client.jobs.call(mail_due_cards.enqueue)
    mails = [mail for mail in deliveries() if mail.subject == "Pay the rent"]
    assert [mail.recipients for mail in mails] == [("ada@board.example",)]
    assert "http://localhost:8000/cards/" in mails[0].text


@pytest.mark.slow
def test_the_page_shows_the_progress(browser: Chrome, live_url: str) -> None:
    browser.get(live_url)
    waiting = WebDriverWait(browser, 20, poll_frequency=0.05)
    waiting.until(lambda driver: "1 person" in driver.find_element(By.ID, "people").text)
    browser.execute_script(
        "fetch('/admin/boards/1/mail', {method: 'POST', headers: {'x-key': arguments[0]}})",
        SAMPLE_KEYS["grace"],
    )
    waiting.until(lambda driver: driver.find_element(By.ID, "jobs").text == "Mailing Website: done")
    bar = browser.find_element(By.CSS_SELECTOR, "#jobs progress")
    assert (bar.get_property("value"), bar.get_property("max")) == (4, 4)


def test_the_buttons_of_the_pages_enqueue_jobs(client: Client) -> None:
    def token(page: str) -> str:
        return client.get(page).text.partition('name="csrf_token" value="')[2].partition('"')[0]

    for page, target in (("/", "/boards/2/mail"), ("/cards/1", "/cards/1/reminder")):
        sent = client.post(target, data={"csrf_token": token(page)}, follow_redirects=True)
        assert "will be mailed to ada" in sent.text or "The first reminder follows" in sent.text
    client.jobs.assert_enqueued(mail_cards, 2, "ada")
    assert len(client.jobs.enqueued(remind)) == 1
