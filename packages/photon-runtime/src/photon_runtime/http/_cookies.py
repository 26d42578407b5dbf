"""Cookies: parsing ``Cookie`` fields and making ``Set-Cookie`` fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import attrs

from ._root_path import is_below

SameSite: TypeAlias = Literal["Lax", "Strict", "None"]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
_PART = re.compile(r"[ -:<-~]*")
_SAME_SITES: Final = ("Lax", "Strict", "None")


def parse_cookies(fields: Iterable[str]) -> dict[str, str]:
    """Parse ``Cookie`` fields (RFC 6265, section 4.2); parts without ``=`` are ignored.

    Only spaces and tabs are stripped. Other characters that Python treats as white space (0x85,
    0xA0) belong to a name; otherwise a cookie of another host could become one that begins with
    ``__Host-``.
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
    """A cookie that a response sets; ``str()`` of it is the value of a ``Set-Cookie`` field.

    Safe by default: hidden from scripts, sent over HTTPS only, and not sent with POST requests that
    other sites cause (RFC 6265, section 4.1, and its successor, 6265bis).

    Attributes:
        name: Name of the cookie. Browsers accept ``__Host-…`` only with `secure`, the path ``/``
            and no domain, and ``__Secure-…`` only with `secure`.
        value: Value of the cookie: ASCII without spaces, quotes, commas, semicolons and
            backslashes; encode other strings, for example with `urllib.parse.quote`.
        max_age: Lifetime in seconds; ``None`` until the browser is closed, 0 deletes the cookie.
        path: Path prefix of the requests that the cookie is sent with.
        domain: Domain whose subdomains receive the cookie, too; ``None`` for this host only.
        secure: Send the cookie over HTTPS only; most browsers treat localhost as secure.
        http_only: Hide the cookie from scripts of the page.
        same_site: ``Lax``: not sent with POST requests that other sites cause. ``Strict``: not sent
            when following a link from another site either. ``None``: always sent, for pages in
            frames of other sites.
        partitioned: Keep a cookie of its own for each site in whose frames the page is (CHIPS);
            browsers that block cookies of other sites accept it. It needs `secure`, and with
            another `same_site` than ``None`` it is not sent in such frames at all.

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
    partitioned: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse values that would break the field, or that browsers would reject."""
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r} is not a valid cookie name (RFC 6265, section 4.1.1)")
        if _VALUE.fullmatch(self.value) is None:
            raise ValueError(
                f"{self.value!r} is not a valid cookie value; encode it with urllib.parse.quote"
            )
        for part in (self.path, self.domain or ""):
            if _PART.fullmatch(part) is None:
                raise ValueError(f"{part!r} is not a valid path or domain of a cookie")
        if self.same_site not in _SAME_SITES:
            raise ValueError(
                f"same_site must be one of {', '.join(_SAME_SITES)}, not {self.same_site!r}"
            )
        self._check_together()

    def _check_together(self) -> None:
        if self.same_site == "None" and not self.secure:
            raise ValueError("browsers accept same_site None only with secure")
        if self.partitioned and not self.secure:
            raise ValueError("browsers accept partitioned only with secure")
        is_for_host = self.secure and self.path == "/" and self.domain is None
        prefix = self.name.lower()  # browsers compare without regard to case
        if prefix.startswith("__host-") and not is_for_host:
            raise ValueError(f"{self.name} needs secure, the path / and no domain (RFC 6265bis)")
        if prefix.startswith("__secure-") and not self.secure:
            raise ValueError(f"{self.name} needs secure (RFC 6265bis)")

    def below(self, root_path: str) -> SetCookie:
        """Return the cookie for an application that clients see below ``root_path``.

        Its path is then below the root path, unless it is already, or the name begins with
        ``__Host-``: such cookies are for all paths.
        """
        path = self.path.rstrip("/")
        if not root_path or is_below(path, root_path) or self.name.lower().startswith("__host-"):
            return self
        return attrs.evolve(self, path=root_path + path)

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
        if self.partitioned:
            parts.append("Partitioned")
        return "; ".join(parts)
