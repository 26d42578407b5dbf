"""Cookies: ``Cookie`` fields taken apart, and ``Set-Cookie`` fields made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import attrs

SameSite: TypeAlias = Literal["Lax", "Strict", "None"]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_PART = re.compile(r"[ -:<-~]*")
_SAME_SITES: Final = ("Lax", "Strict", "None")


def parse_cookies(fields: Iterable[str]) -> dict[str, str]:
    """Take ``Cookie`` fields apart (RFC 6265, section 4.2); what has no ``=`` is left out.

    Only blanks and tabs are stripped. What else Python takes for white space (0x85, 0xA0) belongs
    to a name: else a cookie of another host could become one that begins with ``__Host-``.
    """
    cookies: dict[str, str] = {}
    for field in fields:
        for part in field.split(";"):
            name, separator, value = part.partition("=")
            if separator:
                value = value.strip(" \t")
                if len(value) > 1 and value[0] == value[-1] == '"':
                    value = value[1:-1]
                cookies.setdefault(name.strip(" \t"), value)
    return cookies


@attrs.frozen
class SetCookie:
    """A cookie that an answer sets; as a text it is the value of a ``Set-Cookie`` field.

    Safe where nothing else is said: not for scripts, not for plain connections, and not sent along
    with what other sites make a browser post (RFC 6265, section 4.1, and its successor, 6265bis).

    Attributes:
        name: Its name. Browsers take ``__Host-…`` only with `secure`, the path ``/`` and no domain,
            and ``__Secure-…`` only with `secure`.
        value: What is kept: ASCII without blanks, quotes, commas, semicolons and backslashes;
            for other texts see `urllib.parse.quote`.
        max_age: For how many seconds; ``None`` until the browser is closed, 0 deletes it.
        path: Below which it is sent.
        domain: Whose subdomains get it, too; ``None`` for this host alone.
        secure: Whether it is sent by https alone; most browsers take localhost for secure.
        http_only: Whether scripts of the page may not see it.
        same_site: ``Lax``: not sent with what other sites make a browser post. ``Strict``: nor
            when it comes from there by a link. ``None``: always, for pages in foreign frames.

    Raises:
        ValueError: A value cannot be sent, or the attributes contradict each other.

    Example:
        >>> from photon_runtime.http import SetCookie
        >>> str(SetCookie("theme", "dark", max_age=3600))
        'theme=dark; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax'
    """

    name: str
    value: str = ""
    max_age: int | None = attrs.field(default=None, kw_only=True)
    path: str = attrs.field(default="/", kw_only=True)
    domain: str | None = attrs.field(default=None, kw_only=True)
    secure: bool = attrs.field(default=True, kw_only=True)
    http_only: bool = attrs.field(default=True, kw_only=True)
    same_site: SameSite = attrs.field(default="Lax", kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check what would break the field, or what browsers would not take."""
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"not the name of a cookie: {self.name!r}")
        if _VALUE.fullmatch(self.value) is None:
            raise ValueError(
                f"not the value of a cookie: {self.value!r}; encode it, by urllib.parse.quote"
            )
        for part in (self.path, self.domain or ""):
            if _PART.fullmatch(part) is None:
                raise ValueError(f"not for a cookie: {part!r}")
        if self.same_site not in _SAME_SITES:
            raise ValueError(f"same_site is {', '.join(_SAME_SITES)}, not {self.same_site!r}")
        self._check_together()

    def _check_together(self) -> None:
        if self.same_site == "None" and not self.secure:
            raise ValueError("browsers take same_site None only with secure")
        is_for_host = self.secure and self.path == "/" and self.domain is None
        prefix = self.name.lower()  # browsers compare without regard to case
        if prefix.startswith("__host-") and not is_for_host:
            raise ValueError(f"{self.name} needs secure, the path / and no domain (RFC 6265bis)")
        if prefix.startswith("__secure-") and not self.secure:
            raise ValueError(f"{self.name} needs secure (RFC 6265bis)")

    def __str__(self) -> str:
        """Return the value of the field."""
        parts = [f"{self.name}={self.value}"]
        if self.max_age is not None:
            parts.append(f"Max-Age={self.max_age}")
        parts.append(f"Path={self.path}")
        if self.domain is not None:
            parts.append(f"Domain={self.domain}")
        if self.secure:
            parts.append("Secure")
        if self.http_only:
            parts.append("HttpOnly")
        parts.append(f"SameSite={self.same_site}")
        return "; ".join(parts)
