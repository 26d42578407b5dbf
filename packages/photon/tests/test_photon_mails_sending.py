"""Mails of whole applications, sent by their workers to a real mail server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from photon import MailMessage, Photon
from photon.testing import Client
from photon_runtime.settings import load_settings
from photon_tasks import JobState, current_tasks
from photon_tasks.records import JobFilter, JobRecord
from servers.smtp import DROP, MailServer, run_mail_server

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[MailServer]:
    with run_mail_server() as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, server: MailServer) -> Iterator[Client]:
    """A client of an application in production, whose worker runs in its process."""
    (tmp_path / "photon.toml").write_text(
        f"""
        [database]
        url = "sqlite:///app.db"
        [mail]
        host = "127.0.0.1"
        port = {server.port}
        tls = "none"
        sender = "Shop <shop@example.com>"
        return_path = "bounces@example.com"
        """
    )
    app = Photon()
    app.use_settings(load_settings(tmp_path, environment="production"))

    @app.post("/mail")
    def send(bcc: str = "", delay: float = 0.0) -> str:
        mail = MailMessage(to="ada@example.com", bcc=bcc or (), subject="Hello", text="Hi")
        return mail.deliver_later(delay=delay).id

    @app.post("/requeue")
    def requeue(job: str) -> None:
        current_tasks().store.requeue(JobFilter(ids=[job]))

    @app.get("/job")
    def show(job: str) -> JobRecord:
        record = current_tasks().store.job(job)
        assert record is not None
        return record

    with Client(app, development=False) as client:
        yield client


def job_in(client: Client, key: str, state: JobState) -> dict[str, object]:
    """Wait until a job is in a state, and return it."""
    expires = time.monotonic() + 20
    while time.monotonic() < expires:
        job: dict[str, object] = client.get("/job", params={"job": key}).json()
        if job["state"] == state:
            return job
        time.sleep(0.02)
    raise AssertionError(f"the job is not {state} but {job}")


def contents(server: MailServer) -> list[bytes]:
    return [each.content for each in server.mails if isinstance(each.content, bytes)]


def test_job_sends_the_mail(client: Client, server: MailServer) -> None:
    key = client.post("/mail").json()
    job = job_in(client, key, JobState.COMPLETED)

    (envelope,) = server.mails
    assert envelope.mail_from == "bounces@example.com"
    assert message_from_bytes(contents(server)[0])["From"] == "Shop <shop@example.com>"
    assert job["queue"] == "mail"
    assert job["max_attempts"] == 11
    assert '"accepted":["ada@example.com"]' in str(job["result"])


def test_refused_mail_is_dead_at_once(client: Client, server: MailServer) -> None:
    server.data_replies = ["554 5.7.1 spam"]
    key = client.post("/mail").json()
    job = job_in(client, key, JobState.DEAD)

    assert job["attempts"] == 1
    assert "554 5.7.1 spam" in str(job["error"])


def test_next_attempt_is_for_deferred_recipients_alone(client: Client, server: MailServer) -> None:
    server.replies = {"eve@example.com": "450 4.2.1 mailbox busy"}
    key = client.post("/mail?bcc=eve@example.com").json()
    job_in(client, key, JobState.FAILED)
    server.replies = {}
    client.post("/requeue", params={"job": key})
    job = job_in(client, key, JobState.COMPLETED)

    assert [each.rcpt_tos for each in server.mails] == [["ada@example.com"], ["eve@example.com"]]
    first, second = map(message_from_bytes, contents(server))
    assert first["Message-ID"] == second["Message-ID"]
    assert '"accepted":["ada@example.com","eve@example.com"]' in str(job["result"])


def test_refusal_of_the_last_recipient_is_reported(client: Client, server: MailServer) -> None:
    server.replies = {"eve@example.com": "450 4.2.1 mailbox busy"}
    key = client.post("/mail?bcc=eve@example.com").json()
    job_in(client, key, JobState.FAILED)
    server.replies = {"eve@example.com": "550 5.1.1 no such user"}
    client.post("/requeue", params={"job": key})
    job = job_in(client, key, JobState.COMPLETED)

    assert '"refused":{"eve@example.com":"550 5.1.1 no such user"}' in str(job["result"])


def test_lost_reply_leads_to_the_same_mail_again(client: Client, server: MailServer) -> None:
    server.data_replies = [DROP]
    key = client.post("/mail").json()
    job_in(client, key, JobState.FAILED)
    client.post("/requeue", params={"job": key})
    job_in(client, key, JobState.COMPLETED)

    first, second = map(message_from_bytes, contents(server))
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


def test_mail_of_later_is_dated_later(client: Client, server: MailServer) -> None:
    now: Callable[[], float] = time.time
    began = now()
    key = client.post("/mail?delay=1.5").json()
    assert client.get("/job", params={"job": key}).json()["state"] == JobState.SCHEDULED
    job_in(client, key, JobState.COMPLETED)

    assert now() - began >= 1.5
    assert message_from_bytes(contents(server)[0])["Date"]
