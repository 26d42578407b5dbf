"""`Mails`: the mails of one running application, and how code finds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

from photon_runtime.observability import Meter

from ..errors import MailRefused, MailUnavailable, NoMails
from ._kept_mails import Transport
from ._mail_settings import MailSettings
from ._report import DeliveryReport
from .addresses import Address, read_address
from .outgoing import OutgoingMail


class RenderedMail(Protocol):
    """The content of a mail, as `photon_templates.render_mail` returns it."""

    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str | None: ...


RenderMail: TypeAlias = Callable[[str, Mapping[str, Any]], RenderedMail]
"""Renders the templates with a name."""

_USUAL_SENDER = Address("photon@localhost", "Photon")


class Mails:
    """The mails of one running application.

    Args:
        settings: The section ``[mail]``.
        transport: Delivers mails; ``None`` if the settings have no mail server.
        meter: Counts them.
        render: Renders templates; ``None`` without templates.
    """

    def __init__(
        self,
        settings: MailSettings,
        transport: Transport | None,
        meter: Meter,
        *,
        render: RenderMail | None = None,
    ) -> None:
        """Begin without mails."""
        self.settings = settings
        self._transport = transport
        self._render = render
        self._recipients = meter.counter(
            "photon_mail_recipients",
            "Recipients of mails, by the reply of the mail server.",
            labels=["outcome"],
        )
        self._failures = meter.counter(
            "photon_mail_failures",
            "Deliveries of mails that have failed, for good (refused) or not (unavailable).",
            labels=["kind"],
        )

    @property
    def transport(self) -> Transport:
        """What delivers mails.

        Raises:
            NoMails: The settings have no mail server.
        """
        if self._transport is None:
            raise NoMails("mails have no mail server: set `host` in [mail]")
        return self._transport

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the code of the application find its mails while the block runs."""
        token = mails_variable.set(self)
        try:
            yield
        finally:
            if self._transport is not None:
                self._transport.close()
            with suppress(ValueError):  # the end of an application may be in another context
                mails_variable.reset(token)

    def render(self, template: str, values: Mapping[str, Any]) -> RenderedMail:
        """Return the content of a mail.

        Raises:
            NoMails: The application has no templates.
        """
        if self._render is None:
            raise NoMails(
                f"the mail {template!r} needs templates, and its application has none for mails: "
                "give MailPart a function that renders them, such as photon_templates.render_mail"
            )
        return self._render(template, values)

    def sender(self, stated: Address | None) -> Address:
        """Return the sender of a mail.

        Raises:
            ValueError: Neither the mail nor the settings have one.
        """
        if stated is not None:
            return stated
        if self.settings.sender:
            return read_address(self.settings.sender, "From")
        if self.transport.is_local:
            return _USUAL_SENDER
        raise ValueError("From: the mail has no sender: set `sender` in [mail], or pass one")

    def deliver(
        self, mail: OutgoingMail, recipients: Sequence[str] | None = None
    ) -> DeliveryReport:
        """Deliver a mail.

        Args:
            mail: The mail.
            recipients: The addresses to deliver it to; ``None`` for all of its recipients.

        Raises:
            MailRefused: It is refused for good.
            MailUnavailable: It is not accepted now.

        Blocks: the calling task.
        """
        try:
            chosen = mail.recipients if recipients is None else recipients
            report = self.transport.deliver(mail, chosen)
        except MailRefused:
            self._failures.labels("refused").inc()
            raise
        except MailUnavailable:
            self._failures.labels("unavailable").inc()
            raise
        for outcome in ("accepted", "deferred", "refused"):
            addresses = getattr(report, outcome)
            if addresses:
                self._recipients.labels(outcome).inc(len(addresses))
        return report


mails_variable: ContextVar[Mails] = ContextVar("photon_mails")


def current_mails() -> Mails:
    """Return the mails of the running application that the calling code belongs to.

    Raises:
        NoMails: It does not belong to one, or the application has no `MailPart`.
    """
    try:
        return mails_variable.get()
    except LookupError:
        raise NoMails(
            "mails need a running application: call this in its handlers, tasks and tests, and "
            "add MailPart() to an application that is not a photon.Photon"
        ) from None


def new_message_id(sender: Address) -> str:
    """Return a ``Message-ID`` that no other mail has."""
    domain = sender.domain if not sender.domain.startswith("[") else "localhost"
    return f"<{uuid4().hex}@{domain}>"


def date_in(seconds: float) -> datetime:
    """Return the time in some seconds from now, without fractions."""
    return datetime.fromtimestamp(math.floor(datetime.now(UTC).timestamp() + seconds), UTC)
