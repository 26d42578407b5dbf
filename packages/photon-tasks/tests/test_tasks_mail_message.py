"""Mails as applications write them, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
import pytest

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_tasks.errors import MailRefused, MailUnavailable, NoMails
from photon_tasks.mail import (
    DeliveryReport,
    MailMessage,
    MailSettings,
    OutgoingMail,
    mailer,
)
from photon_tasks.mail._kept_mails import MemoryTransport
from photon_tasks.mail._mails import Mails

LINE_ENDS = ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\0"]


@attrs.frozen
class Rendered:
    subject: str = "Hello"
    text: str = "Hi"
    html: str | None = None


def prepared(
    message: MailMessage, *, rendered: Rendered | None = None, **settings: Any
) -> OutgoingMail:
    """Return a mail as an application with these settings prepares it."""

    def render(template: str, values: Mapping[str, Any]) -> Rendered:
        assert rendered is not None
        return rendered

    mails = Mails(MailSettings(**settings), MemoryTransport(), Meter(), render=render)

    def main() -> OutgoingMail:
        with mails.running():
            return message.prepare()

    return rt.run(main)


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("To", {"to": "ada@example.com{}"}),
        ("Cc", {"cc": ["a@example.com", "A{}B <b@example.com>"]}),
        ("Bcc", {"bcc": "a{}b@example.com"}),
        ("Reply-To", {"reply_to": "{}a@example.com"}),
        ("From", {"sender": "Shop{}Bcc: eve@example.com <a@example.com>"}),
        ("return_path", {"return_path": "a@example.com{}"}),
        ("Subject", {"subject": "Hello{}Bcc: eve@example.com"}),
        ("X-Kind", {"headers": {"X-Kind": "a{}Bcc: eve@example.com"}}),
        ("header field", {"headers": {"X-Kind{}Bcc": "eve@example.com"}}),
        ("List-Unsubscribe", {"unsubscribe": "https://shop.example/{}Bcc:eve@example.com"}),
    ],
)
def test_line_ends_are_refused_with_the_field(field: str, options: Any, end: str) -> None:
    def filled(value: Any) -> Any:
        match value:
            case str():
                return value.replace("{}", end)
            case list():
                return [filled(each) for each in value]
            case _:
                return {filled(key): filled(each) for key, each in value.items()}

    with pytest.raises(ValueError, match=field):
        MailMessage(**filled(options))


@pytest.mark.parametrize("end", LINE_ENDS)
def test_line_ends_of_renderers_are_refused(end: str) -> None:
    message = MailMessage(to="ada@example.com", template="welcome")

    with pytest.raises(ValueError, match="Subject"):
        prepared(message, rendered=Rendered(subject=f"Hello{end}Bcc: eve@example.com"))


def test_arguments_take_precedence_over_templates() -> None:
    message = MailMessage(to="ada@example.com", template="welcome", subject="Mine")
    mail = prepared(message, rendered=Rendered(html="<p>"))

    assert (mail.subject, mail.text, mail.html) == ("Mine", "Hi", "<p>")
    assert mail.template == "welcome"


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        ({"subject": "a", "text": "b"}, {}, "To: the mail has no recipients"),
        ({"to": "a@x.example", "subject": "a"}, {}, "a subject and a text"),
        ({"to": "a@x.example", "html": "<p>", "subject": "a"}, {}, "a subject and a text"),
        (
            {"to": ["a@x.example", "b@x.example"], "subject": "a", "text": "b"},
            {"max_recipients": 1},
            "max_recipients = 1",
        ),
        ({"to": "a@x.example", "subject": "a", "text": "b" * 900}, {"max_size": 500}, "max_size"),
    ],
)
def test_incomplete_and_too_large_mails_are_refused(
    options: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        prepared(MailMessage(**options), **settings)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
@pytest.mark.parametrize("field", ["text", "html"])
def test_bodies_that_cannot_be_sent_are_refused(field: str, text: str) -> None:
    options: Any = {field: text}
    with pytest.raises(ValueError, match="cannot have"):
        MailMessage(to="ada@example.com", **options)


def test_settings_have_the_sender_and_the_address_for_reports() -> None:
    message = MailMessage(to="ada@example.com", subject="a", text="b")
    mail = prepared(message, sender="Shop <shop@bücher.example>", return_path="b@shop.example")

    assert str(mail.sender) == '"Shop" <shop@xn--bcher-kva.example>'
    assert mail.envelope_sender == "b@shop.example"
    assert mail.message_id.endswith("@xn--bcher-kva.example>")
    own = attrs.evolve(message, sender="me@example.com", return_path="r@example.com")
    assert prepared(own, sender="shop@shop.example").envelope_sender == "r@example.com"


def test_each_mail_has_an_id_of_its_own() -> None:
    message = MailMessage(to="ada@example.com", subject="a", text="b")

    assert prepared(message).message_id != prepared(message).message_id


def test_mails_need_a_running_application() -> None:
    message = MailMessage(to="ada@example.com", subject="a", text="b")

    with pytest.raises(NoMails, match="running application"):
        message.prepare()
    with pytest.raises(NoMails, match="running application"):
        message.deliver_later()


def test_time_of_a_delivery_has_a_zone() -> None:
    message = MailMessage(to="ada@example.com", subject="a", text="b")

    with pytest.raises(ValueError, match="time with its zone"):
        message.deliver_at(datetime(2030, 1, 1))


def test_mailer_returns_a_mail_with_its_templates() -> None:
    @mailer("mails/welcome")
    def welcome(email: str) -> MailMessage:
        """Greet."""
        return MailMessage(to=email)

    message = welcome("ada@example.com")
    assert message.template == "mails/welcome"
    assert welcome.__doc__ == "Greet."
    assert "mails/welcome" in repr(welcome)


def test_mailer_that_returns_something_else_is_named() -> None:
    @mailer("mails/welcome")
    def welcome() -> MailMessage:
        return "Hello"  # type: ignore[return-value]  # what is tested

    with pytest.raises(TypeError, match=r"welcome.*returns a MailMessage, not str"):
        welcome()


def test_mailer_has_the_name_of_its_templates() -> None:
    with pytest.raises(TypeError, match=r"@mailer\("):
        mailer(lambda: None)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("report", "error"),
    [
        (DeliveryReport(message_id="x", refused={"a@x": "550 no"}), MailRefused),
        (
            DeliveryReport(message_id="x", refused={"a@x": "550 no"}, deferred={"b@x": "450 no"}),
            MailUnavailable,
        ),
    ],
)
def test_reports_without_a_recipient_are_errors(
    report: DeliveryReport, error: type[Exception]
) -> None:
    with pytest.raises(error, match="a@x: 550 no"):
        report.require_accepted()
    attrs.evolve(report, accepted=["c@x"]).require_accepted()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transport": "sendmail"}, "'transport' must be in"),
        ({"tls": "ssl"}, "'tls' must be in"),
        ({"timeout": 0}, "'timeout' must be > 0"),
        ({"page": "mails"}, "`page` is a path"),
        ({"page": "/"}, "`page` is a path"),
        ({"connections": 0}, "'connections' must be > 0"),
        ({"sender": "nobody"}, "`sender`: 'nobody' is not an address"),
        ({"host": "mail.example.com\r\nX"}, "`host` must not have line ends"),
        ({"hello_name": "a\nb"}, "`hello_name` must not have line ends"),
    ],
)
def test_invalid_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MailSettings(**options)
