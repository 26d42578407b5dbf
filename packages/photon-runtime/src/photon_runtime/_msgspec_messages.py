"""The sentences of msgspec's errors about settings, read: the only module that knows their wording.

``msgspec.convert`` says in one sentence what was wrong, and its errors carry no fields::

    Expected `int`, got `str`
    Expected `int` - at `$[0]`
    Invalid enum value 'x'

The contract tests hold real errors of the installed version against this module; the wording has
been the same since msgspec 0.22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec


def conversion_message(error: msgspec.ValidationError) -> str:
    """What was wrong with a value, as it stands behind a colon."""
    return _lower(str(error))


def text_message(error: msgspec.ValidationError) -> str:
    """What a string was expected to be; that it is a string is known to the author."""
    wanted = str(error).split(", got ")[0].split(" - at ")[0]
    return f"{_lower(wanted)}, and the text that was given cannot be read as one"


def wrong_type(kind: type, value: object) -> str:
    """The sentence that msgspec would write for a value of another type."""
    return f"Expected `{kind.__name__}`, got `{type(value).__name__}`"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
