"""Verifiers of credentials, and the requirements of operations.

A `Verifier` represents one security scheme of a document. Code first, it writes the scheme into the
document; in both directions it is *bound* to the scheme of the document at start-up, and returns
the check that runs per request.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, Final, TypeAlias, TypeVar

import attrs

from photon_runtime.callables import require_function, require_value
from photon_runtime.http import Request

CREDENTIALS: Final = "credentials"
"""The metadata of a field with a function: how many arguments of it are the credential."""

_UNQUOTABLE = re.compile(r"[^\t\x20-\x7e]")
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.1


class NoCredential(Exception):
    """The request does not have a credential for a scheme."""


class BadCredential(Exception):
    """The request has an invalid credential; the message is for the log only."""


@attrs.frozen
class Verified:
    """The result of a check of a valid credential.

    Attributes:
        identity: The identity of the bearer.
        scopes: The scopes of the credential; ``None`` if the identity has no scopes.
    """

    identity: object
    scopes: frozenset[str] | None = None


Credential = TypeVar("Credential")
Find: TypeAlias = Callable[[Credential], object] | Callable[Concatenate[Credential, ...], object]
"""Takes a credential, and any values of dependencies, and returns the identity of its bearer.

The second form takes all that the first takes; type checkers infer lambdas from the first.
"""

Check: TypeAlias = Callable[[Request], Verified]
"""Verifies the credential of a request.

Raises `NoCredential` or `BadCredential`; an `HttpError` if it cannot be verified now.
"""


@attrs.frozen
class Challenge:
    """A challenge of ``WWW-Authenticate`` (RFC 9110, section 11.6.1).

    Attributes:
        scheme: The authentication scheme, such as ``Basic``.
        parameters: Its parameters in order.
    """

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse values that a field cannot contain."""
        for name, value in self.parameters:
            if _UNQUOTABLE.search(value):
                raise ValueError(f"{name} must be printable ASCII, not {value!r}")

    def field_value(self, more: Iterable[tuple[str, str]] = ()) -> str:
        """Return the value of the field, with ``more`` parameters."""
        listed = ", ".join(f"{name}={_quoted(value)}" for name, value in (*self.parameters, *more))
        return f"{self.scheme} {listed}".rstrip()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@attrs.frozen
class Binding:
    """A verifier, bound to a security scheme of the document.

    Attributes:
        check: Function that verifies the credential of a request.
        challenge: The challenge of a refusal.
        is_weak: True if the credential leaks easily, or can be guessed: a password, a key in the
            query.
        field: The request field that contains the credential; ``None`` if it is not in a field, or
            the field is unknown. Responses depend on it, and unless it is ``Authorization``, they
            must forbid shared caches to store them.

    Raises:
        ValueError: ``field`` is not the name of a field.
    """

    check: Check
    challenge: Challenge
    is_weak: bool = False
    field: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse names that a request cannot contain."""
        if self.field is not None and not _FIELD_NAME.fullmatch(self.field):
            raise ValueError(f"not the name of a header field: {self.field!r}")


@attrs.frozen(eq=False)
class Verifier(ABC):
    """Verifies the credentials of one security scheme.

    A field whose metadata have ``"credentials"`` is a function that is called with so many
    arguments; its further arguments are dependencies.

    Attributes:
        name: The name of the scheme in the document, if the verifier writes it.
        description: The description of the scheme in the document.
    """

    name: str = attrs.field(default="security", kw_only=True)
    description: str | None = attrs.field(default=None, kw_only=True)

    @abstractmethod
    def definition(self) -> dict[str, Any]:
        """Return the security scheme object that the verifier writes into a document.

        Raises:
            ValueError: An option is missing that only a loaded document would define.
        """

    @abstractmethod
    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return the check of the scheme that ``definition`` describes.

        Raises:
            ValueError: The verifier cannot verify such a scheme; the message gives the reason.
        """

    def needs(self, *scopes: str) -> Requirement:
        """Return the requirement of a credential that has all of ``scopes``."""
        return Requirement(((self, scopes),))

    def __and__(self, other: Verifier | Requirement) -> Requirement:
        """Require both."""
        return self.needs() & other

    def described(self) -> dict[str, Any]:
        """Return `definition` with the description."""
        more = {} if self.description is None else {"description": self.description}
        return self.definition() | more


@attrs.frozen(eq=False)
class Requirement:
    """Credentials that are required together; an empty requirement admits every request.

    Attributes:
        parts: Verifiers, each with the scopes that the credential must have.
    """

    parts: tuple[tuple[Verifier, tuple[str, ...]], ...] = ()

    def __and__(self, other: Verifier | Requirement) -> Requirement:
        """Require the credentials of both."""
        more = other.needs() if isinstance(other, Verifier) else other
        return Requirement((*self.parts, *more.parts))

    def as_object(self) -> dict[str, list[str]]:
        """Return the security requirement object."""
        merged: dict[str, list[str]] = {}
        for verifier, scopes in self.parts:
            own = merged.setdefault(verifier.name, [])
            own += [scope for scope in scopes if scope not in own]
        return merged


Required: TypeAlias = Verifier | Requirement | str
"""One of the alternatives that an operation can require."""

ANONYMOUS = Requirement()
"""The alternative of a request without any credential."""


def as_requirement(required: Required) -> Requirement:
    """Return ``required`` as a `Requirement`.

    Raises:
        TypeError: It is neither a verifier nor a requirement.
    """
    if isinstance(required, Verifier):
        return required.needs()
    if isinstance(required, Requirement):
        return required
    raise TypeError(f"security is a list of verifiers, such as JwtBearer(...), not of {required!r}")


def is_function(
    verifier: object, attribute: attrs.Attribute[Any], value: Callable[..., object] | None
) -> None:
    """Validate a function that returns an identity, or ``None``.

    Raises:
        SignatureError: The function is a coroutine function, a generator function, or the like,
            whose result would count as an identity for every credential.
    """
    if value is not None:
        require_function(value, f"`{attribute.name}` of a {type(verifier).__name__}")


def as_verified(result: object, find: Callable[..., object]) -> Verified:
    """Return the result of the application's function as a `Verified`.

    Args:
        result: The result; ``None`` and ``False`` are refusals.
        find: The function, for messages.

    Raises:
        BadCredential: The result is a refusal.
        TypeError: The result is a coroutine or the like, which cannot be an identity.
    """
    require_value(result, find, is_decision=True)
    if result is None or result is False:
        raise BadCredential("the application's function refused the credential")
    scopes = getattr(result, "scopes", None)
    if scopes is None or isinstance(scopes, str):
        return Verified(result, None if scopes is None else frozenset(scopes.split()))
    return Verified(result, frozenset(scopes))
