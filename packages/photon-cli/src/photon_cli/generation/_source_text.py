"""The text of a file, as it is edited: every byte that an edit does not name stays.

A file keeps its encoding (that of Python's cookie, else UTF-8), its byte order mark, its line ends,
mixed or not, and a missing line end at its end. Lines are those of Python, which end at line feeds
and carriage returns. `str.splitlines` also splits at form feeds and others, and its numbers would
differ from those of `ast`.
"""

from __future__ import annotations

import io
import re
import textwrap
import tokenize
from typing import TYPE_CHECKING

import attrs

from ._conflict import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BOM = "\ufeff"


@attrs.frozen
class SourceText:
    """The text of a file.

    Attributes:
        text: Its text, without a byte order mark.
        encoding: The encoding of the file.
        has_bom: Whether the file begins with a byte order mark.
    """

    text: str
    encoding: str = "utf-8"
    has_bom: bool = False

    @classmethod
    def decode(cls, content: bytes, *, is_python: bool) -> Self:
        """Decode a file.

        Raises:
            Conflict: The file is not text in its encoding.
        """
        encoding = "utf-8"
        if is_python:
            try:
                encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
            except SyntaxError as error:
                raise Conflict(f"it is not Python: {error}") from None
        encoding = encoding.removesuffix("-sig")
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            raise Conflict(f"it is not {encoding.upper()} text") from None
        return cls(text.removeprefix(_BOM), encoding, text.startswith(_BOM))

    def encode(self) -> bytes:
        """Return the file.

        Raises:
            Conflict: A character does not exist in the encoding of the file.
        """
        try:
            return (_BOM * self.has_bom + self.text).encode(self.encoding)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise Conflict(f"its encoding, {self.encoding}, does not have {character!r}") from None


def split_lines(text: str) -> list[str]:
    """Split a text into its lines, each with its end, as Python counts them."""
    return _LINE.findall(text)


def line_end(text: str) -> str:
    """Return the line end that most lines of a text have."""
    crlf = text.count("\r\n")
    counts = {"\n": text.count("\n") - crlf, "\r\n": crlf, "\r": text.count("\r") - crlf}
    return max(counts, key=counts.__getitem__)


def indentation(line: str) -> str:
    """Return the white space at the beginning of a line."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def insert_lines(text: str, at: int, lines: Sequence[str]) -> str:
    """Insert lines (without ends) into a text after ``at`` lines.

    A text without a line end at its end stays one.
    """
    existing, end = split_lines(text), line_end(text)
    added = [line + end for line in lines]
    if at == len(existing) and existing and not existing[-1].endswith(("\r", "\n")):
        existing[-1] += end
        added[-1] = added[-1].removesuffix(end)
    return "".join([*existing[:at], *added, *existing[at:]])


def remove_lines(text: str, start: int, stop: int) -> str:
    """Remove lines from a text, by their numbers from 0; the inverse of `insert_lines`."""
    lines = split_lines(text)
    removed = lines[start:stop]
    kept = lines[:start] + lines[stop:]
    if removed and stop == len(lines) and kept and not removed[-1].endswith(("\r", "\n")):
        kept[-1] = kept[-1].rstrip("\r\n")
    return "".join(kept)


def indented(code: str, prefix: str) -> list[str]:
    """Return the lines of code, which begin with an indentation; tabs if it has tabs."""
    lines = textwrap.dedent(code.strip("\r\n")).splitlines()
    if "\t" in prefix:
        lines = [re.sub(r"^( {4})+", lambda found: "\t" * (len(found[0]) // 4), x) for x in lines]
    return [prefix + line if line.strip() else "" for line in lines]
