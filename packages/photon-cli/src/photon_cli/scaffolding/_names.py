"""`ModelName`: all names of a model, from one word in any of the usual spellings.

The word may be a singular or a plural, in snake case, camel case or with hyphens. Only its last
part is inflected: ``blog_posts``, ``BlogPost`` and ``blog-post`` are the same model. A name that
generated code could not use is refused, with another one as a suggestion, before anything is
written.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from typing import Final, Self

import attrs
import inflection

from photon_runtime.generators import GeneratorError

from ._inflection import pluralize, singularize
from ._reserved_names import suggested_model, why_not_a_model

LONGEST_IDENTIFIER: Final = 63
"""Bytes of the longest name of a table, column or constraint that PostgreSQL permits."""

_LONGEST_TABLE: Final = LONGEST_IDENTIFIER - len("pk_")
_WORDS: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Paths that an application serves already; a resource called so has another one.
_OCCUPIED_PATHS: Final = frozenset(
    ["docs", "health", "jobs", "livez", "metrics", "readyz", "static"]
)


@attrs.frozen
class ModelName:
    """The names of a model, of its table, of its modules and of its variables.

    Attributes:
        singular: Variable of one object, and module of the model: ``blog_post``.
        plural: Variable of several: ``blog_posts``; never the same as `singular`
            (``news_list``).
        table: Name of the table, and module of the routes: ``blog_posts``, ``news``.
    """

    singular: str
    plural: str
    table: str

    @classmethod
    def parse(cls, word: str, *, package: str = "") -> Self:
        """Return the names of the model that ``word`` names.

        Args:
            word: Name as the user wrote it, singular or plural.
            package: Package of the project, for suggestions.

        Raises:
            GeneratorError: The name cannot be used; the message suggests another one.
        """
        name = _snake_case(word)
        if not _WORDS.fullmatch(name):
            raise GeneratorError(_malformed(word, name))
        *front, last = name.split("_")
        singular = "_".join([*front, singularize(last)])
        table = "_".join([*front, pluralize(singularize(last))])
        plural = table if table != singular else f"{singular}_list"
        made = cls(singular, plural, table)
        made._check(word, package)
        return made

    @property
    def class_name(self) -> str:
        """The class of the model: ``BlogPost``."""
        return inflection.camelize(self.singular)

    @property
    def class_plural(self) -> str:
        """The plural for names of classes and functions: ``BlogPosts``, ``NewsList``."""
        return inflection.camelize(self.plural)

    @property
    def path(self) -> str:
        """The path of the resource: ``/blog-posts``."""
        path = self.table.replace("_", "-")
        return f"/{self.singular}-list" if path in _OCCUPIED_PATHS else f"/{path}"

    @property
    def label(self) -> str:
        """The name for people: ``Blog post``."""
        return _label(self.singular)

    @property
    def label_plural(self) -> str:
        """The plural for people: ``Blog posts``, ``News``."""
        return _label(self.table)

    @property
    def factory(self) -> str:
        """The function of ``tests/factories.py`` that makes an object: ``make_blog_post``."""
        return f"make_{self.singular}"

    def _check(self, word: str, package: str) -> None:
        reason = why_not_a_model(self.singular, self.class_name)
        if reason is None and keyword.iskeyword(self.table):
            reason = f"its plural {self.table} is a keyword of Python"
        if reason is not None:
            other = suggested_model(self.singular, package)
            raise GeneratorError(
                f"a model cannot be called {word!r}: {reason}; use another name, such as {other}"
            )
        size = len(self.table)
        if size > _LONGEST_TABLE:
            raise GeneratorError(
                f"the table {self.table} has a name of {size} bytes, and PostgreSQL permits "
                f"{_LONGEST_TABLE} beside the prefix of its primary key; use a shorter name, such "
                f"as {_shortened(self.singular)}"
            )


def in_ascii(word: str) -> str:
    """Return a word without its accents, and without other characters that ASCII does not have."""
    return unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()


def _snake_case(word: str) -> str:
    return inflection.underscore(re.sub(r"[\s-]+", "_", word.strip()))


def _label(name: str) -> str:
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def _malformed(word: str, name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", in_ascii(name).lower()).strip("_")
    if plain[:1].isdigit():
        plain = f"model_{plain}"
    suggestion = (
        plain
        if plain and why_not_a_model(plain, inflection.camelize(plain)) is None
        else "blog_post"
    )
    return (
        f"{word!r} cannot be the name of a model: it consists of the letters a to z, digits and "
        f"underscores, and begins with a letter, as in {suggestion}"
    )


def _shortened(name: str) -> str:
    parts, short = name.split("_"), ""
    for part in parts:
        if len(short) + len(part) >= _LONGEST_TABLE // 2:
            break
        short = f"{short}_{part}" if short else part
    return short or name[: _LONGEST_TABLE // 2]
