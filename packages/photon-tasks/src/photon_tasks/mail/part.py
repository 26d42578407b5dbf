"""`MailPart`: the mails of an application.

A `photon.Photon` adds the part by itself if one of its modules imports `MailMessage`, or has a
mailer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from photon_runtime.callables import location
from photon_runtime.errors import PhotonError
from photon_runtime.parts import Host

from ..registry import modules_of_application
from ._inbox_pages import add_pages
from ._kept_mails import InboxTransport, MemoryTransport, Transport
from ._mail_settings import MailSettings
from ._mails import Mails, RenderMail
from ._smtp import SmtpTransport, require_usable
from .mailer import Mailer
from .message import MailMessage
from .outgoing import OutgoingMail


class MailPart:
    """Delivers the mails of an application as its settings say.

    Args:
        render: Renders the templates of mails, as `photon_templates.render_mail`; ``None`` for an
            application whose mails have none. `photon.Photon` sets it.
        has_templates: Returns whether the templates with a name exist, for the check at start;
            ``None`` for no check. `photon.Photon` sets it.
        home: Name of the module whose package is searched for mailers; `photon.Photon` sets it.
        is_automatic: True for a part that was not asked for: without a mail server, the application
            starts nevertheless, unless it has mailers.
    """

    settings = MailSettings

    def __init__(
        self,
        *,
        render: RenderMail | None = None,
        has_templates: Callable[[str], bool] | None = None,
        home: str | None = None,
        is_automatic: bool = False,
    ) -> None:
        """Note the arguments."""
        self.render = render
        self.has_templates = has_templates
        self.home = home
        self._is_automatic = is_automatic
        self._transport: Transport | None = None

    @property
    def deliveries(self) -> Sequence[OutgoingMail]:
        """The mails of the present or last run of the application, the oldest first.

        They are those that were kept in memory, as in tests.
        """
        if not isinstance(self._transport, MemoryTransport):
            return ()
        return [mail for _, mail in reversed(self._transport.mails())]

    def install(self, host: Host, settings: MailSettings) -> None:
        """Register the transport, and the page of development.

        Raises:
            PhotonError: The settings cannot be used, or would keep the mails of production.
        """
        kept = _kept(host, settings)
        if kept is None and (settings.host or not self._is_automatic):
            require_usable(settings)
        host.lifespan(lambda: self._life(host, settings, kept))
        if kept is not None and host.development and settings.page:
            allows_all = settings.page_clients == "all"
            add_pages(host, settings.page.rstrip("/"), kept, allows_all=allows_all)

    @contextmanager
    def _life(
        self, host: Host, settings: MailSettings, kept: MemoryTransport | InboxTransport | None
    ) -> Iterator[None]:
        mailers = self._mailers()
        if mailers and kept is None:
            require_usable(settings)
        self._check_templates(mailers)
        transport: Transport | None = kept
        if kept is None and settings.host:
            transport = SmtpTransport(settings)
        self._transport = transport
        with Mails(settings, transport, host.meter, render=self.render).running():
            yield

    def _mailers(self) -> list[Mailer[...]]:
        found = (
            value
            for module in modules_of_application(self.home)
            for value in list(vars(module).values())
            if isinstance(value, Mailer)
        )
        return list(dict.fromkeys(found))

    def _check_templates(self, mailers: Sequence[Mailer[...]]) -> None:
        """Raise if the templates of a mailer do not exist: it would fail at its first mail."""
        if self.has_templates is None:
            return
        missing = [each for each in mailers if not self.has_templates(each.template)]
        if missing:
            lines = "\n".join(
                f"- {location(each.function)}: {each.template}.subject.txt, {each.template}.txt"
                for each in missing
            )
            raise PhotonError(f"the templates of mailers do not exist:\n{lines}")


def uses_mails(home: str) -> bool:
    """Return whether a module of an application has imported what mails are written with.

    Args:
        home: Name of the module that made the application.
    """
    return any(
        value is MailMessage or isinstance(value, Mailer)
        for module in modules_of_application(home)
        for value in list(vars(module).values())
    )


def _kept(host: Host, settings: MailSettings) -> MemoryTransport | InboxTransport | None:
    """Return what keeps the mails; ``None`` if they are sent."""
    kind = settings.transport_in(host.environment, development=host.development)
    if kind == "smtp":
        return None
    if not host.development and host.environment not in ("development", "test"):
        raise PhotonError(
            f'[mail] transport = "{kind}" keeps mails and sends none, so it is for development and '
            f'tests only, not for the environment {host.environment!r}: use "smtp"'
        )
    if kind == "memory" or host.root is None:
        return MemoryTransport()
    return InboxTransport(host.root / settings.inbox)
