"""Sending mails to a real mail server, which accepts, refuses, waits and fails."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

import photon_runtime as rt
from photon_runtime.errors import DeadlineExceeded, PhotonError
from photon_runtime.testing import in_hub
from photon_tasks.errors import MailRefused, MailUnavailable
from photon_tasks.mail import Address, MailSettings, OutgoingMail
from photon_tasks.mail._smtp import SmtpTransport
from servers.smtp import DROP, MailServer, run_mail_server

pytestmark = pytest.mark.slow

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


def settings_for(port: int, **changes: Any) -> MailSettings:
    chosen = {"host": "127.0.0.1", "port": port, "tls": "none", "timeout": 10.0, **changes}
    return MailSettings(**chosen)


def mail_to(*addresses: str, **changes: Any) -> OutgoingMail:
    chosen: dict[str, Any] = {
        "message_id": "<1@example.com>",
        "date": datetime(2026, 11, 30, tzinfo=UTC),
        "sender": Address("shop@example.com", "Shop"),
        "to": tuple(map(Address, addresses)),
        "subject": "Hello",
        "text": "Hello, Ada!\n",
        **changes,
    }
    return OutgoingMail(**chosen)


def send(settings: MailSettings, mail: OutgoingMail) -> Any:
    return rt.run(lambda: SmtpTransport(settings).deliver(mail, mail.recipients))


def content_of(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


@pytest.fixture
def server() -> Iterator[MailServer]:
    with run_mail_server() as server:
        yield server


def test_mail_arrives_as_it_was_written(server: MailServer) -> None:
    text = ".\n..\n.dot\nFrom here\r\n.\rend\r\n" + "long " * 400 + "\ngrüße\n"
    mail = mail_to(ADA, bcc=(Address(EVE),), text=text, return_path="bounces@example.com")

    report = send(settings_for(server.port), mail)

    (envelope,) = server.mails
    assert envelope.mail_from == "bounces@example.com"
    assert envelope.rcpt_tos == [ADA, EVE]
    content = content_of(envelope)
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 78
    assert EVE.encode() not in content
    received = message_from_bytes(content)
    body = received.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().splitlines() == text.splitlines()
    assert received["Message-ID"] == "<1@example.com>"
    assert report.accepted == [ADA, EVE]
    assert not report.refused
    assert not report.deferred


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_mail_is_sent_over_tls_by_a_user(tls: str, server_certificate: tuple[Path, Path]) -> None:
    users = {"shop": "secret"}
    with run_mail_server(certificate=server_certificate, tls=tls, users=users) as server:
        settings = settings_for(
            server.port,
            tls=tls,
            cafile=str(server_certificate[1]),
            username="shop",
            password="secret",
        )
        send(settings, mail_to(ADA))

        assert len(server.mails) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_unknown_certificate_ends_the_delivery_before_the_password(
    tls: str, server_certificate: tuple[Path, Path]
) -> None:
    users = {"shop": "secret"}
    with run_mail_server(certificate=server_certificate, tls=tls, users=users) as server:
        settings = settings_for(server.port, tls=tls, username="shop", password="secret")
        with pytest.raises(MailUnavailable, match=r"(?i)certificate"):
            send(settings, mail_to(ADA))

        assert not server.mails


def test_server_without_starttls_gets_nothing(server: MailServer) -> None:
    with pytest.raises(MailUnavailable, match="STARTTLS"):
        send(settings_for(server.port, tls="starttls"), mail_to(ADA))

    assert not server.mails


def test_wrong_password_is_not_the_fault_of_the_mail(server_certificate: tuple[Path, Path]) -> None:
    users = {"shop": "secret"}
    with run_mail_server(certificate=server_certificate, tls="starttls", users=users) as server:
        settings = settings_for(
            server.port,
            tls="starttls",
            cafile=str(server_certificate[1]),
            username="shop",
            password="wrong",
        )
        with pytest.raises(MailUnavailable, match="535"):
            send(settings, mail_to(ADA))


def test_refused_recipients_do_not_stop_the_others(server: MailServer) -> None:
    server.replies = {BOB: "550 5.1.1 no such user", EVE: "450 4.2.1 mailbox busy"}

    report = send(settings_for(server.port), mail_to(ADA, BOB, EVE))

    assert [each.rcpt_tos for each in server.mails] == [[ADA]]
    assert report.accepted == [ADA]
    assert report.refused == {BOB: "550 5.1.1 no such user"}
    assert report.deferred == {EVE: "450 4.2.1 mailbox busy"}


def test_mail_is_refused_if_all_recipients_are(server: MailServer) -> None:
    server.replies = {ADA: "550 no such user", BOB: "553 not here"}

    report = send(settings_for(server.port), mail_to(ADA, BOB))

    assert not server.mails
    with pytest.raises(MailRefused, match=r"550 no such user; bob@example\.com: 553"):
        report.require_accepted()


@pytest.mark.parametrize(
    ("reply", "error"),
    [("554 5.7.1 spam", MailRefused), ("451 4.3.0 try again later", MailUnavailable)],
)
@pytest.mark.parametrize("command", ["MAIL", "DATA"])
def test_replies_decide_whether_a_mail_is_tried_again(
    server: MailServer, command: str, reply: str, error: type[Exception]
) -> None:
    if command == "MAIL":
        server.commands["MAIL"] = reply
    else:
        server.data_replies = [reply]

    with pytest.raises(error, match=reply):
        send(settings_for(server.port), mail_to(ADA))


def test_a_server_that_wants_a_password_has_not_refused_the_mail() -> None:
    with (
        run_mail_server(users={"shop": "secret"}) as server,
        pytest.raises(MailUnavailable, match="530"),
    ):
        send(settings_for(server.port), mail_to(ADA))


def test_mail_with_the_same_id_is_sent_after_a_lost_reply(server: MailServer) -> None:
    server.data_replies = [DROP]
    settings, mail = settings_for(server.port), mail_to(ADA)

    with pytest.raises(MailUnavailable, match="connection"):
        send(settings, mail)
    send(settings, mail)

    assert len(server.mails) == 2
    first, second = (message_from_bytes(content_of(each)) for each in server.mails)
    assert first["Message-ID"] == second["Message-ID"] == "<1@example.com>"
    assert first["Date"] == second["Date"]


def test_utf8_addresses_need_a_server_that_takes_them(server: MailServer) -> None:
    mail = mail_to("jörg@example.com", subject="Grüße")
    send(settings_for(server.port), mail)

    (envelope,) = server.mails
    assert envelope.rcpt_tos == ["jörg@example.com"]
    assert "SMTPUTF8" in envelope.mail_options
    assert "jörg@example.com".encode() in content_of(envelope)
    with run_mail_server(smtputf8=False) as other:
        with pytest.raises(MailRefused, match="SMTPUTF8"):
            send(settings_for(other.port), mail)
        assert not other.mails


def test_stated_size_of_the_server_is_known_before_sending() -> None:
    with (
        run_mail_server(max_size=10_000) as server,
        pytest.raises(MailRefused, match="takes 10000"),
    ):
        send(settings_for(server.port), mail_to(ADA, text="x" * 20_000))


def test_slow_server_costs_no_more_than_the_time_limit(server: MailServer) -> None:
    server.delay = 0.4
    settings = settings_for(server.port, timeout=1.0)
    began = time.monotonic()

    # Each reply is in time, but all of them together are not.
    with pytest.raises(MailUnavailable, match="did not finish within 1 s"):
        send(settings, mail_to(*(f"user{number}@example.com" for number in range(6))))

    assert time.monotonic() - began < 2
    assert not server.mails


def test_deadline_of_the_caller_counts(server: MailServer) -> None:
    server.delay = 5.0

    def deliver() -> None:
        with rt.deadline(0.3):
            mail = mail_to(ADA)
            SmtpTransport(settings_for(server.port)).deliver(mail, mail.recipients)

    with pytest.raises(DeadlineExceeded, match=r"0\.3 seconds"):
        rt.run(deliver)


def test_other_tasks_run_while_a_server_is_slow(server: MailServer) -> None:
    server.delay = 0.5
    turns = 0

    def main() -> int:
        nonlocal turns
        mail = mail_to(ADA)
        transport = SmtpTransport(settings_for(server.port))
        task = rt.spawn(transport.deliver, mail, mail.recipients)
        while not task.done:
            turns += 1
            rt.sleep(0.01)
        task.result()
        return turns

    assert rt.run(main) > 20


def test_connections_are_bounded_and_used_again(server: MailServer) -> None:
    settings = settings_for(server.port, connections=2)

    def main() -> None:
        transport = SmtpTransport(settings)
        with rt.scope() as tasks:
            for number in range(20):
                mail = mail_to(f"user{number}@example.com")
                tasks.spawn(transport.deliver, mail, mail.recipients)
        assert not transport._idle

    rt.run(main)

    assert len(server.mails) == 20
    assert server.connections == 2


def test_failed_mail_does_not_disturb_those_that_wait(server: MailServer) -> None:
    server.replies = {BOB: "550 no such user"}
    server.data_replies = ["250 OK", DROP]
    settings = settings_for(server.port, connections=1)
    results: list[str] = []

    def deliver(transport: SmtpTransport, address: str) -> None:
        mail = mail_to(address)
        try:
            report = transport.deliver(mail, mail.recipients)
        except MailUnavailable:
            results.append("unavailable")
        else:
            results.append("accepted" if report.accepted else "refused")

    def main() -> None:
        transport = SmtpTransport(settings)
        with rt.scope() as tasks:
            for address in (ADA, BOB, EVE, BOB, ADA):
                tasks.spawn(deliver, transport, address)

    rt.run(main)

    assert results == ["accepted", "refused", "unavailable", "refused", "accepted"]
    assert len(server.mails) == 3
    assert server.connections == 2


def test_server_that_is_down_is_a_matter_of_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MailUnavailable, match=rf"127\.0\.0\.1:{port} cannot be used"):
        send(settings_for(port), mail_to(ADA))


def test_stopped_server_costs_no_more_than_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _await_port(port)
            os.kill(process.pid, signal.SIGSTOP)
            began = time.monotonic()
            with pytest.raises(MailUnavailable, match=r"did not finish within 0\.5 s"):
                send(settings_for(port, timeout=0.5), mail_to(ADA))
            assert time.monotonic() - began < 2
            os.kill(process.pid, signal.SIGCONT)
            send(settings_for(port), mail_to(ADA))
        finally:
            process.kill()


def _await_port(port: int) -> None:
    expires = time.monotonic() + 20
    while time.monotonic() < expires:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError("the server does not listen")


def test_endless_replies_are_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = settings_for(listener.getsockname()[1])

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while True:
                    connection.sendall(b"220-" + b"x" * 500 + b"\r\n")

        def main() -> None:
            endless = rt.spawn(rt.offload, serve)
            mail = mail_to(ADA)
            with pytest.raises(MailUnavailable, match="more than 65536 bytes"):
                SmtpTransport(settings).deliver(mail, mail.recipients)
            endless.join()

        rt.run(main)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": ""}, "set `host`"),
        ({"username": "shop", "host": "mail.example.com", "tls": "none"}, "plain text"),
        ({"username": "shop", "host": "mail.example.com", "verify": False}, "takes the place"),
        ({"cafile": "/nonexistent"}, "cafile"),
    ],
)
@in_hub
def test_settings_that_are_unsafe_or_incomplete_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    chosen = {"host": "127.0.0.1", **changes}
    with pytest.raises(PhotonError, match=message):
        SmtpTransport(MailSettings(**chosen))


def test_passwords_are_not_shown() -> None:
    assert "hunter2" not in repr(MailSettings(password="hunter2"))
