"""The messages of forms in the language of the reader.

The router's messages are English. Those below have a key, and if a catalog of the application has
it, its text is shown instead, with ``{label}`` for the label of the field. Messages of the
application itself, as in ``add_error``, are in the right language already: `translate` them.
"""

from __future__ import annotations

import re
from typing import Final

from ..translation import translations_variable
from ._labels import sentence_of

_PREFIX: Final = "photon.form."
_MESSAGES: Final = tuple(
    (re.compile(pattern), key)
    for pattern, key in (
        (r"is required", "required"),
        (r"must be >= (?P<limit>.+)", "at_least"),
        (r"must be > (?P<limit>.+)", "more_than"),
        (r"must be <= (?P<limit>.+)", "at_most"),
        (r"must be < (?P<limit>.+)", "less_than"),
        (r"must be a multiple of (?P<limit>.+)", "multiple_of"),
        (r"must have at least (?P<count>\d+) characters?", "min_characters"),
        (r"must have at most (?P<count>\d+) characters?", "max_characters"),
        (r"must have at least (?P<count>\d+) items?", "min_items"),
        (r"must have at most (?P<count>\d+) items?", "max_items"),
        (r"must have at least (?P<count>\d+) bytes", "min_bytes"),
        (r"must have at most (?P<count>\d+) bytes", "max_bytes"),
        (r"must match .+", "pattern"),
        (r"expected an integer", "integer"),
        (r"expected a (decimal )?number", "number"),
        (r"expected a date,.+", "date"),
        (r"expected a date and time,.+", "moment"),
        (r"expected a time,.+", "time"),
        (r"(expected|must be) (one of .+|true or false)", "choice"),
    )
)
YES: Final = "yes"
NO: Final = "no"
NONE: Final = "none"
_ENGLISH: Final = {YES: "Yes", NO: "No", NONE: "None"}


def message_of(label: str, message: str) -> str:
    """Return the sentence of an error of a field."""
    for pattern, key in _MESSAGES:
        found = pattern.fullmatch(message)
        if found is not None:
            text = _text(key, label=label, **found.groupdict())
            return sentence_of(label, message) if text is None else text
    return sentence_of(label, message)


def summary_title(count: int) -> str:
    """Return the title of the summary of errors."""
    text = _text("errors", count=str(count))
    if text is not None:
        return text
    return "There is 1 error:" if count == 1 else f"There are {count} errors:"


def word(key: str) -> str:
    """Return the word of a choice: ``yes``, ``no`` or ``none``."""
    text = _text(key)
    return _ENGLISH[key] if text is None else text


def _text(key: str, **values: str) -> str | None:
    translations = translations_variable.get(None)
    if translations is None or not translations.has(_PREFIX + key):
        return None
    return translations.translate(_PREFIX + key, **values)
