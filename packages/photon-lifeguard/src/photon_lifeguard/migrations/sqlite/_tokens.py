"""The tokens of SQLite's SQL, as far as definitions of tables need them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import attrs

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))
    |(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[\w$]+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@attrs.frozen
class Token:
    """A word, a quoted name or text, a character, or space with its comments.

    Attributes:
        text: The token as it is written.
        kind: ``word``, ``quoted``, ``other`` or ``space``.
        depth: Number of parentheses around it; of a parenthesis, those outside of it.
    """

    text: str
    kind: str
    depth: int

    @property
    def keyword(self) -> str:
        """The word in upper case; empty for other tokens."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(sql: str) -> list[Token]:
    """Return the tokens of ``sql``; joined, their texts are ``sql``."""
    depth = 0
    found = []
    for match in _TOKEN.finditer(sql):
        text, kind = match.group(), match.lastgroup or "other"
        if text == ")":
            depth -= 1
        found.append(Token(text, kind, depth))
        if text == "(":
            depth += 1
    return found


def joined(parts: Iterable[Token]) -> str:
    """Return the text of tokens, without the space around it.

    A comment to the end of the line keeps its line end: what follows must not become part of it.
    """
    text = "".join(part.text for part in parts).strip()
    return f"{text}\n" if "--" in text.rsplit("\n", 1)[-1] else text


def significant(parts: Sequence[Token]) -> list[Token]:
    """Return the tokens that are not space."""
    return [part for part in parts if part.kind != "space"]


def split(parts: Iterable[Token], depth: int) -> Iterator[list[Token]]:
    """Split at the commas that are inside of ``depth`` parentheses."""
    current: list[Token] = []
    for part in parts:
        if part.text == "," and part.depth == depth:
            yield current
            current = []
        else:
            current.append(part)
    yield current


def name_of(token: Token) -> str:
    """Return the name that a word or a quoted token stands for."""
    text = token.text
    if token.kind != "quoted":
        return text
    if text.startswith("["):
        return text[1:-1]
    return text[1:-1].replace(text[0] * 2, text[0])


def quoted(name: str) -> str:
    """Return a name in the quotes of SQL."""
    return '"' + name.replace('"', '""') + '"'


def mentions(sql: str, name: str) -> bool:
    """Return whether a word or a quoted name in ``sql`` is ``name``, in any case."""
    return any(
        name_of(token).lower() == name.lower()
        for token in tokens(sql)
        if token.kind == "word" or (token.kind == "quoted" and not token.text.startswith("'"))
    )
