"""Types to inputs: which widget a member has, and the attributes that follow from its constraints.

A type may name its widget in an attribute ``form_widget``, as the router's uploaded files do.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
import typing
from collections.abc import Mapping
from collections.abc import Sequence as AbstractSequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, TypeAlias

from photon_runtime.forms import is_password_name

from ._labels import words_of
from ._members import Member
from ._options import options_of_type

Widget: TypeAlias = Literal[
    "checkbox", "checkboxes", "color", "date", "datetime-local", "email", "file", "hidden",
    "multiselect", "number", "password", "radio", "range", "search", "select", "tel", "text",
    "textarea", "texts", "time", "url",
]  # fmt: skip
"""What a field looks like. ``multiselect`` and ``checkboxes`` have several choices of some,
``select`` and ``radio`` have one, ``texts`` is a list of texts; the others are types of inputs."""

WIDGETS: Final[frozenset[str]] = frozenset(typing.get_args(Widget))
CHOICES: Final = frozenset({"checkboxes", "multiselect", "radio", "select"})
SEVERAL: Final = frozenset({"checkboxes", "multiselect", "texts"})
GROUPS: Final = frozenset({"checkboxes", "radio", "texts"})
_TEXT_INPUTS: Final = frozenset({"email", "password", "search", "tel", "text", "textarea", "url"})
_NUMBERS: Final = frozenset({"number", "range"})
_BY_TYPE: Final[Mapping[Any, Widget]] = {
    bool: "checkbox",
    datetime.date: "date",
    datetime.datetime: "datetime-local",
    datetime.time: "time",
    decimal.Decimal: "number",
    float: "number",
    int: "number",
}
_LONG_NAMES: Final = frozenset(
    {"bio", "biography", "body", "comment", "content", "description", "message", "notes", "text"}
)
_BY_LAST_WORD: Final[Mapping[str, Widget]] = {
    "email": "email",
    "mail": "email",
    "homepage": "url",
    "phone": "tel",
    "telephone": "tel",
    "url": "url",
    "website": "url",
}
_LONG: Final = 255


def widget_of(member: Member, *, has_options: bool) -> Widget:
    """Return the widget of a member.

    Args:
        member: The member.
        has_options: True if the page has choices for it.
    """
    if is_list(member.type):
        return _list_widget(member, has_options=has_options)
    own: Widget | None = getattr(member.type, "form_widget", None)
    if own is not None:
        return own
    if has_options or options_of_type(member.type) is not None:
        is_consent = typing.get_args(member.type) == (True,)
        return "checkbox" if is_consent else "select"
    if member.type is bool and member.is_optional:
        return "select"
    by_type = _BY_TYPE.get(member.type) if isinstance(member.type, typing.Hashable) else None
    return by_type if by_type is not None else _text_widget(member)


def is_list(type_: Any) -> bool:
    """Return whether values of a type are several values."""
    origin = typing.get_origin(type_) or type_
    return (
        isinstance(origin, type)
        and not issubclass(origin, str | bytes)  # a `StrEnum` is a text, too
        and issubclass(origin, AbstractSequence | AbstractSet)
    )


def item_type(type_: Any) -> Any:
    """Return the type of the items of a list."""
    arguments = [each for each in typing.get_args(type_) if each is not Ellipsis]
    return arguments[0] if arguments else str


def _list_widget(member: Member, *, has_options: bool) -> Widget:
    item = item_type(member.type)
    if getattr(item, "form_widget", None) == "file":
        return "file"
    return "multiselect" if has_options or options_of_type(item) is not None else "texts"


def _text_widget(member: Member) -> Widget:
    words = words_of(member.name)
    last = words[-1] if words else ""
    if is_password_name(member.name) or member.is_secret:
        return "password"
    if last in _BY_LAST_WORD:
        return _BY_LAST_WORD[last]
    longest = member.constraints.get("max_length")
    if longest is None:
        return "textarea" if last in _LONG_NAMES else "text"
    return "textarea" if longest > _LONG else "text"


def attributes_of(member: Member, widget: str) -> dict[str, object]:
    """Return the attributes of an input that follow from type and constraints of its member."""
    constraints, found = member.constraints, {}
    if widget in _TEXT_INPUTS:
        found = {
            "minlength": constraints.get("min_length"),
            "maxlength": constraints.get("max_length"),
        }
        if widget != "textarea" and "pattern" in constraints:
            found["pattern"] = whole_pattern(constraints["pattern"])
    elif widget in _NUMBERS:
        found = _number_attributes(member)
    elif widget == "file" and is_list(member.type):
        found = {"multiple": True}
    return {name: value for name, value in found.items() if value is not None}


def _number_attributes(member: Member) -> dict[str, object]:
    limits, is_whole = member.constraints, member.type is int
    lowest, highest = limits.get("ge"), limits.get("le")
    if is_whole and lowest is None and "gt" in limits:
        lowest = math.floor(limits["gt"]) + 1
    if is_whole and highest is None and "lt" in limits:
        highest = math.ceil(limits["lt"]) - 1
    step: object = limits.get("multiple_of") or (1 if is_whole else "any")
    if "ge" in limits and "multiple_of" in limits and limits["ge"] % limits["multiple_of"]:
        step = "any"  # a browser counts steps from the lowest value
    return {
        "min": lowest if lowest is not None else limits.get("gt"),
        "max": highest if highest is not None else limits.get("lt"),
        "step": step,
    }


def is_required(member: Member, widget: str) -> bool:
    """Return whether a browser may refuse an empty input."""
    if member.is_optional:
        return False
    if widget in SEVERAL or is_list(member.type):
        return widget == "multiselect" and bool(member.constraints.get("min_length"))
    if widget == "checkbox":
        return member.type is not bool and member.is_required
    if member.type is str and member.constraints.get("min_length"):
        return True
    return member.is_required


_READABLE: Final = {
    "color": re.compile(r"#[0-9A-Fa-f]{6}"),
    "date": re.compile(r"\d{4,}-\d\d-\d\d"),
    "datetime-local": re.compile(r"\d{4,}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"),
    "number": re.compile(r"-?(\d+(\.\d+)?|\.\d+)([eE][-+]?\d+)?"),
    "time": re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?"),
}
_READABLE["range"] = _READABLE["number"]


def shows(widget: str, text: str) -> bool:
    """Return whether an input shows a text; a browser empties a number that it cannot read."""
    pattern = _READABLE.get(widget)
    return not text or pattern is None or pattern.fullmatch(text) is not None


def whole_pattern(pattern: str) -> str:
    """Return an expression that matches a whole text where ``pattern`` matches in it.

    The attribute ``pattern`` is compared with the whole text, a constraint searches in it.
    """
    inner = pattern[1:-1] if pattern.startswith("^") and pattern.endswith("$") else ""
    if inner and "|" not in inner and not inner.endswith("\\"):
        return inner
    return f".*(?:{pattern}).*"
