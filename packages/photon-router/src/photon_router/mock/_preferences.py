"""Preferences of a client: ``Prefer`` (RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# A token or quoted string after "=", and the separators of preferences and their parameters.
_PREFERENCE = re.compile(r'([^\s=;,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')


def preferences(values: Iterable[str]) -> Mapping[str, str]:
    """Return the preferences by name in lower case; the first one of a name takes precedence.

    Args:
        values: The values of the ``Prefer`` fields.
    """
    result: dict[str, str] = {}
    for value in values:
        for match in _PREFERENCE.finditer(value):
            name, quoted, plain = match.groups()
            text = plain or "" if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            result.setdefault(name.lower(), text)
    return result
