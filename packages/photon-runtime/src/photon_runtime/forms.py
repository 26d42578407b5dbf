"""Forms of pages: what the router, which reads them, shares with the templates that show them."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final, Protocol, cast, runtime_checkable

import attrs

from .http import Request

SESSION_STATE: Final = "session"
"""The key of the session in `Request.state`, where middleware for sessions puts it."""

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PASSWORD_WORDS: Final = frozenset(
    ["cvc", "cvv", "passcode", "passphrase", "passwd", "password", "passwords", "pwd", "secret"]
)


@attrs.frozen
class FormError:
    """One error of a submitted form.

    Attributes:
        name: The name of the field; empty for an error of the form as a whole.
        message: The message for people; it does not repeat the value.
    """

    name: str
    message: str


class SubmittedForm(Protocol):
    """A form that a client submitted, as templates show it again."""

    @property
    def errors(self) -> Sequence[FormError]:
        """All errors, in the order of the fields."""
        ...

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """The texts of each field as they were typed, without those of passwords and files."""
        ...


@runtime_checkable
class CsrfProtection(Protocol):
    """Middleware against cross-site request forgery, as pages with forms need it.

    Attributes:
        enabled: False if it is disabled, for example in tests.
        field: Name of the form field that contains the token.
        header: Name of the header field that may contain it.
    """

    enabled: bool
    field: str
    header: str

    def csrf_token(self, request: Request) -> str:
        """Return a token for the session of a request, which it may begin."""
        ...


def session_in(request: Request) -> MutableMapping[str, Any] | None:
    """Return the session of a request, ``None`` without middleware for sessions."""
    return cast("MutableMapping[str, Any] | None", request.state.get(SESSION_STATE))


def is_password_name(name: str) -> bool:
    """Return whether a field holds a password according to its name: one of its words says so.

    Example:
        >>> from photon_runtime.forms import is_password_name
        >>> [is_password_name(name) for name in ("new_password", "newPassword", "pass_rate")]
        [True, True, False]
    """
    return any(word.lower() in _PASSWORD_WORDS for word in _WORD.findall(name))
