"""`send_mail`: the task that delivers mails.

Theory of operation. The argument is the whole mail, rendered, so each attempt sends the same one. A
mail that is refused for good is dead at once, with the reply of the server as its error. If some
recipients are not accepted yet, the job records those that are done and fails, and its next attempt
is for the others alone. So a recipient gets a mail twice only if the process, or the connection,
ends between the acceptance and its record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._arguments import provided
from ..errors import MailRefused, MailUnavailable
from ..job import Job
from ..options import Backoff
from ..task import task
from ._mails import current_mails
from ._report import DeliveryReport
from .outgoing import OutgoingMail


@task(
    name="photon_tasks.mail.send_mail",
    queue="mail",
    backoff=Backoff(first=15.0, limit=3600.0),
    fatal=[MailRefused],
)
def send_mail(mail: OutgoingMail, job: Job = provided) -> DeliveryReport:
    """Deliver a mail to those of its recipients that do not have it yet.

    Args:
        mail: The mail.
        job: The job.

    Returns:
        What has become of it; no recipient is deferred.

    Raises:
        MailRefused: It is refused for good, for all recipients.
        MailUnavailable: It is not accepted now, for some recipients.

    Blocks: the calling task.
    """
    accepted, refused = _recorded(job.cursor)
    remaining = [each for each in mail.recipients if each not in accepted and each not in refused]
    if remaining:
        report = current_mails().deliver(mail, remaining)
        accepted += report.accepted
        refused.update(report.refused)
        if report.deferred:
            job.checkpoint({"accepted": accepted, "refused": refused})
            replies = "; ".join(f"{each}: {reply}" for each, reply in report.deferred.items())
            raise MailUnavailable(f"the mail server does not accept recipients now: {replies}")
    done = DeliveryReport(message_id=mail.message_id, accepted=accepted, refused=refused)
    done.require_accepted()
    return done


def _recorded(cursor: Any) -> tuple[list[str], dict[str, str]]:
    """Return the recipients that earlier attempts have done."""
    recorded: Mapping[str, Any] = cursor or {}
    return list(recorded.get("accepted", ())), dict(recorded.get("refused", {}))
