"""The application: the router, the document, the settings and the server in one object."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from photon_router import Application
from photon_runtime.http import ServerSettings, open_listeners, serve
from photon_runtime.parts import Part

from .router import Router

if TYPE_CHECKING:
    from photon_tasks.mail import MailPart


class Photon(Router, Application):
    """A web application.

    It is a `photon_router.Application` with routes for WebSockets, see `Router.websocket`, and with
    a way to run itself; see there for the arguments.

    Example:
        >>> from photon import Photon
        >>> app = Photon(title="Shop", version="1.0.0")
        >>> @app.get("/items/{item_id}")
        ... def read_item(item_id: int, q: str | None = None) -> dict[str, object]:
        ...     return {"item_id": item_id, "q": q}
    """

    mail_part: MailPart | None = None
    """The part of mails, if it was added by itself: it has those that a test has sent."""

    def needed_parts(self) -> list[Part]:
        """Return the parts that were added, and those that the application uses besides.

        Its tasks come last, with its databases, and before them its mails: an application whose
        code imports them has them without adding them.
        """
        parts = super().needed_parts()
        if "photon_tasks" not in sys.modules:
            return parts
        from ._tasks import with_tasks

        if "photon_tasks.mail" not in sys.modules:
            return with_tasks(parts, self)
        from ._mails import tasks_of_mails, with_mails

        parts = with_mails(parts, self)
        return with_tasks(parts, self, tasks_of_mails(parts))

    def run(self, *, settings: ServerSettings | None = None) -> None:
        """Serve the application in this process until SIGTERM or SIGINT.

        For a script; ``photon run`` reads the settings and starts worker processes.

        Args:
            settings: Addresses and limits; by default port 8000 of this machine only.

        Raises:
            PhotonError: The application cannot start, or the port is unavailable.

        Blocks: the calling thread.
        """
        chosen = settings if settings is not None else ServerSettings()
        (listeners,) = open_listeners(chosen)
        serve(self, sockets=listeners, settings=chosen, is_last=True)
