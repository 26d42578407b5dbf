"""`DeliveryReport`: what has become of a mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from ..errors import MailRefused, MailUnavailable


@attrs.frozen(kw_only=True)
class DeliveryReport:
    """What has become of a mail.

    Attributes:
        message_id: Its ``Message-ID``.
        accepted: Addresses for which the server has taken the mail.
        deferred: Addresses that the server does not accept now, with its reply: they may be tried
            again.
        refused: Addresses that the server refuses for good, with its reply.
    """

    message_id: str
    accepted: Sequence[str] = ()
    deferred: Mapping[str, str] = attrs.field(factory=dict)
    refused: Mapping[str, str] = attrs.field(factory=dict)

    def require_accepted(self) -> None:
        """Raise unless the mail was taken for a recipient.

        Raises:
            MailRefused: All recipients are refused for good.
            MailUnavailable: Some may be accepted later.
        """
        if self.accepted:
            return
        replies = "; ".join(
            f"{each}: {reply}" for each, reply in {**self.deferred, **self.refused}.items()
        )
        if self.deferred:
            raise MailUnavailable(f"the mail server does not accept recipients now: {replies}")
        raise MailRefused(f"the mail server refuses all recipients: {replies}")
