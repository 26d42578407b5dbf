"""What verifies credentials, and what an operation can require of them.

A `Verifier` stands for one security scheme of a document. Code first it writes the scheme into the
document; in both directions it is *bound* to the scheme as it stands there, at start, and gives the
check that runs per request.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from photon_runtime.callables import require_function, require_value
from photon_runtime.http import Request

_UNQUOTABLE = re.compile(r"[^\t\x20-\x7e]")
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.1


class NoCredential(Exception):
    """The request has no credential for a scheme."""


class BadCredential(Exception):
    """The request has a credential, and it is not good; the message is for the log alone."""


@attrs.frozen
class Verified:
    """A credential that was found good.

    Attributes:
        identity: Whose it is.
        scopes: What its bearer may do; ``None`` where the identity does not say.
    """

    identity: object
    scopes: frozenset[str] | None = None


Check: TypeAlias = Callable[[Request], Verified]
"""Verifies the credential of a request.

Raises `NoCredential` or `BadCredential`; an `HttpError` where it cannot be verified now.
"""


@attrs.frozen
class Challenge:
    """What a refusal says of how to authenticate (RFC 9110, section 11.6.1).

    Attributes:
        scheme: The authentication scheme, such as ``Basic``.
        parameters: Its parameters in order.
    """

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot stand in a field."""
        for name, value in self.parameters:
            if _UNQUOTABLE.search(value):
                raise ValueError(f"{name} can be printable ASCII only, not {value!r}")

    def text(self, more: Iterable[tuple[str, str]] = ()) -> str:
        """Return it as it stands in the field, with ``more`` parameters."""
        listed = ", ".join(f"{name}={_quoted(value)}" for name, value in (*self.parameters, *more))
        return f"{self.scheme} {listed}".rstrip()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@attrs.frozen
class Binding:
    """A verifier, bound to a security scheme of the document.

    Attributes:
        check: Verifies the credential of a request.
        challenge: How a refusal asks for one.
        is_weak: Whether the credential is one that leaks easily, or can be guessed: a password, a
            key in the address.
        field: The request field that brings the credential; ``None`` where none does, or nobody
            knows. Answers depend on it, and unless it is ``Authorization`` shared caches have to
            be told not to keep them.

    Raises:
        ValueError: ``field`` is no name of a field.
    """

    check: Check
    challenge: Challenge
    is_weak: bool = False
    field: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse what no request can have."""
        if self.field is not None and not _FIELD_NAME.fullmatch(self.field):
            raise ValueError(f"not the name of a header field: {self.field!r}")


@attrs.frozen(eq=False)
class Verifier(ABC):
    """Verifies the credentials of one security scheme.

    Attributes:
        name: The name of the scheme in the document, where the verifier writes it.
        description: What people read about it there.
    """

    name: str = attrs.field(default="security", kw_only=True)
    description: str | None = attrs.field(default=None, kw_only=True)

    @abstractmethod
    def definition(self) -> dict[str, Any]:
        """Return the security scheme object that it writes into a document.

        Raises:
            ValueError: It lacks what only a loaded document would tell.
        """

    @abstractmethod
    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return what verifies the scheme that ``definition`` describes.

        Raises:
            ValueError: It cannot verify such a scheme; says why.
        """

    def needs(self, *scopes: str) -> Requirement:
        """Return the requirement of a credential that allows all of ``scopes``."""
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
    """Credentials that are required together; without any, everybody is let in.

    Attributes:
        parts: Verifiers, each with the scopes that it must find.
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
            held = merged.setdefault(verifier.name, [])
            held += [scope for scope in scopes if scope not in held]
        return merged


Required: TypeAlias = Verifier | Requirement
"""What an operation can require, as one of several alternatives."""

ANONYMOUS = Requirement()
"""The alternative of sending no credential at all."""


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
    """Validate a function that decides, or ``None``.

    Raises:
        SignatureError: It is a coroutine function, a generator function, or the like, whose result
            would pass for an identity whatever the credential is.
    """
    if value is not None:
        require_function(value, f"`{attribute.name}` of a {type(verifier).__name__}")


def judged(result: object, find: Callable[..., object]) -> Verified:
    """Return what the result of a user's function means: ``None`` and ``False`` are refusals.

    Args:
        result: What it returned.
        find: The function, for messages.

    Raises:
        BadCredential: It is a refusal.
        TypeError: It is a coroutine or the like, which cannot be an identity.
    """
    require_value(result, find, verdict=True)
    if result is None or result is False:
        raise BadCredential("the application's function refused it")
    scopes = getattr(result, "scopes", None)
    if scopes is None or isinstance(scopes, str):
        return Verified(result, None if scopes is None else frozenset(scopes.split()))
    return Verified(result, frozenset(scopes))
