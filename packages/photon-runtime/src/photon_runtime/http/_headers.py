"""Header fields: rules for their names and values, and look-up by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar, overload

from ._multidict import MultiDict

D = TypeVar("D")

RawHeaders = list[tuple[bytes, bytes]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# RFC 9110, section 6.5.1: fields that frame, route, modify or authenticate a message, control its
# processing, or describe its content are useless or harmful after the content.
_NO_TRAILERS = frozenset(
    b"age authorization cache-control connection content-encoding content-length content-location "
    b"content-range content-type cookie date expect expires forwarded host keep-alive location "
    b"max-forwards pragma proxy-authenticate proxy-authorization proxy-connection range "
    b"retry-after set-cookie te trailer transfer-encoding upgrade vary warning "
    b"www-authenticate".split()
)


class Headers(MultiDict):
    """Header fields; names are compared without regard to case (RFC 9110, section 5.1).

    Those of a request that a server has received have each name once: a field on several lines is
    one list, and a request that repeats a field with one value is refused.
    """

    __slots__ = ()

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Keep ``pairs`` of name and value; the names are lower-cased."""
        super().__init__((name.lower(), value) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        """Return the last value of ``name``."""
        return self._values[name.lower()]

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | D) -> str | D: ...
    def get(self, name: str, /, default: str | D | None = None) -> str | D | None:
        """Return the last value of ``name``, or ``default`` where there is none."""
        return self._values.get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a field ``name``."""
        return isinstance(name, str) and name.lower() in self._values

    def getlist(self, name: str) -> list[str]:
        """Return every value of ``name`` in order, an empty list where there is none."""
        return super().getlist(name.lower())


def is_token(name: str) -> bool:
    """Return whether ``name`` is a valid field name (RFC 9110, section 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def is_field_value(value: str) -> bool:
    """Return whether ``value`` is a valid field value: Latin-1 without controls except tab."""
    return _FIELD_VALUE.fullmatch(value) is not None


def is_trailer(name: bytes) -> bool:
    """Return whether the field ``name`` (in lower case) is allowed after the body."""
    return (
        name not in _NO_TRAILERS
        and not name.startswith(b"if-")
        and not name.startswith(b"x-forwarded-")
    )


def check_trailers(names: Iterable[str]) -> None:
    """Check the names of fields that are to be sent after a body.

    Raises:
        ValueError: One is not a valid field name, or must precede the body.
    """
    for name in names:
        if not is_token(name):
            raise ValueError(f"{name!r} is not a valid field name")
        if not is_trailer(name.lower().encode()):
            raise ValueError(
                f"{name!r} cannot be a trailer: recipients need it before the body "
                "(RFC 9110, section 6.5.1); send it as a header field"
            )


def tokens_of(values: Iterable[str]) -> list[str]:
    """Split lists of tokens (RFC 9110, section 5.6.1)."""
    tokens = (item.strip().lower() for value in values for item in value.split(","))
    return [token for token in tokens if token]
