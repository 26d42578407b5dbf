"""Elements into and out of a list in Python code: of names that are imported, or a display.

The layout stays: a list with one element in each line gets one line more, others stay in one line
while it is short enough; what would be too long is written with one element in each line, as
formatters do. The elements are found by tokens, because the syntax tree has neither commas nor the
brackets around a single element.
"""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

import attrs

from ._conflict import Conflict
from ._source_text import indentation, line_end

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAYOUT_TOKENS = {
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.COMMENT,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@attrs.frozen
class Element:
    """An element of a list.

    Attributes:
        start: The offset of its first character.
        stop: The offset behind its last character.
        comma: The offset of the comma that follows it.
    """

    start: int
    stop: int
    comma: int | None


@attrs.frozen
class BracketedList:
    """A list in a text.

    Attributes:
        text: The text.
        start: The offset of the first character between the brackets; without brackets, of the
            first element.
        stop: The offset of the closing bracket; without brackets, behind the last element.
        has_brackets: Whether there are brackets around it.
        is_tuple: Whether a single element needs a comma.
    """

    text: str
    start: int
    stop: int
    has_brackets: bool = True
    is_tuple: bool = False
    elements: tuple[Element, ...] = attrs.field(init=False)

    @elements.default
    def _found(self) -> tuple[Element, ...]:
        return tuple(_elements(self.text[self.start : self.stop], self.start))

    @property
    def is_one_line(self) -> bool:
        """Whether the whole list is in one line."""
        return not re.search(r"[\r\n]", self.text[self.start : self.stop])

    @property
    def is_one_per_line(self) -> bool:
        """Whether each element begins a line."""
        return (
            self.has_brackets
            and bool(self.elements)
            and all(
                not self.text[self.line_start(each.start) : each.start].strip()
                for each in self.elements
            )
        )

    def line_start(self, offset: int) -> int:
        """Return the offset of the first character of a line."""
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def line_stop(self, offset: int) -> int:
        """Return the offset behind a line and its end."""
        found = re.compile(r"\r\n|\r|\n").search(self.text, offset)
        return found.end() if found else len(self.text)

    def behind(self, element: Element) -> int:
        """Return the offset behind an element and its comma."""
        return element.stop if element.comma is None else element.comma + 1


def insert_item(items: BracketedList, item: str, at: int, line_length: int) -> str:
    """Return the text with one more element.

    Args:
        items: The list.
        item: The element.
        at: The number of elements before it.
        line_length: The number of columns of a line.
    """
    if items.is_one_per_line:
        return _insert_line(items, item, at)
    changed = _insert_inline(items, item, at)
    first = items.line_start(items.start)
    width = len(re.split(r"[\r\n]", changed[first:], maxsplit=1)[0].expandtabs(4))
    if items.is_one_line and width > line_length:
        return _one_per_line(items, item, at)
    return changed


def remove_item(items: BracketedList, at: int) -> str:
    """Return the text without one of several elements, or without the only one in brackets.

    Raises:
        Conflict: A comment was added beside the element.
    """
    text, elements = items.text, items.elements
    element = elements[at]
    if items.is_one_per_line:
        start, stop = items.line_start(element.start), items.line_stop(items.behind(element))
        if "#" in text[items.behind(element) : stop]:
            raise Conflict(f"a comment was added beside `{text[element.start : element.stop]}`")
        if stop <= items.stop:
            return _without_line(items, at, start, stop)
    if len(elements) == 1:
        return text[: items.start] + text[items.stop :]
    if at:
        changed = text[: elements[at - 1].stop] + text[element.stop :]
    else:
        changed = text[: element.start] + text[elements[1].start :]
    if items.is_tuple and len(elements) == 2:
        rest = elements[1 - at]
        stop = rest.stop if at else rest.stop - (elements[1].start - element.start)
        if not changed[stop:].lstrip().startswith(","):
            changed = f"{changed[:stop]},{changed[stop:]}"
    return changed


def _without_line(items: BracketedList, at: int, start: int, stop: int) -> str:
    text, elements = items.text, items.elements
    changed = text[:start] + text[stop:]
    if len(elements) == 1:
        inner = changed[items.start : items.stop - (stop - start)]
        return changed if inner.strip() else text[: items.start] + text[items.stop :]
    comma = elements[at - 1].comma
    is_last = at == len(elements) - 1
    if is_last and elements[at].comma is None and comma is not None and not items.is_tuple:
        changed = changed[:comma] + changed[comma + 1 :]
    return changed


def _insert_line(items: BracketedList, item: str, at: int) -> str:
    """Insert a line of its own."""
    text, elements = items.text, items.elements
    end = line_end(text)
    prefix = indentation(text[items.line_start(elements[0].start) :])
    if at == 0:
        start = items.line_start(elements[0].start)
        while (above := items.line_start(start - 1)) > items.start and not _is_code(
            text[above:start]
        ):
            start = above  # comments above the first element belong to it
        return f"{text[:start]}{prefix}{item},{end}{text[start:]}"
    last = elements[at - 1]
    comma, own = "", ","
    if last.comma is None:
        comma, own = ",", ""
    stop = items.line_stop(items.behind(last))
    if stop > items.stop:  # the bracket is on the line of the last element
        return f"{text[: last.stop]},{end}{prefix}{item}{text[last.stop :]}"
    return (
        f"{text[: last.stop]}{comma}{text[last.stop : stop]}{prefix}{item}{own}{end}{text[stop:]}"
    )


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _insert_inline(items: BracketedList, item: str, at: int) -> str:
    text, elements = items.text, items.elements
    if not elements:
        start = items.line_start(items.stop)
        if start > items.start and not text[start : items.stop].strip():
            indent = indentation(text[items.line_start(items.start) :])
            indent += "\t" if "\t" in indent else "    "
            return f"{text[:start]}{indent}{item},{line_end(text)}{text[start:]}"
        return text[: items.stop] + item + "," * items.is_tuple + text[items.stop :]
    if at < len(elements):
        start = elements[at].start
        return f"{text[:start]}{item}, {text[start:]}"
    last = elements[-1]
    rest = items.behind(last) if items.is_tuple and len(elements) == 1 else last.stop
    return f"{text[: last.stop]}, {item}{text[rest:]}"


def _one_per_line(items: BracketedList, item: str, at: int) -> str:
    """Write the list with one element in each line."""
    text, end = items.text, line_end(items.text)
    outer = indentation(text[items.line_start(items.start) :])
    inner = outer + ("\t" if "\t" in outer else "    ")
    code = [text[each.start : each.stop] for each in items.elements]
    code.insert(at, item)
    lines = end + "".join(f"{inner}{each},{end}" for each in code) + outer
    if not items.has_brackets:
        lines = f"({lines})"
    return text[: items.start] + lines + text[items.stop :]


def _elements(inner: str, base: int) -> Iterator[Element]:
    """Find the elements of what is between two brackets."""
    plain = "(" + inner.replace("\r\n", " \n").replace("\r", "\n") + "\n)"  # offsets stay
    starts = [0, *(found.end() for found in re.finditer("\n", plain))]
    depth, lambdas, first, last = 0, 0, None, 0
    for token in tokenize.generate_tokens(io.StringIO(plain).readline):
        start = starts[token.start[0] - 1] + token.start[1] - 1 + base
        stop = starts[token.end[0] - 1] + token.end[1] - 1 + base
        depth += (token.string in "([{" and token.type == tokenize.OP) - (
            token.string in ")]}" and token.type == tokenize.OP
        )
        if token.type in _LAYOUT_TOKENS or (depth == 1 and token.string == "(" and start < base):
            continue
        if depth == 1:  # lambda a, b: ...
            lambdas += (token.string == "lambda") - (token.string == ":" and lambdas > 0)
        if depth == 0 or (depth == 1 and token.string == "," and not lambdas):
            if first is not None:
                yield Element(first, last, start if token.string == "," else None)
            first = None
            if depth == 0:
                return
            continue
        first = start if first is None else first
        last = stop
