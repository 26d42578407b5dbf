"""The plural categories of languages, according to the CLDR.

The rules of the languages below are here; any other language has ``one`` for 1 and ``other``. The
rules for whole numbers are complete; a number with decimals has the category that the CLDR gives to
decimals, which is ``other`` in nearly all languages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Number: TypeAlias = int | float
_Rule: TypeAlias = Callable[[int], str]

CATEGORIES: Final = ("zero", "one", "two", "few", "many", "other")


def plural_category(locale: str, count: object) -> str:
    """Return the plural category of a number in the language of a locale.

    Example:
        >>> from photon_templates.translation import plural_category
        >>> [plural_category("ru", count) for count in (1, 3, 5, 21)]
        ['one', 'few', 'many', 'one']
    """
    language = locale.partition("-")[0].lower()
    try:
        number = abs(float(count))  # type: ignore[arg-type]  # numbers of any class
    except (TypeError, ValueError):
        return "other"
    if number != number or number == float("inf"):  # noqa: PLR0124 - not a number
        return "other"
    whole = int(number)
    if whole != number:
        return _decimal(language, whole)
    rule, _ = _RULES.get(language, (_one, ("one",)))
    return rule(whole)


def categories_of(locale: str) -> tuple[str, ...]:
    """Return the categories that a text in a language needs besides ``other``."""
    language = locale.partition("-")[0].lower()
    return _RULES.get(language, (_one, ("one",)))[1]


def _decimal(language: str, whole: int) -> str:
    if language in ("cs", "sk", "lt"):
        return "many"
    is_one = (language in _ZERO_IS_ONE and whole < 2) or (language == "da" and whole == 1)
    return "one" if is_one else "other"


def _none(count: int) -> str:
    return "other"


def _one(count: int) -> str:
    return "one" if count == 1 else "other"


def _zero_or_one(count: int) -> str:
    return "one" if count <= 1 else "other"


def _east_slavic(count: int) -> str:
    if count % 10 == 1 and count % 100 != 11:
        return "one"
    if 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14:
        return "few"
    return "many"


def _south_slavic(count: int) -> str:
    category = _east_slavic(count)
    return "other" if category == "many" else category


def _polish(count: int) -> str:
    category = _east_slavic(count)
    return "many" if category == "one" and count != 1 else category


def _czech(count: int) -> str:
    if count == 1:
        return "one"
    return "few" if 2 <= count <= 4 else "other"


def _slovenian(count: int) -> str:
    return {1: "one", 2: "two", 3: "few", 4: "few"}.get(count % 100, "other")


def _lithuanian(count: int) -> str:
    if 11 <= count % 100 <= 19 or count % 10 == 0:
        return "other"
    return "one" if count % 10 == 1 else "few"


def _latvian(count: int) -> str:
    if count % 10 == 0 or 11 <= count % 100 <= 19:
        return "zero"
    return "one" if count % 10 == 1 else "other"


def _romanian(count: int) -> str:
    if count == 1:
        return "one"
    return "few" if count == 0 or 1 <= count % 100 <= 19 else "other"


def _arabic(count: int) -> str:
    if count <= 2:
        return ("zero", "one", "two")[count]
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if 11 <= count % 100 <= 99 else "other"


def _hebrew(count: int) -> str:
    return {1: "one", 2: "two"}.get(count, "other")


def _irish(count: int) -> str:
    if count in (1, 2):
        return ("one", "two")[count - 1]
    return "few" if 3 <= count <= 6 else "many" if 7 <= count <= 10 else "other"


def _welsh(count: int) -> str:
    return {0: "zero", 1: "one", 2: "two", 3: "few", 6: "many"}.get(count, "other")


_ZERO_IS_ONE: Final = ("fr", "pt", "hy", "hi", "bn", "fa", "am", "gu", "kn", "zu")
_RULES: Final[dict[str, tuple[_Rule, tuple[str, ...]]]] = {
    **dict.fromkeys(("id", "ja", "ko", "ms", "my", "th", "vi", "zh"), (_none, ())),
    **dict.fromkeys(_ZERO_IS_ONE, (_zero_or_one, ("one",))),
    **dict.fromkeys(("ru", "uk", "be"), (_east_slavic, ("one", "few", "many"))),
    **dict.fromkeys(("bs", "hr", "sr"), (_south_slavic, ("one", "few"))),
    "pl": (_polish, ("one", "few", "many")),
    **dict.fromkeys(("cs", "sk"), (_czech, ("one", "few"))),
    "sl": (_slovenian, ("one", "two", "few")),
    "lt": (_lithuanian, ("one", "few")),
    "lv": (_latvian, ("zero", "one")),
    **dict.fromkeys(("ro", "mo"), (_romanian, ("one", "few"))),
    "ar": (_arabic, ("zero", "one", "two", "few", "many")),
    "he": (_hebrew, ("one", "two")),
    "ga": (_irish, ("one", "two", "few", "many")),
    "cy": (_welsh, ("zero", "one", "two", "few", "many")),
}
