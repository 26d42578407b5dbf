"""A keyword argument into and out of the call that creates an object in Python code."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ._bracketed_items import BracketedList, insert_item, remove_item
from ._conflict import Conflict, PlaceNotFound
from ._python_code import PythonCode, same
from ._python_statements import find_creation

if TYPE_CHECKING:
    from photon_runtime.generators import InsertArgument


def insert_argument(text: str, edit: InsertArgument, line_length: int) -> str:
    """Return the text with the argument; the same text if it is present already.

    Raises:
        PlaceNotFound: The class is not called, or several times, to make a variable.
        Conflict: The call has the argument with another value.
    """
    code = PythonCode(text)
    call = _call(code, edit)
    new = _parsed(edit)
    known = _known(call, new)
    if known is None:
        item = edit.argument.strip()
        return insert_item(_arguments(code, call), item, len(call.args), line_length)
    if same(known.value, new.value):
        return text
    raise Conflict(f"`{edit.on}` has the argument `{ast.unparse(known)}` already")


def remove_argument(text: str, edit: InsertArgument) -> str:
    """Return the text without the argument; the same text if it is absent.

    Raises:
        Conflict: Its value was changed, or a comment was added beside it.
    """
    code = PythonCode(text)
    try:
        call = _call(code, edit)
    except PlaceNotFound:
        return text
    new = _parsed(edit)
    known = _known(call, new)
    if known is None:
        return text
    if not same(known.value, new.value):
        raise Conflict(f"the argument `{ast.unparse(known)}` of `{edit.on}` was changed")
    at = len(call.args) + call.keywords.index(known)
    return remove_item(_arguments(code, call), at)


def _call(code: PythonCode, edit: InsertArgument) -> ast.Call:
    _, _, statement = find_creation(code, edit.on, edit.variable)
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Call):
        raise PlaceNotFound(f"`{edit.on}` is not called", f"in the call of `{edit.on}`")
    return value


def _arguments(code: PythonCode, call: ast.Call) -> BracketedList:
    start = code.text.index("(", code.span(call.func)[1]) + 1
    return BracketedList(code.text, start, code.span(call)[1] - 1)


def _parsed(edit: InsertArgument) -> ast.keyword:
    call = ast.parse(f"_({edit.argument.strip()})", mode="eval").body
    if not isinstance(call, ast.Call) or len(call.keywords) != 1 or call.args:
        raise ValueError(f"`argument` is one keyword argument, not {edit.argument!r}")
    return call.keywords[0]


def _known(call: ast.Call, new: ast.keyword) -> ast.keyword | None:
    return next((each for each in call.keywords if each.arg == new.arg), None)
