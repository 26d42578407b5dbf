"""The ``[mail]`` section of photon.toml."""

from __future__ import annotations

import ipaddress

import attrs
from attrs.validators import ge, gt, in_

from photon_runtime.settings import section

from ._fields import check_value
from .addresses import read_address

TRANSPORTS = ("smtp", "inbox", "memory")
_PORTS = {"starttls": 587, "implicit": 465, "none": 25}


def _address(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value:
        read_address(value, f"`{attribute.name}`")


def _plain(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    check_value(f"`{attribute.name}`", value)


def _path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value and not (value.startswith("/") and value.strip("/")):
        raise ValueError(f"`page` is a path such as /photon/mails, or empty for none: {value!r}")


@section("mail")
@attrs.frozen(kw_only=True)
class MailSettings:
    """How mails are sent, and their limits.

    Durations are seconds, sizes are bytes.

    Attributes:
        transport: What becomes of mails: ``smtp`` sends them, ``inbox`` keeps them for the page of
            development, ``memory`` for tests. Empty for ``memory`` in the environment ``test``,
            ``inbox`` in development, and ``smtp`` in all others, where the other two are refused.
        host: Name or address of the SMTP server.
        port: Its port; zero for the usual one: 587, 465 for ``implicit``, 25 without TLS.
        username: Name for signing in; empty for none.
        password: Password for signing in. Keep it out of files: ``"${SMTP_PASSWORD}"``.
        tls: ``starttls``, ``implicit`` for TLS from the first byte, or ``none``, which excludes
            signing in except on this machine.
        verify: Whether the certificate of the server is checked.
        cafile: File of certificates to trust instead of those of the operating system.
        timeout: Maximum time for the delivery of one mail, from connecting to the server's reply.
        hello_name: Name with which this machine introduces itself; empty for its host name.
        sender: Address that mails are from, such as ``"Shop <hello@shop.example>"``, if they do not
            name another.
        return_path: Address that gets the reports of mails that could not be delivered; empty for
            the sender.
        connections: Maximum number of connections to the server at the same time, in each process.
        retries: Attempts after the first one, for mails that the server does not accept yet.
        max_size: Maximum size of a mail. Mails that are delivered later are arguments of jobs, and
            so are limited by ``[tasks] max_arguments``, too.
        max_recipients: Maximum number of recipients of a mail.
        inbox: Folder of the mails of development, relative to that of ``photon.toml``.
        page: Path of the page that shows them; empty for none.
        page_clients: Who may see that page: ``local`` for this machine only, ``all`` for every
            client that can reach the server, such as the host of a container.
    """

    transport: str = attrs.field(default="", validator=in_(("", *TRANSPORTS)))
    host: str = attrs.field(default="", validator=_plain)
    port: int = attrs.field(default=0, validator=ge(0))
    username: str = ""
    password: str = attrs.field(default="", repr=lambda value: "'***'" if value else "''")
    tls: str = attrs.field(default="starttls", validator=in_(tuple(_PORTS)))
    verify: bool = True
    cafile: str = ""
    timeout: float = attrs.field(default=60.0, validator=gt(0))
    hello_name: str = attrs.field(default="", validator=_plain)
    sender: str = attrs.field(default="", validator=_address)
    return_path: str = attrs.field(default="", validator=_address)
    connections: int = attrs.field(default=4, validator=gt(0))
    retries: int = attrs.field(default=10, validator=ge(0))
    max_size: int = attrs.field(default=10 * 1024 * 1024, validator=gt(0))
    max_recipients: int = attrs.field(default=50, validator=gt(0))
    inbox: str = "tmp/mails"
    page: str = attrs.field(default="/photon/mails", validator=_path)
    page_clients: str = attrs.field(default="local", validator=in_(("local", "all")))

    @property
    def usual_port(self) -> int:
        """`port`, or the usual one."""
        return self.port or _PORTS[self.tls]

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the server is on this machine, so that nothing passes a network."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def transport_in(self, environment: str, *, development: bool) -> str:
        """Return `transport` with its default.

        Args:
            environment: Name of the environment; empty without settings.
            development: Whether the application runs in development mode.
        """
        if self.transport:
            return self.transport
        if environment == "test":
            return "memory"
        return "inbox" if development or environment == "development" else "smtp"
