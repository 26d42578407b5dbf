"""A mail server: aiosmtpd on a thread, whose replies a test chooses."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import attrs
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

_TURNS = 20
"""Turns of the loop at the end, in which connections close."""
DROP = "drop"
"""In place of a reply: the server closes the connection."""


@attrs.define
class MailServer:
    """What the server has received, and what it replies.

    Attributes:
        replies: Replies to RCPT, by address.
        data_replies: Replies to the data of the next mails; afterwards they are accepted.
        delay: Seconds before the replies to RCPT.
        users: Passwords by user name.
        mails: The mails that it has got, those that it has not accepted included.
        connections: Number of connections.
        commands: Further replies, by command: ``MAIL``.
    """

    replies: dict[str, str] = attrs.field(factory=dict)
    data_replies: list[str] = attrs.field(factory=list)
    delay: float = 0.0
    users: Mapping[str, str] = attrs.field(factory=dict)
    mails: list[Envelope] = attrs.field(factory=list)
    connections: int = 0
    commands: dict[str, str] = attrs.field(factory=dict)
    port: int = 0

    # aiosmtpd awaits what these return

    def handle_EHLO(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Any, envelope: Envelope, name: str, responses: list[str]
    ) -> Awaitable[list[str]]:
        """Count the connection."""
        self.connections += session.host_name is None
        session.host_name = name
        return asyncio.sleep(0, responses)

    def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> Awaitable[str]:
        """Reply to the sender."""
        if "MAIL" in self.commands:
            return asyncio.sleep(0, self.commands["MAIL"])
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return asyncio.sleep(0, "250 OK")

    def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> Awaitable[str]:
        """Reply to a recipient."""
        reply = self.replies.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return asyncio.sleep(self.delay, reply)

    def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Envelope
    ) -> Awaitable[str]:
        """Keep the mail, and reply to its data."""
        self.mails.append(envelope)
        reply = self.data_replies.pop(0) if self.data_replies else "250 OK"
        if reply == DROP:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return asyncio.sleep(0, reply)

    def authenticate(
        self, server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Accept the users with their passwords."""
        assert isinstance(data, LoginPassword)
        expected = self.users.get(data.login.decode())
        is_valid = expected is not None and expected == data.password.decode()
        return AuthResult(success=is_valid, handled=False)


@contextmanager
def run_mail_server(
    *,
    certificate: tuple[Path, Path] | None = None,
    tls: str = "none",
    users: Mapping[str, str] | None = None,
    smtputf8: bool = True,
    max_size: int = 33_554_432,
) -> Iterator[MailServer]:
    """Run a mail server for the time of a block.

    Args:
        certificate: Files of its key and of its certificate.
        tls: ``starttls``, ``implicit`` or ``none``.
        users: Passwords by user name; a user has to sign in.
        smtputf8: Whether it takes addresses that are not ASCII.
        max_size: Maximum size of a mail.
    """
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate[1], certificate[0])
    server = MailServer(users=users or {})

    def factory() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # passwords without its own TLS
            return SMTP(
                server,
                hostname="127.0.0.1",
                enable_SMTPUTF8=smtputf8,
                data_size_limit=max_size,
                tls_context=context if tls == "starttls" else None,
                require_starttls=tls == "starttls",
                authenticator=server.authenticate if users else None,
                auth_required=bool(users),
                auth_require_tls=tls == "starttls",
                loop=loop,
            )

    loop = asyncio.new_event_loop()
    wrapping = context if tls == "implicit" else None
    listening = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0, ssl=wrapping))
    server.port = listening.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever, name="mail-server")
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        for _ in range(_TURNS):
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()
