"""One mail, from MAIL to the reply to its data, on a connection that is ready for it."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence

from ..errors import MailRefused, MailUnavailable
from ._report import DeliveryReport
from ._smtp_client import SmtpClient, text_of
from .outgoing import OutgoingMail

_ABOUT_SIGNING_IN = frozenset({530, 534, 535, 538})
"""Refusals for good that are about the connection, not about the mail."""
_SHUTTING_DOWN = 421


def send_mail(client: SmtpClient, mail: OutgoingMail, recipients: Sequence[str]) -> DeliveryReport:
    """Send a mail to some of its recipients.

    Args:
        client: The connection. It is closed if the mail fails.
        mail: The mail.
        recipients: Their addresses.

    Returns:
        What has become of the mail for each recipient; possibly no one was accepted.

    Raises:
        MailRefused: The server refuses the mail for good.
        MailUnavailable: It does not accept the mail now, or the connection has failed.

    Blocks: the calling task.
    """
    try:
        return _sent(client, mail, recipients)
    except smtplib.SMTPResponseException as error:
        client.close()
        raise _failure(error.smtp_code, error.smtp_error) from error
    except OSError as error:
        client.close()
        raise MailUnavailable(f"the connection to the mail server has failed: {error}") from error
    except BaseException:
        client.close()  # a reply that comes later would be taken for that to the next command
        raise


def _sent(client: SmtpClient, mail: OutgoingMail, recipients: Sequence[str]) -> DeliveryReport:
    source = mail.source()
    code, reply = client.mail(mail.envelope_sender, _options(client, mail, len(source)))
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, reply, mail.envelope_sender)
    accepted: list[str] = []
    deferred: dict[str, str] = {}
    refused: dict[str, str] = {}
    for address in recipients:
        code, reply = client.rcpt(address)
        if code in (250, 251):
            accepted.append(address)
        elif code == _SHUTTING_DOWN or code in _ABOUT_SIGNING_IN:
            raise smtplib.SMTPResponseException(code, reply)
        else:
            (deferred if code < 500 else refused)[address] = f"{code} {text_of(reply)}"
    if accepted:
        code, reply = client.data(source)
        if code != 250:
            raise smtplib.SMTPDataError(code, reply)
    return DeliveryReport(
        message_id=mail.message_id, accepted=accepted, deferred=deferred, refused=refused
    )


def _options(client: SmtpClient, mail: OutgoingMail, size: int) -> list[str]:
    options = []
    if client.has_extn("size"):
        stated = client.esmtp_features["size"]
        limit = int(stated) if stated.isdecimal() else 0
        if 0 < limit < size:
            raise MailRefused(f"the mail has {size} bytes, and the mail server takes {limit}")
        options.append(f"SIZE={size}")
    if mail.needs_utf8:
        if not client.has_extn("smtputf8"):
            raise MailRefused(
                "an address has letters that are not ASCII before its @, and the mail server does "
                "not take such addresses (SMTPUTF8)"
            )
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    return options


def _failure(code: int, reply: object) -> MailRefused | MailUnavailable:
    text = f"{code} {text_of(reply)}"
    if code < 500 or code in _ABOUT_SIGNING_IN:
        return MailUnavailable(f"the mail server does not accept the mail now: {text}")
    return MailRefused(f"the mail server refuses the mail: {text}")
