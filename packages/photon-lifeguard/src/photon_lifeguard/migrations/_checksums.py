"""Checksums of migrations that survive formatting.

A formatter may change whitespace, comments, quotes and trailing commas of a migration that was
applied. None of these are part of the checksum.
"""

from __future__ import annotations

import hashlib
import io
import re
import tokenize

_LAYOUT = frozenset(
    [
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    ]
)


def checksum(source: str) -> str:
    """Return the checksum of the code of a migration, as 64 hexadecimal digits."""
    try:
        tokens = [
            token.string
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type not in _LAYOUT
        ]
        code = "".join("".join(tokens).split())
    except (tokenize.TokenError, IndentationError):
        code = source
    code = re.sub(r",(?=[)\]}])", "", code).replace("'", '"')
    return hashlib.sha256(code.encode()).hexdigest()
