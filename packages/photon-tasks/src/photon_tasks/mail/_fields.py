"""Header fields: their names, their values, and how they are written.

Theory of operation. Photon writes the header fields itself, and leaves the body to
`email.message.EmailMessage`. The folding of the standard library decodes values and encodes them
again, and in several versions of Python a comma or a line end of an encoded name came out as one
that has a meaning. Here each value is plain text that was checked, and there are two ways to write
it: as it is, folded at single spaces, or as encoded words (RFC 2047) of at most 75 characters.

No line end enters a field: every value has passed `require_plain`, and the only line ends of the
result are those of the folding, each followed by a space.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from .addresses import Address, require_plain

MAX_VALUE = 900
"""Maximum length of a subject, or of another field's value, in characters."""
_FOLD = "\r\n "
_LINE = 76
_WORD_BYTES = 45
"""Bytes in one encoded word: 60 characters, and 12 around them."""
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_ATOM_WORDS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URL = re.compile(r"(?:https?://|mailto:)[!-;=?-~]+")
_OWN = frozenset(
    {
        *("bcc", "cc", "date", "from", "list-unsubscribe", "list-unsubscribe-post", "message-id"),
        *("mime-version", "received", "reply-to", "return-path", "sender", "subject", "to"),
    }
)


def check_field(name: str, value: str) -> None:
    """Raise unless an application may set a header field to a value.

    Raises:
        ValueError: The name or the value cannot be used; the message names the field.
        TypeError: One of them is not a text.
    """
    require_plain(name, "the name of a header field")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not the name of a header field")
    if name.lower() in _OWN or name.lower().startswith(("content-", "resent-", "dkim-")):
        raise ValueError(f"{name} cannot be in `headers`: it is set from other arguments")
    check_value(name, value)


def check_value(name: str, value: str) -> None:
    """Raise unless a text can be the value of a header field.

    Raises:
        ValueError: It has control characters, or is too long.
        TypeError: It is not a text.
    """
    require_plain(value, name)
    if len(value) > MAX_VALUE:
        raise ValueError(f"{name} has {len(value)} characters, more than {MAX_VALUE}")


def check_url(name: str, value: str) -> None:
    """Raise unless a text is a URL that can be in a header field.

    Raises:
        ValueError: It is not one.
        TypeError: It is not a text.
    """
    check_value(name, value)
    if _URL.fullmatch(value) is None:
        raise ValueError(f"{name} is a URL of https, http or mailto, not {value!r}")


def text_field(name: str, value: str) -> str:
    """Return a field of text, complete, with its line end."""
    return f"{name}: {_text(value, len(name) + 2)}\r\n"


def raw_field(name: str, value: str) -> str:
    """Return a field whose value is written as it is: one without spaces, or short."""
    return f"{name}: {value}\r\n"


def address_field(name: str, addresses: Iterable[Address]) -> str:
    """Return a field of addresses, one in each line."""
    return f"{name}: {(',' + _FOLD).join(map(_mailbox, addresses))}\r\n"


def _mailbox(address: Address) -> str:
    name = address.name
    if not name:
        return address.address
    if not name.isascii() or "=?" in name:
        written = _encoded_words(name)
    elif _ATOM_WORDS.fullmatch(name):
        written = name
    else:
        escaped = re.sub(r'(["\\])', r"\\\1", name)
        written = f'"{escaped}"'
    # The line of a long name ends before the address: a line has 998 characters at most.
    return f"{written}{_FOLD if len(written) > _LINE // 2 else ' '}<{address.address}>"


def _text(value: str, indent: int) -> str:
    """Return a text as it is, folded at single spaces, or else in encoded words."""
    if not value.isascii() or "=?" in value or value != value.strip():
        return _encoded_words(value)
    words = value.split(" ")
    if not all(words):  # a line must not consist of spaces
        return value
    lines, room = [words[0]], _LINE - indent - len(words[0])
    for word in words[1:]:
        if len(word) < room:
            lines[-1] += " " + word
            room -= len(word) + 1
        else:
            lines.append(word)
            room = _LINE - 1 - len(word)
    return _FOLD.join(lines)


def _encoded_words(value: str) -> str:
    pieces, piece = [], b""
    for character in value:
        encoded = character.encode()
        if len(piece) + len(encoded) > _WORD_BYTES:
            pieces.append(piece)
            piece = b""
        piece += encoded
    pieces.append(piece)
    return _FOLD.join(f"=?utf-8?b?{base64.b64encode(each).decode()}?=" for each in pieces)
