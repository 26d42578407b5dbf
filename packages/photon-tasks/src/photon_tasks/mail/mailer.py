"""`mailer`: functions that write the mails of an application."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, ParamSpec

import attrs

from photon_runtime.callables import location, require_function

from .message import MailMessage

P = ParamSpec("P")


class Mailer(Generic[P]):
    """A function that writes a mail; made by `mailer`.

    Calling it returns the mail, which is not sent by that.

    Attributes:
        template: Name of its templates.
        function: The function.
    """

    def __init__(self, function: Callable[P, MailMessage], template: str) -> None:
        """Wrap a function."""
        require_function(function, "a mailer")
        functools.update_wrapper(self, function)
        self.function = function
        self.template = template

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> MailMessage:
        """Return the mail that the function writes, with its templates.

        Raises:
            TypeError: The function has returned something else.
        """
        message: object = self.function(*args, **kwargs)
        if not isinstance(message, MailMessage):
            raise TypeError(
                f"{location(self.function)} is a mailer, and so returns a MailMessage, not "
                f"{type(message).__name__}"
            )
        return attrs.evolve(message, template=message.template or self.template)

    def __repr__(self) -> str:
        """Show the function and its templates."""
        return f"<Mailer {self.function.__qualname__} of {self.template!r}>"


def mailer(template: str, /) -> Callable[[Callable[P, MailMessage]], Mailer[P]]:
    """Return a decorator for functions that write mails from templates.

    ::

        @mailer("mails/welcome")
        def welcome(user: User) -> MailMessage:
            return MailMessage(to=user.email, values={"user": user})

        welcome(user).deliver_later()

    Args:
        template: Name of the templates: with ``mails/welcome``, they are
            ``mails/welcome.subject.txt``, ``mails/welcome.txt`` and, if the mail has HTML,
            ``mails/welcome.html``.

    Raises:
        TypeError: The name is not a text, or what is decorated is not a function.
    """
    if not isinstance(template, str) or not template:
        raise TypeError('a mailer has the name of its templates: write @mailer("mails/welcome")')

    def decorate(function: Callable[P, MailMessage]) -> Mailer[P]:
        return Mailer(function, template)

    return decorate
