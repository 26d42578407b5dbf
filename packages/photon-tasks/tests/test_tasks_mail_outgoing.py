"""Mails as they are sent: whatever is in them, they have the fields that they should have."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from photon_openapi.codec import decoder_of, encode
from photon_tasks.mail import Address, Attachment, OutgoingMail

PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
FILE_NAMES = PLAIN.filter(lambda name: name.strip() and not set(name) & set("/\\"))
ADA = Address("ada@example.com", "Ada")


def mail(**changes: Any) -> OutgoingMail:
    chosen: dict[str, Any] = {
        "message_id": "<1@example.com>",
        "date": datetime(2026, 11, 30, 12, 0, tzinfo=UTC),
        "sender": Address("shop@example.com", "Shop"),
        "to": (ADA,),
        "subject": "Hello",
        "text": "Hello, Ada!\n",
        **changes,
    }
    return OutgoingMail(**chosen)


def content_of(part: Any) -> str:
    assert isinstance(part, EmailMessage)
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, as SMTP knows them."""
    return re.split(r"\r\n|\r|\n", text.rstrip("\r\n"))


@pytest.mark.slow
@given(subject=PLAIN, name=PLAIN, value=PLAIN, text=TEXT, html=TEXT)
@example(subject="a" * 900, name="=?utf-8?q?=0D=0ABcc=3A_eve?=", value="", text=".", html="\r")
@example(subject="", name="ä, b", value=" ", text="From x\n.\n..\r\r\n", html="x" * 3000)
@example(subject="\u00a0", name='"', value="=?", text="\n\n", html="\x0b\x0c\x1c\x85\u2028")
def test_mail_has_its_fields_and_no_others(
    subject: str, name: str, value: str, text: str, html: str
) -> None:
    sent = mail(
        subject=subject,
        to=(Address("ada@example.com", name),),
        bcc=(Address("eve@example.com", name),),
        headers={"X-Kind": value},
        text=text,
        html=html,
    )
    source = sent.source()

    assert source.isascii()
    assert b"eve@example.com" not in source
    lines = source.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or len(line) > 998 for line in lines)
    received = sent.as_email()
    assert received.keys() == [
        *("Date", "Message-ID", "From", "To", "Subject", "X-Kind", "MIME-Version", "Content-Type"),
    ]
    assert not received.defects
    assert received["Subject"] == subject
    assert received["Message-ID"] == "<1@example.com>"
    assert received["Date"].datetime == sent.date
    plain, page = received.iter_parts()
    assert [plain.get_content_type(), page.get_content_type()] == ["text/plain", "text/html"]
    assert lines_of(content_of(plain)) == lines_of(text)
    assert lines_of(content_of(page)) == lines_of(html)


@pytest.mark.slow
@given(name=FILE_NAMES, content=st.binary(max_size=300))
@example(name='a".pdf', content=b"")
@example(name="ä" * 100, content=b"\r\n.\r\n")
@example(name="x.eml", content=b"From: a\r\n\r\n")
@example(name="a;b=c", content=b"--\r\n")
def test_files_arrive_as_they_are(name: str, content: bytes) -> None:
    sent = mail(attachments=(Attachment(name, content),))

    text, file = sent.as_email().iter_parts()
    assert text.get_content_type() == "text/plain"
    assert file.get_payload(decode=True) == content
    assert file.get_content_disposition() == "attachment"
    found = file.get_filename()
    assert found is not None
    assert found.split() == name.split()


def test_images_of_the_html_are_beside_it() -> None:
    logo, file = Attachment("logo.png", b"1", content_id="logo"), Attachment("a.pdf", b"2")
    sent = mail(html='<img src="cid:logo">', attachments=(file, logo)).as_email()

    assert [each.get_content_type() for each in sent.walk()] == [
        *("multipart/mixed", "multipart/alternative", "text/plain"),
        *("multipart/related", "text/html", "image/png", "application/pdf"),
    ]
    (image,) = (each for each in sent.walk() if each["Content-ID"])
    assert image["Content-ID"] == "<logo>"
    assert image.get_content_disposition() == "inline"


@pytest.mark.parametrize(
    ("unsubscribe", "is_one_click"),
    [("https://shop.example/u?a=1", True), ("mailto:leave@shop.example", False)],
)
def test_recipients_can_unsubscribe(unsubscribe: str, is_one_click: bool) -> None:
    received = mail(unsubscribe=unsubscribe).as_email()

    assert received["List-Unsubscribe"] == f"<{unsubscribe}>"
    assert ("List-Unsubscribe-Post" in received) is is_one_click


def test_hidden_recipients_alone_are_undisclosed() -> None:
    received = mail(to=(), bcc=(ADA,)).as_email()

    assert received["To"] == "undisclosed-recipients:;"
    assert received["Bcc"] is None


def test_each_recipient_is_sent_one_copy() -> None:
    sent = mail(cc=(Address("ada@example.com"), Address("bob@example.com")), bcc=(ADA,))

    assert sent.recipients == ("ada@example.com", "bob@example.com")


@pytest.mark.slow
@given(text=TEXT, name=PLAIN, content=st.binary(max_size=50))
def test_mail_is_the_same_after_json(text: str, name: str, content: bytes) -> None:
    sent = mail(
        to=(Address("jörg@bücher.example", name),),
        text=text,
        headers={"X-Kind": name},
        attachments=(Attachment("a.bin", content, content_id="x"),),
    )

    assert decoder_of(OutgoingMail).decode(encode(sent)) == sent


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("", b""), {}),
        (("../a", b""), {}),
        (("a\r\nX: y", b""), {}),
        (("a\u2028", b""), {}),
        (("a", "text"), {}),
        (("a", b""), {"content_type": "text/plain; charset=x"}),
        (("a", b""), {"content_type": "multipart/mixed"}),
        (("a", b""), {"content_type": "message/rfc822"}),
        (("a", b""), {"content_type": "text/plain\r\nX: y"}),
        (("a", b""), {"content_id": "a>b"}),
        (("a", b""), {"content_id": "a\n"}),
    ],
)
def test_files_that_cannot_be_sent_are_refused(arguments: tuple[Any, Any], options: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="attachment"):
        Attachment(*arguments, **options)


def test_types_of_files_come_from_their_names() -> None:
    assert Attachment("a.pdf", b"").media_type == "application/pdf"
    assert Attachment("a.unknown", b"").media_type == "application/octet-stream"
    assert Attachment("a.eml", b"").media_type == "application/octet-stream"
    assert Attachment("a.txt.gz", b"").media_type == "application/octet-stream"
    assert Attachment("a", b"", content_type="image/x-own").media_type == "image/x-own"
