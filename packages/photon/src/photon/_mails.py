"""The mails of an application: added by themselves, with its templates and its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from photon_runtime.parts import Part
from photon_tasks import Task
from photon_tasks.mail import MailPart
from photon_tasks.mail.part import uses_mails
from photon_tasks.mail.sending import send_mail
from photon_templates.mail import has_mail, render_mail


class _Owner(Protocol):
    """An application."""

    mail_part: MailPart | None

    @property
    def module(self) -> str: ...


def with_mails(parts: Sequence[Part], application: _Owner) -> list[Part]:
    """Return the parts of an application with its mails, if it has any, which come last.

    Args:
        parts: The parts.
        application: The application. The part that is added by itself stays the same.
    """
    own = [each for each in parts if isinstance(each, MailPart)]
    if not own and uses_mails(application.module):
        application.mail_part = application.mail_part or MailPart(is_automatic=True)
        own = [application.mail_part]
    for part in own:
        part.home = part.home or application.module
        if part.render is None:
            part.render, part.has_templates = render_mail, has_mail
    return [*(each for each in parts if not isinstance(each, MailPart)), *own]


def tasks_of_mails(parts: Sequence[Part]) -> Sequence[Task[..., Any]]:
    """Return the tasks that deliver the mails of an application."""
    return [send_mail] if any(isinstance(each, MailPart) for each in parts) else []
