"""The errors of templates.

::

    PhotonError
    ├─ TemplateErrors        templates are wrong; lists every error, with file and line
    ├─ TranslationErrors     catalogs of texts are wrong; lists every error, with file and line
    └─ TemplatesMissing      there are no templates here: no application with a `TemplatesPart` runs

A template that does not exist is a `jinja2.TemplateNotFound`, and a block that does not exist is a
`BlockNotFound`, one kind of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import TemplateNotFound

from photon_runtime.errors import PhotonError

__all__ = ["BlockNotFound", "TemplateErrors", "TemplatesMissing", "TranslationErrors"]


class TemplateErrors(PhotonError):
    """Templates are wrong; the message lists every error with file and line.

    Attributes:
        errors: The errors, one text each.
    """

    def __init__(self, errors: Sequence[str]) -> None:
        """Store the errors."""
        self.errors = tuple(errors)
        count = "one error" if len(self.errors) == 1 else f"{len(self.errors)} errors"
        super().__init__("\n  ".join([f"the templates have {count}:", *self.errors]))


class TranslationErrors(PhotonError):
    """Catalogs of texts are wrong; the message lists every error with file and line.

    Attributes:
        errors: The errors, one text each.
    """

    def __init__(self, errors: Sequence[str]) -> None:
        """Store the errors."""
        self.errors = tuple(errors)
        count = "one error" if len(self.errors) == 1 else f"{len(self.errors)} errors"
        super().__init__("\n  ".join([f"the catalogs have {count}:", *self.errors]))


class TemplatesMissing(PhotonError, RuntimeError):
    """Templates were used outside of an application with a `TemplatesPart`."""


class BlockNotFound(TemplateNotFound):
    """The template of a fragment exists, and does not have the block."""
