"""`SmtpTransport`: sends mails to a mail server.

Theory of operation. A mail is one transaction: MAIL, RCPT for each recipient, DATA. Failures are
of two kinds. A refusal *of the mail*, a reply of 500 or more to one of these commands, is for good,
and another attempt would only annoy the server: `MailRefused`. Everything else may be different
later: replies below 500, the server's TLS and the sign-in (an operator may be changing a password,
and no mail should be lost by that), connections that fail: `MailUnavailable`, and the job tries
again. Recipients are refused one by one: the mail goes to the accepted ones, and the report has
the others.

A delivery has one time limit, whatever the server does, and its connection is closed if it passes:
a reply that comes too late would be taken for that to the next command. If the connection ends
between the last byte of a mail and the reply, the server may have taken it. It is sent again, with
the same Message-ID: twice is better than never.

A connection is used again if another mail waits for one at that moment, and is closed otherwise: no
idle connection has to be watched.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import photon_runtime as rt
from photon_runtime.errors import DeadlineExceeded, PhotonError

from ..errors import MailUnavailable
from ._mail_settings import MailSettings
from ._report import DeliveryReport
from ._smtp_client import SmtpClient, text_of, tls_context
from ._smtp_transaction import send_mail
from .outgoing import OutgoingMail

_MAX_USES = 100
_QUIT_TIMEOUT = 2.0


class SmtpTransport:
    """Sends mails to the server of the settings.

    Args:
        settings: The section ``[mail]``.

    Raises:
        PhotonError: The settings cannot be used.
    """

    is_local = False

    def __init__(self, settings: MailSettings) -> None:
        """Check the settings; nothing is connected."""
        require_usable(settings)
        self._settings = settings
        try:
            self._context = tls_context(settings)
        except OSError as error:
            raise PhotonError(f"[mail] cafile = {settings.cafile!r}: {error}") from None
        self._slots = rt.Semaphore(settings.connections)
        self._waiting = 0
        self._idle: list[tuple[SmtpClient, int]] = []

    def deliver(self, mail: OutgoingMail, recipients: Sequence[str]) -> DeliveryReport:
        """Send a mail.

        Args:
            mail: The mail.
            recipients: The addresses to send it to, of its recipients.

        Raises:
            MailRefused: The server refuses the mail for good.
            MailUnavailable: It does not accept the mail now, or it cannot be reached.

        Blocks: the calling task, until a connection is free, and then for ``[mail] timeout`` at
            most.
        """
        seconds = self._settings.timeout
        with self._slot():
            try:
                with rt.deadline(seconds):
                    client, uses = self._take()
                    report = send_mail(client, mail, recipients)
            except DeadlineExceeded as error:
                raise MailUnavailable(
                    f"the mail server {self._settings.host} did not finish within {seconds:g} s"
                ) from error
            self._give_back(client, uses + 1)
            return report

    def close(self) -> None:
        """Close the connections that no mail uses."""
        while self._idle:
            self._idle.pop()[0].close()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        self._waiting += 1
        try:
            self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()
            if not self._waiting:
                self.close()

    def _take(self) -> tuple[SmtpClient, int]:
        """Return a connection that is ready for a mail, and how often it was used."""
        while self._idle:
            client, uses = self._idle.pop()
            with _closed_on_error(client), suppress(OSError):
                if client.rset()[0] == 250:
                    return client, uses
            client.close()
        client = SmtpClient(self._settings, self._context)
        try:
            with _closed_on_error(client):
                client.open()
        except (OSError, ValueError) as error:
            server = f"{self._settings.host}:{self._settings.usual_port}"
            raise MailUnavailable(
                f"the mail server {server} cannot be used: {_explained(error)}"
            ) from error
        return client, 0

    def _give_back(self, client: SmtpClient, uses: int) -> None:
        """Keep a connection for a mail that waits for one, or close it."""
        if self._waiting > len(self._idle) and uses < _MAX_USES:
            self._idle.append((client, uses))
            return
        # The mail is delivered: neither the server nor a time limit can make that undone.
        with _closed_on_error(client), rt.shield(), suppress(OSError):
            if client.sock is not None:
                client.sock.settimeout(_QUIT_TIMEOUT)
                client.quit()
        client.close()


@contextmanager
def _closed_on_error(client: SmtpClient) -> Iterator[None]:
    try:
        yield
    except BaseException:
        client.close()
        raise


def _explained(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {text_of(error.smtp_error)}"
    return str(error) or type(error).__name__


def require_usable(settings: MailSettings) -> None:
    """Raise unless mails can be sent with these settings, as far as they show it.

    Raises:
        PhotonError: The mail server is missing, or the password would be sent to anybody.
    """
    if not settings.host:
        raise PhotonError(
            "mails have no mail server: set `host` in [mail], and `username` and `password` if the "
            'server asks for them; in development, transport = "inbox" keeps mails for a page'
        )
    if not settings.username:
        return
    if not (settings.username + settings.password).isascii():
        raise PhotonError("[mail] username and password must be ASCII")
    if settings.tls == "none" and not settings.is_on_this_machine:
        raise PhotonError(
            f'[mail] tls = "none" would send the password to {settings.host} as plain text: use '
            '"starttls" or "implicit"'
        )
    if settings.tls != "none" and not settings.verify and not settings.is_on_this_machine:
        raise PhotonError(
            f"[mail] verify = false would send the password to any server that takes the place of "
            f"{settings.host}: name its certificate in `cafile`"
        )
