"""`MailMessage`: a mail as applications write it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from ..enqueued_job import EnqueuedJob
from ._fields import check_field, check_url, check_value
from ._mails import Mails, current_mails, date_in, new_message_id
from ._report import DeliveryReport
from .addresses import Address, AddressesLike, AddressLike, read_address, read_addresses
from .outgoing import Attachment, OutgoingMail
from .sending import send_mail


def _to(value: AddressesLike) -> tuple[Address, ...]:
    return read_addresses(value, "To")


def _cc(value: AddressesLike) -> tuple[Address, ...]:
    return read_addresses(value, "Cc")


def _bcc(value: AddressesLike) -> tuple[Address, ...]:
    return read_addresses(value, "Bcc")


def _reply_to(value: AddressesLike) -> tuple[Address, ...]:
    return read_addresses(value, "Reply-To")


def _sender(value: AddressLike | None) -> Address | None:
    return None if value is None else read_address(value, "From")


def _return_path(value: AddressLike) -> str:
    return read_address(value, "return_path").address if value else ""


def _subject(value: str | None) -> str | None:
    if value is not None:
        check_value("Subject", value)
    return value


def _text(value: str | None) -> str | None:
    if value is not None:
        _check_body("text", value)
    return value


def _html(value: str | None) -> str | None:
    if value is not None:
        _check_body("HTML", value)
    return value


def _check_body(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"the {name} of a mail is a str, not {type(value).__name__}")
    if "\0" in value or any(unicodedata.category(each) == "Cs" for each in value):
        raise ValueError(f"the {name} of the mail has a character that a mail cannot have")


def _unsubscribe(value: str) -> str:
    if value:
        check_url("List-Unsubscribe", value)
    return value


def _headers(value: Mapping[str, str]) -> dict[str, str]:
    for name, each in value.items():
        check_field(name, each)
    if len({name.lower() for name in value}) != len(value):
        raise ValueError("two names in `headers` differ only in upper and lower case")
    return dict(value)


def _attachments(value: Iterable[Attachment]) -> tuple[Attachment, ...]:
    found = tuple(value)
    for each in found:
        if not isinstance(each, Attachment):
            raise TypeError(f"an attachment is an Attachment(name, content), unlike {each!r}")
    return found


@attrs.frozen(kw_only=True)
class MailMessage:
    """A mail as applications write it: from templates, or with its texts.

    Addresses are texts, such as ``ada@example.com`` and ``Ada <ada@example.com>``, or `Address`
    objects; fields for several take one, or a list.

    Attributes:
        to: Its recipients.
        cc: Recipients that get a copy.
        bcc: Recipients that the others do not see.
        sender: The address that it is from; ``None`` for that of the settings.
        reply_to: Addresses that replies go to; empty for the sender.
        subject: Its subject; ``None`` for that of the templates.
        text: Its body as plain text; ``None`` for that of the templates.
        html: Its body as HTML; ``None`` for that of the templates, if they have one.
        template: Name of its templates; a function with `mailer` need not state it.
        values: The values that the templates use, by name.
        attachments: Its files.
        headers: Further header fields.
        unsubscribe: URL at which recipients unsubscribe; empty for none. One of ``https`` must do
            so when it gets a POST.
        return_path: Address that gets the reports of mails that cannot be delivered; empty for that
            of the settings.

    Raises:
        ValueError: A value has line ends or other control characters, or cannot be used otherwise;
            the message names the header field.
        TypeError: A value is of another type.
    """

    to: tuple[Address, ...] = attrs.field(default=(), converter=_to)
    cc: tuple[Address, ...] = attrs.field(default=(), converter=_cc)
    bcc: tuple[Address, ...] = attrs.field(default=(), converter=_bcc)
    sender: Address | None = attrs.field(default=None, converter=_sender)
    reply_to: tuple[Address, ...] = attrs.field(default=(), converter=_reply_to)
    subject: str | None = attrs.field(default=None, converter=_subject)
    text: str | None = attrs.field(default=None, converter=_text)
    html: str | None = attrs.field(default=None, converter=_html)
    template: str = ""
    values: Mapping[str, Any] = attrs.field(factory=dict)
    attachments: tuple[Attachment, ...] = attrs.field(default=(), converter=_attachments)
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=_headers)
    unsubscribe: str = attrs.field(default="", converter=_unsubscribe)
    return_path: str = attrs.field(default="", converter=_return_path)

    def deliver_later(self, *, delay: float = 0.0) -> EnqueuedJob[DeliveryReport]:
        """Render the mail and enqueue a job that delivers it.

        Inside of a transaction of the application's database the job is a part of it: if the
        transaction is rolled back, no mail is sent.

        Args:
            delay: Seconds from now until it is sent at the earliest.

        Returns:
            The job.

        Raises:
            ValueError: The mail cannot be made, or ``delay`` is negative.
            ArgumentsError: It is larger than ``[tasks] max_arguments``.
            NoMails: The calling code does not belong to a running application.
            StoreUnavailable: The store of jobs did not respond in time.

        Blocks: the calling task, until the job is enqueued.
        """
        mails = current_mails()
        mail = self._prepare(mails, delay)
        return send_mail.with_options(retries=mails.settings.retries).enqueue_in(delay, mail)

    def deliver_at(self, time: datetime) -> EnqueuedJob[DeliveryReport]:
        """Render the mail now, and enqueue a job that delivers it at ``time``; see `deliver_later`.

        A time in the past means at once.

        Raises:
            ValueError: ``time`` has no time zone.
        """
        if time.tzinfo is None:
            raise ValueError(
                f"deliver_at() needs a time with its zone, such as datetime.now(UTC), not {time!r}"
            )
        return self.deliver_later(delay=max(0.0, time.timestamp() - datetime.now(UTC).timestamp()))

    def deliver_now(self) -> DeliveryReport:
        """Render the mail and deliver it, and wait until that is done.

        It is not part of a transaction, and nothing repeats it: prefer `deliver_later`.

        Returns:
            What has become of it, for each recipient.

        Raises:
            ValueError: The mail cannot be made.
            MailRefused: The mail server refuses it for good, for all recipients.
            MailUnavailable: It does not accept it now, for any recipient.
            NoMails: The calling code does not belong to a running application.

        Blocks: the calling task, until the mail server has replied; at most for ``[mail] timeout``
            once a connection is free.
        """
        mails = current_mails()
        report = mails.deliver(self._prepare(mails, 0.0))
        report.require_accepted()
        return report

    def prepare(self, *, delay: float = 0.0) -> OutgoingMail:
        """Render the mail, and return it as it would be sent.

        Args:
            delay: Seconds from now to the time of its ``Date``.

        Raises:
            ValueError: The mail cannot be made: it has no recipients, no text, or is too large.
            NoMails: The calling code does not belong to a running application.
        """
        return self._prepare(current_mails(), delay)

    def _prepare(self, mails: Mails, delay: float) -> OutgoingMail:
        subject, text, html = self._content(mails)
        sender = mails.sender(self.sender)
        return_path = self.return_path or _return_path(mails.settings.return_path)
        mail = OutgoingMail(
            message_id=new_message_id(sender),
            date=date_in(delay),
            sender=sender,
            to=self.to,
            cc=self.cc,
            bcc=self.bcc,
            reply_to=self.reply_to,
            subject=subject,
            text=text,
            html=html,
            attachments=self.attachments,
            headers=self.headers,
            unsubscribe=self.unsubscribe,
            return_path=return_path,
            template=self.template,
        )
        _check_limits(mail, mails)
        return mail

    def _content(self, mails: Mails) -> tuple[str, str, str | None]:
        subject, text, html = self.subject, self.text, self.html
        if self.template:
            rendered = mails.render(self.template, self.values)
            subject = rendered.subject if subject is None else subject
            text = rendered.text if text is None else text
            html = rendered.html if html is None else html
        if subject is None or text is None:
            raise ValueError(
                "a mail has a subject and a text: pass `subject` and `text`, or the name of its "
                "templates as `template`"
            )
        check_value("Subject", subject)
        _check_body("text", text)
        if html is not None:
            _check_body("HTML", html)
        return subject, text, html


def _check_limits(mail: OutgoingMail, mails: Mails) -> None:
    settings, count = mails.settings, len(mail.recipients)
    if not count:
        raise ValueError("To: the mail has no recipients")
    if count > settings.max_recipients:
        raise ValueError(
            f"the mail has {count} recipients, more than [mail] max_recipients = "
            f"{settings.max_recipients}: send one mail to each of them"
        )
    size = len(mail.source())
    if size > settings.max_size:
        raise ValueError(
            f"the mail has {size} bytes, more than [mail] max_size = {settings.max_size}: link to "
            "large files instead of attaching them"
        )
