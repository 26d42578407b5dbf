"""`rename`: names on the wire by a rule, for the members of a class.

An attribute is ``tag_list`` in Python and ``tagList`` in JSON. A rule is the name of a spelling or
a function from the name of an attribute to the name on the wire. A name that a member has of its
own takes precedence: see `photon_openapi.schema.members_of`.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, TypeVar

from photon_runtime.errors import SignatureError

C = TypeVar("C", bound=type)

Spelling: TypeAlias = Literal["camel", "pascal", "kebab", "lower", "upper"]
NameRule: TypeAlias = Spelling | Callable[[str], str]

_MARK: Final = "__photon_rename__"


def rename(rule: NameRule) -> Callable[[C], C]:
    """Give the members of a class names on the wire by a rule.

    The names are those of JSON, forms, parameter models, the document and the errors, in both
    directions. Classes that inherit from the class have them too, except for a ``TypedDict``, which
    Python makes without its bases: decorate it as well. A member with a name of its own,
    by ``Param(name=...)``, an attrs ``alias`` or msgspec's ``field(name=...)``, keeps it.

    Args:
        rule: ``camel`` (``tagList``), ``pascal`` (``TagList``), ``kebab`` (``tag-list``), ``lower``
            (``taglist``), ``upper`` (``TAG_LIST``), or a function from the name of an attribute to
            the name on the wire. An underscore at the end of a name, as in ``class_``, is left out
            by the named rules.

    Raises:
        SignatureError: The rule does not exist, or the decorated object is not a class.

    Example:
        >>> import attrs
        >>> from photon_openapi.annotations import rename
        >>> @rename("camel")
        ... @attrs.frozen
        ... class Article:
        ...     tag_list: list[str]
    """
    require_rule(rule, "rename")

    def mark(cls: C) -> C:
        if not isinstance(cls, type):
            raise SignatureError(
                f'@rename decorates a class, got {cls!r}: write @rename("camel") above it'
            )
        # Packages that know no classes of this one read it, too, such as the forms of templates.
        setattr(cls, _MARK, functools.partial(renamed, rule=rule))
        return cls

    return mark


def require_rule(rule: object, place: str) -> None:
    """Refuse what is not a rule for names.

    Raises:
        SignatureError: The rule does not exist.
    """
    names = typing.get_args(Spelling)
    if rule in names or (callable(rule) and not isinstance(rule, type)):
        return
    raise SignatureError(
        f"{place} takes {', '.join(map(repr, names))}, or a function from the name of an attribute "
        f"to the name on the wire, got {rule!r}"
    )


def rename_rule(cls: Any) -> Callable[[str], str] | None:
    """Return the rule of a class, or of the nearest class that it inherits from, as a function."""
    rule: Callable[[str], str] | None = getattr(cls, _MARK, None)
    return rule


def renamed(name: str, rule: NameRule) -> str:
    """Return the name on the wire of an attribute.

    Raises:
        TypeError: A function does not return a name.
    """
    if not isinstance(rule, str):
        result: object = rule(name)
        if not isinstance(result, str) or not result:
            raise TypeError(f"the rule for names returns {result!r} for {name!r}, not a name")
        return result
    words = [word for word in name.split("_") if word]
    match rule:
        case "camel":
            return words[0] + "".join(map(_capital, words[1:]))
        case "pascal":
            return "".join(map(_capital, words))
        case "kebab":
            return "-".join(words)
        case "lower":
            return "".join(words).lower()
        case "upper":
            return "_".join(words).upper()


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
