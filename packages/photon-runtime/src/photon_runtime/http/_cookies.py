"""``Cookie`` fields to cookies."""

from __future__ import annotations

from collections.abc import Iterable


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
