"""What a client would like: ``Prefer`` (RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# A token or quoted text behind "=", and what separates preferences and their parameters.
_PREFERENCE = re.compile(r'([^\s=;,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')


def preferences(values: Iterable[str]) -> Mapping[str, str]:
    """Return what ``Prefer`` fields ask for, names in lower case; the first of a name counts.

    Args:
        values: The fields' values.
    """
    found: dict[str, str] = {}
    for value in values:
        for match in _PREFERENCE.finditer(value):
            name, quoted, plain = match.groups()
            text = plain or "" if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found.setdefault(name.lower(), text)
    return found
