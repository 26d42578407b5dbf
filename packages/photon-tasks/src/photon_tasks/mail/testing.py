"""For tests: the mails that an application has sent.

In the environment ``test``, mails are kept in memory, by each run of an application for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from photon_runtime.errors import PhotonError

from .outgoing import OutgoingMail
from .part import MailPart


def deliveries(application: object) -> Sequence[OutgoingMail]:
    """Return the mails that an application has sent in its present or last run, the oldest first.

    Args:
        application: The application, with a `MailPart`.

    Raises:
        PhotonError: It has no mails.
    """
    needed = getattr(application, "needed_parts", tuple)
    for part in needed():
        if isinstance(part, MailPart):
            return part.deliveries
    raise PhotonError("the application has no mails: it is not a photon.Photon, or has no MailPart")
