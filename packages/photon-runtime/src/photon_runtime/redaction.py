r"""Secrets in texts that people see: names that mean one, and texts without their values.

Commands and error pages show values that they know little about. A value is a secret if its name
says so (`is_secret_name`). In a text, `redact` replaces values that are known to be secrets, the
passwords of URLs, the credentials of ``Authorization`` fields, private keys, JSON Web Tokens, and
what follows such a name and ``=`` or ``:``. It is a protection of people who share their screen or
copy a text, not of a system: a text with a secret of unknown form stays a secret.

Example:
    >>> from photon_runtime.redaction import redact
    >>> redact("connect to postgresql://shop:hunter2@localhost/shop")
    'connect to postgresql://shop:********@localhost/shop'
    >>> redact("Settings(password='hunter2', port=1)")
    "Settings(password='********', port=1)"
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "********"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET = frozenset(
    [
        "apikey",
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "csrf",
        "csrftoken",
        "jwt",
        "passcode",
        "passphrase",
        "passwd",
        "password",
        "passwords",
        "pgpassword",
        "pw",
        "pwd",
        "secret",
        "secrets",
        "sessionid",
        "token",
        "tokens",
    ]
)
_SECRET_KEYS = frozenset(
    ["access", "api", "client", "encryption", "private", "secret", "session", "shared", "signing"]
)
_VERBS = frozenset(["allow", "allows", "has", "is", "needs", "require", "required", "requires"])
_HARMLESS_ENDS = frozenset(
    [
        "age",
        "algorithm",
        "class",
        "file",
        "folder",
        "header",
        "length",
        "name",
        "path",
        "size",
        "timeout",
        "ttl",
        "type",
        "url",
    ]
)

_URL = re.compile(r"(?<![a-zA-Z0-9+.-])([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#:@'\"]*):([^\s/?#'\"]+)@")
_CREDENTIALS = re.compile(r"\b(Bearer|Basic|Digest|Token)(\s+)([A-Za-z0-9._~+/=-]{6,})", re.I)
_PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_WEB_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*")
_ASSIGNED = re.compile(
    r"""(?<![A-Za-z0-9_.-])(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)(?P<sign>['"]?\]?\s*(?:=|:(?!//)|,(?=\s*b?['"]))\s*)"""
    r"""(?P<value>[bru]{0,2}"(?:\\.|[^"\\\n])*"?|[bru]{0,2}'(?:\\.|[^'\\\n])*'?|[^\s'",;)&\]}{(]+)"""
)
_QUOTE = re.compile(r"""[bru]{0,2}['"]""")
_SHORTEST_KNOWN = 4


def is_secret_name(name: str) -> bool:
    """Return whether a value of this name is a secret, as that of ``db_password`` or ``apiKey``."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDS or words[0] in _VERBS:
        return False  # `require_token` is about tokens, and does not hold one
    if not _SECRET.isdisjoint(words) or words[-1] == "pass":  # `DB_PASS`, not `pass_rate`
        return True
    pairs = itertools.pairwise(words)
    return any(second == "key" and first in _SECRET_KEYS for first, second in pairs)


def redact(text: str, secrets: Iterable[str] = (), *, is_source: bool = False) -> str:
    """Return a text without the secrets in it.

    Args:
        text: The text.
        secrets: Values that are known to be secrets; shorter ones than 4 characters are ignored,
            because they would hide half of the text.
        is_source: True for code of a program, in which only literals are values.
    """
    for secret in sorted({each for each in secrets if len(each) >= _SHORTEST_KNOWN}, key=len)[::-1]:
        text = text.replace(secret, MASK)
    text = _URL.sub(rf"\1:{MASK}@", text)
    text = _PRIVATE_KEY.sub(rf"\1{MASK}\2", text)
    text = _WEB_TOKEN.sub(MASK, text)
    text = _CREDENTIALS.sub(rf"\1\2{MASK}", text)
    return _ASSIGNED.sub(lambda found: _without_value(found, is_source=is_source), text)


def _without_value(found: re.Match[str], *, is_source: bool) -> str:
    value = found["value"]
    quote = _QUOTE.match(value)
    is_comma = found["sign"].lstrip("'\"").startswith(",")
    if not is_secret_name(found["name"]) or (is_source and (quote is None or is_comma)):
        # The value may begin another pair, as in `user: password=...`.
        rest = _redact_pairs(value, is_source=is_source) if quote is None else value
        return f"{found['name']}{found['sign']}{rest}"
    if quote is None:
        is_plain = value in ("None", "True", "False", MASK) or value.startswith("<")
        return found[0] if is_plain else f"{found['name']}{found['sign']}{MASK}"
    end = quote[0][-1] if value.endswith(quote[0][-1]) and len(value) > len(quote[0]) else ""
    return f"{found['name']}{found['sign']}{quote[0]}{MASK}{end}"


def _redact_pairs(text: str, *, is_source: bool = False) -> str:
    """Return a text without the values that follow a secret's name and ``=`` or ``:``."""
    return _ASSIGNED.sub(lambda found: _without_value(found, is_source=is_source), text)
