"""`OutgoingMail`: a mail that is ready to be sent, as plain data.

It is what the job of a mail has as its argument, so everything that must be the same in each
attempt is in it: the texts, the date, and the Message-ID, by which receivers notice a mail that
arrives twice.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, default
from email.utils import format_datetime

import attrs

from ._fields import address_field, check_value, raw_field, text_field
from .addresses import Address, require_plain

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
_COMPOSITE = ("multipart/", "message/")
"""Types whose content cannot be encoded as a file (RFC 2046, section 5.2.1)."""
_CONTENT_ID = re.compile(r"[A-Za-z0-9._@-]{1,200}")
_BODY_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)


def _is_file_name(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    check_value("the name of an attachment", value)
    if not value or "/" in value or "\\" in value:
        raise ValueError(f"the name of an attachment is a file name without folders: {value!r}")


def _is_content(instance: object, attribute: attrs.Attribute[bytes], value: bytes) -> None:
    if not isinstance(value, bytes):
        raise TypeError(f"the content of an attachment is bytes, not {type(value).__name__}")


def _is_media_type(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    require_plain(value, "the type of an attachment")
    if value and (_MEDIA_TYPE.fullmatch(value) is None or value.lower().startswith(_COMPOSITE)):
        raise ValueError(f"{value!r} is not a media type that an attachment can have")


def _is_content_id(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    require_plain(value, "the id of an attachment")
    if value and _CONTENT_ID.fullmatch(value) is None:
        raise ValueError(f"the id of an attachment has letters, digits and . _ @ -: {value!r}")


@attrs.frozen
class Attachment:
    """A file in a mail.

    Attributes:
        name: Its file name.
        content: Its content.
        content_type: Its media type; empty for the usual one of the ending of its name.
        content_id: A name by which the HTML of the mail shows it, as ``<img src="cid:logo">``;
            empty for a file beside the text.

    Raises:
        ValueError: A value cannot be used.
    """

    name: str = attrs.field(validator=_is_file_name)
    content: bytes = attrs.field(validator=_is_content, repr=lambda it: f"<{len(it)} bytes>")
    content_type: str = attrs.field(default="", validator=_is_media_type, kw_only=True)
    content_id: str = attrs.field(default="", validator=_is_content_id, kw_only=True)

    @property
    def media_type(self) -> str:
        """Its media type; ``application/octet-stream`` for an ending that is unknown."""
        if self.content_type:
            return self.content_type
        guessed, encoding = mimetypes.guess_type(self.name)
        if guessed is None or encoding or guessed.startswith(_COMPOSITE):
            return "application/octet-stream"
        return guessed


@attrs.frozen(kw_only=True)
class OutgoingMail:
    """A mail that is ready to be sent.

    `MailMessage.prepare` makes it, and `deliveries` returns those that a test has sent.

    Attributes:
        message_id: Its ``Message-ID``, with angle brackets; the same in each attempt.
        date: Its ``Date``.
        sender: The address that it is from.
        to: Its recipients.
        cc: Recipients that get a copy.
        bcc: Recipients that the others do not see.
        reply_to: Addresses that replies go to; empty for the sender.
        subject: Its subject.
        text: Its body as plain text.
        html: Its body as HTML; ``None`` for a mail of plain text.
        attachments: Its files.
        headers: Further header fields.
        unsubscribe: URL at which recipients unsubscribe; empty for none.
        return_path: Address that gets the reports of mails that cannot be delivered; empty for the
            sender.
        template: Name of its templates; empty for a mail without.
    """

    message_id: str
    date: datetime
    sender: Address
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str
    text: str
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict)
    unsubscribe: str = ""
    return_path: str = ""
    template: str = ""

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses of all recipients, each of them once."""
        every = (each.address for each in (*self.to, *self.cc, *self.bcc))
        return tuple(dict.fromkeys(every))

    @property
    def envelope_sender(self) -> str:
        """The address that gets reports of what cannot be delivered."""
        return self.return_path or self.sender.address

    @property
    def needs_utf8(self) -> bool:
        """Whether an address needs a server with SMTPUTF8."""
        shown = (self.sender, *self.to, *self.cc, *self.reply_to)
        return not (
            self.envelope_sender.isascii()
            and all(map(str.isascii, self.recipients))
            and all(each.is_ascii for each in shown)
        )

    def source(self) -> bytes:
        """Return the mail as it is sent, with CRLF as line ends. ``bcc`` is not in it."""
        return self._head().encode() + _body(self).as_bytes(policy=_BODY_POLICY)

    def as_email(self) -> EmailMessage:
        """Return the mail as receivers read it: its source, parsed."""
        parsed = BytesParser(policy=default).parsebytes(self.source())
        assert isinstance(parsed, EmailMessage)
        return parsed

    def _head(self) -> str:
        fields = [
            raw_field("Date", format_datetime(self.date)),
            raw_field("Message-ID", self.message_id),
            address_field("From", [self.sender]),
        ]
        for name, addresses in (("To", self.to), ("Cc", self.cc), ("Reply-To", self.reply_to)):
            if addresses:
                fields.append(address_field(name, addresses))
        if not self.to and not self.cc:
            fields.append("To: undisclosed-recipients:;\r\n")
        fields.append(text_field("Subject", self.subject))
        fields += [text_field(name, value) for name, value in self.headers.items()]
        if self.unsubscribe:
            fields.append(raw_field("List-Unsubscribe", f"<{self.unsubscribe}>"))
            if self.unsubscribe.startswith("https:"):
                fields.append(raw_field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        return "".join(fields)


def _body(mail: OutgoingMail) -> EmailMessage:
    """Return the fields of the content, and the content; it needs no server with 8BITMIME."""
    body = EmailMessage(policy=_BODY_POLICY)
    body.set_content(mail.text)
    shown = [each for each in mail.attachments if each.content_id and mail.html is not None]
    if mail.html is not None:
        body.add_alternative(mail.html, subtype="html")
        page = body.get_body(("html",))
        assert page is not None
        for each in shown:
            main, _, sub = each.media_type.partition("/")
            page.add_related(
                each.content,
                main,
                sub,
                filename=each.name,
                cid=f"<{each.content_id}>",
                disposition="inline",
            )
    for each in mail.attachments:
        if each not in shown:
            main, _, sub = each.media_type.partition("/")
            body.add_attachment(each.content, main, sub, filename=each.name)
    if "MIME-Version" not in body:
        body["MIME-Version"] = "1.0"
    return body
