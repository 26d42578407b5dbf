"""An SMTP client whose sockets wait in the hub.

`smtplib` speaks the protocol. What it lacks is added here: its sockets, of Photon, take part in
cancellation and deadlines; the replies of the server have a limit; and it never resolves the name
of this machine, which blocks where the name service is slow.

`smtplib.SMTP._get_socket` is not documented, but `smtplib.SMTP_SSL` and many libraries override it.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from typing import Any, BinaryIO

from photon_runtime import create_connection
from photon_runtime.tls import client_context, waiting_in_hub

from ._mail_settings import MailSettings

_MAX_REPLY = 64 * 1024
"""Maximum size of a reply, over all of its lines."""


class SmtpClient(smtplib.SMTP):
    """One connection to a mail server; see the module.

    Args:
        settings: The server.
        context: The context of its TLS; ``None`` without.
    """

    def __init__(self, settings: MailSettings, context: ssl.SSLContext | None) -> None:
        """Connect to nothing yet."""
        super().__init__(
            local_hostname=settings.hello_name or _own_name(), timeout=settings.timeout
        )
        self._settings = settings
        self._context = context
        self._host = settings.host  # `starttls` checks the certificate for this name

    def open(self) -> None:
        """Connect, begin TLS and sign in, as the settings say.

        Raises:
            OSError: The server cannot be reached, refuses, or has no valid certificate; `smtplib`'s
                errors are of this class.

        Blocks: the calling task.
        """
        settings = self._settings
        code, reply = self.connect(settings.host, settings.usual_port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, reply)
        self.ehlo_or_helo_if_needed()
        if settings.tls == "starttls":
            code, reply = self.starttls(context=self._context)
            if code != 220:
                raise smtplib.SMTPResponseException(code, reply)
            self.ehlo_or_helo_if_needed()
        if settings.username:
            self.login(settings.username, settings.password)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply; see `smtplib.SMTP.getreply`."""
        if self.file is None and self.sock is not None:
            self.file = _Replies(self.sock.makefile("rb"))
        if isinstance(self.file, _Replies):
            self.file.room = _MAX_REPLY
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection: socket.socket = create_connection((host, port), timeout)
        if self._settings.tls != "implicit" or self._context is None:
            return connection
        try:
            return self._context.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise


class _Replies:
    """The file that `smtplib` reads replies from, with a limit for each of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.room = _MAX_REPLY

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        self.room -= len(line)
        if self.room < 0:
            raise OSError(f"the reply of the mail server has more than {_MAX_REPLY} bytes")
        return line

    def close(self) -> None:
        self._file.close()


def tls_context(settings: MailSettings) -> ssl.SSLContext | None:
    """Return the context of the server's TLS; ``None`` without.

    Raises:
        OSError: The file of certificates cannot be read.
    """
    if settings.tls == "none":
        return None
    context = client_context(cafile=settings.cafile or None)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return waiting_in_hub(context)


def _own_name() -> str:
    """Return the name of this machine if it is one that servers accept, else an address."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def text_of(reply: Any) -> str:
    """Return a reply of the server as text, for messages."""
    if isinstance(reply, bytes):
        reply = reply.decode("utf-8", "replace")
    return " ".join(str(reply).split())[:500]
