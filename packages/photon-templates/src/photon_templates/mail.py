"""Mails from templates: a subject, a plain text, and HTML if there is a template for it.

A mail ``welcome`` consists of files: ``welcome.subject.txt``, ``welcome.txt`` and, optionally,
``welcome.html``. The text is not derived from the HTML: what a machine makes of a page reads badly,
and clients that show the text deserve a good one. The start checks that both texts exist.

Links need the URL of the site, because a mail has no page that they could be relative to: while a
mail is rendered, ``url_for`` and ``asset`` return URLs with ``[templates] base_url``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs
import jinja2

from ._current import current_templates
from ._globals import is_absolute
from .templates import Templates

_SUBJECT: Final = ".subject.txt"
_TEXT: Final = ".txt"
_HTML: Final = ".html"
_CONTROL: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")


@attrs.frozen
class Mail:
    """The content of a mail.

    Attributes:
        subject: The subject: one line, without control characters.
        text: The body as plain text.
        html: The body as HTML; ``None`` if the mail has no template for it.
    """

    subject: str
    text: str
    html: str | None = None


def render_mail(name: str, context: Mapping[str, Any] | None = None, /, **values: Any) -> Mail:
    """Render the templates of a mail.

    Works in handlers, in tasks, and in all other code of a running application: no request is
    needed.

    Args:
        name: Name of the mail: ``welcome`` for the templates ``welcome.subject.txt``,
            ``welcome.txt`` and ``welcome.html``.
        context: The values that they use, by name.
        values: Further values.

    Raises:
        TemplatesMissing: The calling code does not belong to an application with a `TemplatesPart`.
        TemplateNotFound: The mail has no subject or no text.
        TemplateError: A template uses a value that is missing.
        PhotonError: A link needs the URL of the site, and the settings do not have it.
    """
    templates = current_templates()
    merged = {**context, **values} if context else values
    with _absolute_links():
        return Mail(
            one_line(templates.render(name + _SUBJECT, merged)),
            templates.render(name + _TEXT, merged),
            templates.render(name + _HTML, merged) if _has_html(templates, name) else None,
        )


def has_mail(name: str) -> bool:
    """Return whether the templates of a mail exist.

    Args:
        name: Name of the mail, as in `render_mail`.

    Raises:
        TemplatesMissing: The calling code does not belong to an application with a `TemplatesPart`.
    """
    return {name + _SUBJECT, name + _TEXT} <= set(current_templates().names())


def one_line(text: str) -> str:
    """Return a text as one line: a line end in a subject would begin another header field."""
    return " ".join(text.translate(_CONTROL).split())


def missing_texts(names: Iterable[str]) -> Iterator[str]:
    """Yield the subjects among names of templates that have no text."""
    every = frozenset(names)
    for name in sorted(every):
        if name.endswith(_SUBJECT) and name.removesuffix(_SUBJECT) + _TEXT not in every:
            yield name


@contextmanager
def _absolute_links() -> Iterator[None]:
    token = is_absolute.set(True)
    try:
        yield
    finally:
        is_absolute.reset(token)


def _has_html(templates: Templates, name: str) -> bool:
    try:
        templates.template(name + _HTML)
    except jinja2.TemplateNotFound as error:
        if error.name != name + _HTML:
            raise
        return False
    return True
