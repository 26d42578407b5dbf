"""Addresses of mails.

Theory of operation. A text is one address, never a list of them: a comma in a value that a user has
typed must not add a recipient. So what is accepted is little, and it is the same for every program
that reads the mail later:

- ``ada@example.com`` and ``Ada Lovelace <ada@example.com>``. A name with characters that have a
  meaning in a header field is in double quotes, or is passed apart from the address, as `Address`
  takes it, which is the safe way for names that users have chosen.
- The part before the ``@`` is a sequence of atoms with single dots. Quoted ones (``"a b"@``),
  comments, groups and routes are refused: they are valid, hardly ever used, and read differently
  by different programs.
- A domain with other letters than ASCII is converted to its ASCII form, with the rules that Python
  has (IDNA 2003). A domain that these rules change, such as one with a ``ß``, is refused, because
  it would become another domain.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from typing import TypeAlias

import attrs

_MAX_LOCAL = 64
_MAX_ADDRESS = 254
_MAX_NAME = 200
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_WITH_NAME = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]*)>", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = frozenset('()[]:;@\\,"')


def _checked_address(value: str) -> str:
    """Return an address, its domain in ASCII.

    Raises:
        ValueError: It is not one.
    """
    require_plain(value, "an address")
    local, separator, domain = value.rpartition("@")
    if not separator:
        raise ValueError(f"{value!r} is not an address: it has no @")
    if len(local) > _MAX_LOCAL or not all(map(_is_atom, local.split("."))):
        raise ValueError(
            f"{value!r} is not an address that can be used: before the @ are letters, digits and "
            "some signs, with single dots between them"
        )
    checked = f"{local}@{_checked_domain(domain, value)}"
    if len(checked.encode()) > _MAX_ADDRESS:
        raise ValueError(f"an address has more than {_MAX_ADDRESS} bytes: {value!r}")
    return checked


def _is_atom(text: str) -> bool:
    return _ATOMS.fullmatch(text) is not None and text.isprintable() and " " not in text


def _checked_domain(domain: str, value: str) -> str:
    if domain.startswith("[") and domain.endswith("]"):
        return _checked_literal(domain, value)
    ascii_domain = domain
    if not domain.isascii():
        ascii_domain = _in_ascii(domain, value)
    if not all(_LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        raise ValueError(f"{value!r} is not an address: its domain is not valid")
    return ascii_domain.lower()


def _checked_literal(domain: str, value: str) -> str:
    text = domain[1:-1]
    try:
        ipaddress.ip_address(text.removeprefix("IPv6:"))
    except ValueError:
        raise ValueError(f"{value!r} is not an address: {domain} is not an IP address") from None
    return domain


def _in_ascii(domain: str, value: str) -> str:
    try:
        encoded = domain.encode("idna")
        is_kept = encoded.decode("idna") == unicodedata.normalize("NFC", domain).lower()
    except UnicodeError:
        is_kept = False
    if not is_kept:
        raise ValueError(
            f"the domain of {value!r} has no ASCII form that is certain: write that form itself, "
            "which begins with xn--"
        )
    return encoded.decode("ascii")


def _checked_name(value: str) -> str:
    require_plain(value, "the name of an address")
    if len(value) > _MAX_NAME:
        raise ValueError(f"the name of an address has more than {_MAX_NAME} characters")
    return value


def require_plain(value: object, what: str) -> None:
    """Raise unless a value is text without control characters, line ends above all.

    Args:
        value: The value.
        what: What it is, for the message.

    Raises:
        TypeError: It is not a text.
        ValueError: It has such a character, or one that cannot be encoded.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} is a str, not {type(value).__name__}: {value!r}")
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise ValueError(
                f"{what} must not have line ends and other control characters: {value!r}"
            )


@attrs.frozen
class Address:
    """An address, with the name of the person or of the department that it belongs to.

    Attributes:
        address: The address, such as ``ada@example.com``; its domain is in ASCII.
        name: The name; empty for none. Any characters but control characters are allowed.

    Raises:
        ValueError: The address cannot be used, or a value has a control character.

    Example:
        >>> from photon_tasks.mail import Address
        >>> str(Address("ada@bücher.example", "Lovelace, Ada"))
        '"Lovelace, Ada" <ada@xn--bcher-kva.example>'
    """

    address: str = attrs.field(converter=_checked_address)
    name: str = attrs.field(default="", converter=_checked_name)

    @property
    def is_ascii(self) -> bool:
        """Whether every mail server accepts the address; the name does not matter."""
        return self.address.isascii()

    @property
    def domain(self) -> str:
        """The part behind the ``@``."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        """Return the address with its name, as `read_address` reads it."""
        if not self.name:
            return self.address
        escaped = re.sub(r'(["\\])', r"\\\1", self.name)
        return f'"{escaped}" <{self.address}>'


AddressLike: TypeAlias = str | Address
"""An address: ``ada@example.com``, ``Ada <ada@example.com>``, or an `Address`."""
AddressesLike: TypeAlias = AddressLike | Iterable[AddressLike]
"""One address, or several."""


def read_address(value: AddressLike, field: str = "an address") -> Address:
    """Return the address that a text is.

    Args:
        value: One address, with or without a name.
        field: Name of the header field that it is for, for messages.

    Raises:
        ValueError: It is not one address; the message names the field.
        TypeError: It is neither a text nor an address.
    """
    if isinstance(value, Address):
        return value
    try:
        require_plain(value, "an address")
        return _read(value.strip())
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def read_addresses(value: AddressesLike, field: str) -> tuple[Address, ...]:
    """Return one or several addresses, each of them once.

    Raises:
        ValueError: One of them is not an address; the message names the field.
        TypeError: The value is of another type.
    """
    values = (value,) if isinstance(value, str | Address) else tuple(value)
    found = {each.address: each for each in (read_address(each, field) for each in values)}
    return tuple(found.values())


def _read(value: str) -> Address:
    found = _WITH_NAME.fullmatch(value)
    if found is None:
        return Address(value)
    name, quoted = found["name"], _QUOTED.fullmatch(found["name"])
    if quoted is not None:
        name = _ESCAPED.sub(r"\1", quoted[1])
    elif not _SPECIAL.isdisjoint(name):
        raise ValueError(
            f"{value!r} is not one address: put the name in double quotes, or pass "
            "Address(address, name); several addresses are a list"
        )
    return Address(found["address"], name)
